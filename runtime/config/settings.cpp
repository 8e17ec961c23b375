#include "runtime/config/settings.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "runtime/config/known_keys.h"

namespace faultline::config {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() <= ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() <= ' ') text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    text = trim(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<bool> parse_flag(std::string_view text) {
    const std::string word = lower(trim(text));
    if (word == "true") return true;
    if (word == "false") return false;
    return std::nullopt;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!(text = trim(text)).empty()) {
        const auto end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

// "1..", "0..500", "1..9 or -1".
template <class T>
bool in_bounds(std::string_view valid, T value) {
    if (valid.ends_with(" or -1")) {
        if (value == T{-1}) return true;
        valid.remove_suffix(6);
    }
    const auto dots = valid.find("..");
    if (dots == std::string_view::npos) return true;
    const auto low = parse_number<T>(valid.substr(0, dots));
    const auto high = parse_number<T>(valid.substr(dots + 2));
    return (!low || value >= *low) && (!high || value <= *high);
}

std::string bounds_text(std::string_view valid) {
    std::string_view suffix;
    if (valid.ends_with(" or -1")) {
        suffix = ", or -1";
        valid.remove_suffix(6);
    }
    const auto dots = valid.find("..");
    const auto high = valid.substr(dots + 2);
    if (high.empty()) return fmt::format("at least {}", valid.substr(0, dots));
    return fmt::format("{} to {}{}", valid.substr(0, dots), high, suffix);
}

struct Wrong {
    std::string wrong, right;
};

template <class T>
std::optional<Wrong> check_number(const KnownKey& key, std::string_view value,
                                  std::string_view kind) {
    const auto number = parse_number<T>(value);
    if (!number) return Wrong{fmt::format("\"{}\" is no {}", value, kind), std::string(kind)};
    if (in_bounds<T>(key.valid, *number)) return std::nullopt;
    return Wrong{fmt::format("{} is out of bounds", trim(value)), bounds_text(key.valid)};
}

// The choices of "one of: a b" or "any case: A B", for one element.
std::optional<Wrong> check_choice(const KnownKey& key, const std::string& element) {
    const bool exact = key.valid.starts_with("one of: ");
    if (!exact && !key.valid.starts_with("any case: ")) return std::nullopt;
    const auto words = words_of(key.valid.substr(key.valid.find(": ") + 2));
    std::string list;
    for (const auto& word : words) {
        if (element == word || (!exact && lower(element) == lower(word))) return std::nullopt;
        list += (list.empty() ? "" : ", ") + word;
    }
    return Wrong{fmt::format("\"{}\" is not allowed", element), "one of " + list};
}

std::optional<Wrong> check_text(const KnownKey& key, std::string_view value) {
    if (key.valid == "not empty" && trim(value).empty()) {
        return Wrong{"is empty", key.type == KeyType::list ? "at least one element" : "a value"};
    }
    if (key.type != KeyType::list) return check_choice(key, std::string(trim(value)));
    for (const auto& element : split_list(value)) {
        if (auto wrong = check_choice(key, element)) return wrong;
    }
    return std::nullopt;
}

std::optional<Wrong> check_value(const KnownKey& key, std::string_view value) {
    switch (key.type) {
        case KeyType::boolean:
            if (parse_flag(value)) return std::nullopt;
            return Wrong{fmt::format("\"{}\" is no boolean", value), "true or false"};
        case KeyType::int32: return check_number<std::int32_t>(key, value, "32 bit number");
        case KeyType::int64: return check_number<std::int64_t>(key, value, "64 bit number");
        case KeyType::real: return check_number<double>(key, value, "number");
        case KeyType::text:
        case KeyType::list:
        case KeyType::secret: return check_text(key, value);
    }
    FL_UNREACHABLE();
}

// Per-listener settings are "listener.name.NAME." and another key.
const KnownKey* key_of(std::string_view name) {
    constexpr std::string_view kPrefix = "listener.name.";
    if (name.starts_with(kPrefix)) {
        const auto dot = name.find('.', kPrefix.size());
        if (dot != std::string_view::npos) name = name.substr(dot + 1);
    }
    return find_key(name);
}

std::string nearest_key(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& key : known_keys()) names.push_back(key.name);
    return std::string(nearest_word(name, names));
}
}  // namespace

std::string to_string(const Problem& problem) {
    return fmt::format("{}:{}: {}: {}; {}", problem.place.file, problem.place.line, problem.key,
                       problem.wrong, problem.right);
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> elements;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        const auto element = trim(text.substr(0, end));
        if (!element.empty()) elements.emplace_back(element);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return elements;
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
        const KnownKey* key = key_of(name);
        if (key == nullptr) {
            const std::string near = nearest_key(name);
            problems.push_back({value.place, name, "is no key of Kafka 4.3 or Faultline",
                                near.empty() ? "see docs/CONFIG.md for the keys"
                                             : fmt::format("did you mean {}?", near)});
        } else if (auto wrong = check_value(*key, value.text)) {
            problems.push_back(
                {value.place, name, std::move(wrong->wrong), std::move(wrong->right)});
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
    const KnownKey* known = find_key(key);
    FL_ASSERT(known != nullptr);
    if (known->preset == kNull || known->required()) return std::nullopt;
    return std::string(known->preset);
}

bool Settings::flag(std::string_view key) const {
    const auto value = raw(key);
    FL_ASSERT(value.has_value());
    return parse_flag(*value).value_or(false);
}

std::optional<std::int64_t> Settings::number_if_any(std::string_view key) const {
    const auto value = raw(key);
    return value ? parse_number<std::int64_t>(*value) : std::nullopt;
}

std::int64_t Settings::number(std::string_view key) const {
    const auto value = number_if_any(key);
    FL_ASSERT(value.has_value());
    return *value;
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
    return value ? split_list(*value) : std::vector<std::string>{};
}

std::vector<std::string> Settings::without_effect() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) {
        if (asked_.contains(name)) continue;
        const KnownKey* known = find_key(name);
        const bool is_preset =
            known != nullptr && known->preset != kNull && known->preset == value.text;
        if (!is_preset) names.push_back(name);
    }
    return names;
}

std::string Settings::shown(std::string_view key) const {
    const KnownKey* known = key_of(key);
    if (known != nullptr && known->type == KeyType::secret) return "[hidden]";
    const auto it = values_.find(key);
    if (it != values_.end()) return it->second.text;
    return known == nullptr || known->preset == kNull || known->required() ? "" : known->preset;
}
}  // namespace faultline::config
