#include "runtime/config/settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/model/config_keys.h"
#include "core/model/config_value.h"

namespace faultline::config {
using model::ConfigKey;

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() <= ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() <= ' ') text.remove_suffix(1);
    return text;
}
}  // namespace

std::string to_string(const Problem& problem) {
    const std::string text =
        fmt::format("{}:{}: {}: {}{}{}", problem.place.file, problem.place.line, problem.key,
                    problem.wrong, problem.right.empty() ? "" : "; ", problem.right);
    // Keys and values may hold line ends, by an escape of properties files: one problem, one line.
    std::string line;
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x20 || code == 0x7f)
            line += fmt::format("\\u{:04x}", code);
        else
            line += c;
    }
    return line;
}

void Settings::add(std::string_view file, std::span<const Property> properties) {
    for (const auto& property : properties) {
        set(property.key, property.value, {std::string(file), property.line});
    }
}

void Settings::set(std::string_view key, std::string_view value, Place place) {
    values_.insert_or_assign(std::string(key), Value{std::string(value), std::move(place)});
}

std::vector<Problem> Settings::check() const {
    std::vector<Problem> problems;
    for (const auto& [name, value] : values_) {
        const ConfigKey* key = model::find_broker_or_listener_key(name);
        if (key == nullptr) {
            const std::string near = model::nearest_broker_key(name);
            problems.push_back({value.place, name, "is no key of Kafka 4.3 or Faultline",
                                near.empty() ? "see docs/CONFIG.md for the keys"
                                             : fmt::format("did you mean {}?", near)});
        } else if (auto wrong = model::check_value(*key, name, value.text)) {
            problems.push_back({value.place, name, *std::move(wrong), ""});
        }
    }
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return a.place.line < b.place.line;
    });
    return problems;
}

bool Settings::given(std::string_view key) const { return values_.contains(key); }

Place Settings::place_of(std::string_view key) const {
    const auto it = values_.find(key);
    if (it != values_.end()) return it->second.place;
    // A key that nobody gave is wrong in the file as a whole.
    return values_.empty() ? Place{"configuration", 1}
                           : Place{values_.begin()->second.place.file, 1};
}

Problem Settings::problem(std::string_view key, std::string wrong, std::string right) const {
    return {place_of(key), std::string(key), std::move(wrong), std::move(right)};
}

std::optional<std::string> Settings::raw(std::string_view key) const {
    asked_.emplace(key);
    const auto it = values_.find(key);
    if (it != values_.end()) return it->second.text;
    const ConfigKey* known = model::find_broker_key(key);
    FL_ASSERT(known != nullptr);
    if (known->preset == model::kNull || known->required()) return std::nullopt;
    return std::string(known->preset);
}

bool Settings::flag(std::string_view key) const {
    const auto value = raw(key);
    FL_ASSERT(value.has_value());
    return model::parse_boolean(*value).value_or(false);
}

std::optional<std::int64_t> Settings::number_if_any(std::string_view key) const {
    const auto value = raw(key);
    return value ? model::parse_integer(*value) : std::nullopt;
}

std::int64_t Settings::number(std::string_view key) const {
    const auto value = number_if_any(key);
    FL_ASSERT(value.has_value());
    return *value;
}

double Settings::real(std::string_view key) const {
    const auto value = raw(key);
    const auto number = value ? model::parse_double(*value) : std::nullopt;
    FL_ASSERT(number.has_value());
    return *number;
}

std::optional<std::string> Settings::text_if_any(std::string_view key) const {
    const auto value = raw(key);
    return value ? std::optional(std::string(trim(*value))) : std::nullopt;
}

std::string Settings::text(std::string_view key) const {
    return text_if_any(key).value_or(std::string());
}

std::vector<std::string> Settings::list(std::string_view key) const {
    const auto value = raw(key);
    return value ? model::parse_list(*value) : std::vector<std::string>{};
}

std::vector<std::string> Settings::without_effect() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) {
        if (asked_.contains(name)) continue;
        const ConfigKey* known = model::find_broker_key(name);
        const bool is_preset =
            known != nullptr && known->preset != model::kNull && known->preset == value.text;
        if (!is_preset) names.push_back(name);
    }
    return names;
}

model::ConfigMap Settings::all() const {
    model::ConfigMap map;
    for (const auto& [name, value] : values_) map.emplace(name, value.text);
    return map;
}

std::string Settings::shown(std::string_view key) const {
    const ConfigKey* known = model::find_broker_or_listener_key(key);
    if (known != nullptr && known->sensitive()) return "[hidden]";
    const auto it = values_.find(key);
    if (it != values_.end()) return it->second.text;
    return known == nullptr || known->preset == model::kNull || known->required() ? ""
                                                                                  : known->preset;
}
}  // namespace faultline::config
