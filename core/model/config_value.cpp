#include "core/model/config_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/base/text.h"

namespace faultline::model {
namespace {

std::string_view trim(std::string_view text) {
    const auto space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!(text = trim(text)).empty()) {
        const auto end = std::min(text.find(' '), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

std::string invalid(std::string_view name, std::string_view value, std::string_view why) {
    return fmt::format("Invalid value {} for configuration {}: {}", excerpt(value), excerpt(name),
                       why);
}

// "1..", "0..500", "1..9 or -1"; texts, for Kafka prints a bound as it was written.
struct Bounds {
    std::string_view low, high;
    bool or_minus_one = false;
};
Bounds bounds_of(std::string_view valid) {
    Bounds b;
    constexpr std::string_view kSuffix = " or -1";
    if (valid.ends_with(kSuffix)) {
        b.or_minus_one = true;
        valid.remove_suffix(kSuffix.size());
    }
    const auto dots = valid.find("..");
    if (dots == std::string_view::npos) return b;
    b.low = valid.substr(0, dots);
    b.high = valid.substr(dots + 2);
    return b;
}

template <class Number>
std::optional<std::string> check_bounds(const ConfigKey& key, std::string_view name, Number value,
                                        const std::string& shown) {
    const Bounds b = bounds_of(key.valid);
    const auto bound = [](std::string_view text) {
        return static_cast<Number>(*parse_double(text));  // none needs more than 53 bits
    };
    const bool below = !b.low.empty() && value < bound(b.low);
    const bool above = !b.high.empty() && value > bound(b.high);
    if (b.or_minus_one) {
        if (value == Number{-1} || (!below && !above)) return std::nullopt;
        return invalid(
            name, shown,
            fmt::format("Value must be between {} and {} or equal to -1", b.low, b.high));
    }
    if (below) return invalid(name, shown, fmt::format("Value must be at least {}", b.low));
    if (above) return invalid(name, shown, fmt::format("Value must be no more than {}", b.high));
    return std::nullopt;
}

std::optional<std::string> check_integer(const ConfigKey& key, std::string_view name,
                                         std::string_view text, std::int64_t least,
                                         std::int64_t most, std::string_view kind) {
    const auto number = parse_integer(text);
    if (!number || *number < least || *number > most)
        return invalid(name, text, fmt::format("Not a number of type {}", kind));
    return check_bounds(key, name, *number, fmt::format("{}", *number));
}

std::optional<std::string> check_double(const ConfigKey& key, std::string_view name,
                                        std::string_view text) {
    const auto number = parse_double(text);
    if (!number) return invalid(name, text, "Not a number of type DOUBLE");
    return check_bounds(key, name, *number, double_text(*number));
}

std::optional<std::string> check_text(const ConfigKey& key, std::string_view name,
                                      std::string_view text) {
    const std::string_view value = trim(text);
    if (key.valid == "not empty") {
        if (value.empty()) return invalid(name, value, "String must be non-empty");
        return std::nullopt;
    }
    const bool exact = key.valid.starts_with("one of: ");
    if (!exact && !key.valid.starts_with("any case: ")) return std::nullopt;
    const auto words = words_of(key.valid.substr(key.valid.find(": ") + 2));
    const bool good = std::ranges::any_of(words, [&](std::string_view word) {
        return exact ? word == value : lower(word) == lower(value);
    });
    if (good) return std::nullopt;
    return invalid(name, value,
                   fmt::format("String must be one of{}: {}", exact ? "" : " (case insensitive)",
                               fmt::join(words, ", ")));
}

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "host:9093", the host not empty.
bool is_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    return colon != std::string_view::npos && colon > 0 && is_number(text.substr(colon + 1));
}

std::optional<std::string> check_endpoints(std::string_view name,
                                           const std::vector<std::string>& elements) {
    for (const auto& e : elements) {
        if (is_endpoint(e)) continue;
        return fmt::format(
            "Failed to parse host name from {} for the configuration {}. Each entry should be in "
            "the form \"{{host}}:{{port}}\"",
            excerpt(e), name);
    }
    return std::nullopt;
}

std::optional<std::string> check_voters(std::string_view name,
                                        const std::vector<std::string>& elements) {
    for (const std::string_view e : elements) {
        const auto at = e.find('@');
        if (at != std::string_view::npos && is_number(e.substr(0, at)) &&
            is_endpoint(e.substr(at + 1))) {
            continue;
        }
        return fmt::format(
            "Invalid configuration value for {}. Each entry should be in the form "
            "`{{id}}@{{host}}:{{port}}`.",
            name);
    }
    return std::nullopt;
}

// Replicas whose replication is throttled (KIP-73).
std::optional<std::string> check_throttled(std::string_view name,
                                           const std::vector<std::string>& elements) {
    if (elements == std::vector<std::string>{"*"}) return std::nullopt;
    // Elements that are all empty are none.
    const bool none = std::ranges::all_of(elements, &std::string::empty);
    const bool good = none || std::ranges::all_of(elements, [](std::string_view e) {
                          const auto colon = e.find(':');
                          return colon != std::string_view::npos && is_number(e.substr(0, colon)) &&
                                 is_number(e.substr(colon + 1));
                      });
    if (good) return std::nullopt;
    return invalid(
        name, fmt::format("[{}]", fmt::join(elements, ", ")),
        fmt::format("{} must be the literal '*' or a list of replicas in the following format: "
                    "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
                    name));
}

// KIP-1161: no element is empty, none stands twice.
std::optional<std::string> check_list(const ConfigKey& key, std::string_view name,
                                      std::string_view text) {
    const auto elements = parse_list(text);
    if (key.valid == "endpoints") return check_endpoints(name, elements);
    if (key.valid == "voters") return check_voters(name, elements);
    if (key.valid == "throttled") return check_throttled(name, elements);
    const auto colon = key.valid.find(": ");
    const auto words = colon == std::string_view::npos ? std::vector<std::string_view>{}
                                                       : words_of(key.valid.substr(colon + 2));
    if (elements.empty() && key.valid.starts_with("some")) {
        return fmt::format(
            "Configuration '{}' must not be empty. Valid values include: {}", name,
            words.empty() ? "any non-empty value" : fmt::format("[{}]", fmt::join(words, ", ")));
    }
    if (std::set<std::string>(elements.begin(), elements.end()).size() != elements.size())
        return fmt::format("Configuration '{}' values must not be duplicated.", name);
    for (const auto& e : elements) {
        if (e.empty()) return fmt::format("Configuration '{}' values must not be empty.", name);
        if (!words.empty() && std::ranges::find(words, e) == words.end())
            return invalid(name, e,
                           fmt::format("String must be one of: {}", fmt::join(words, ", ")));
    }
    return std::nullopt;
}
}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
    text = trim(text);
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> parse_double(std::string_view text) {
    text = trim(text);
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    const double sign = negative ? -1.0 : 1.0;
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return sign * std::numeric_limits<double>::infinity();
    if (text.ends_with('f') || text.ends_with('F') || text.ends_with('d') || text.ends_with('D'))
        text.remove_suffix(1);
    // Neither a second sign nor from_chars' own words for what is no number.
    if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.'))
        return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) {
        const bool tiny =
            text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
        return sign * (tiny ? 0.0 : std::numeric_limits<double>::infinity());
    }
    if (error != std::errc{}) return std::nullopt;
    return sign * value;
}

std::optional<bool> parse_boolean(std::string_view text) {
    const std::string word = lower(trim(text));
    if (word == "true") return true;
    if (word == "false") return false;
    return std::nullopt;
}

std::vector<std::string> parse_list(std::string_view text) {
    std::vector<std::string> elements;
    text = trim(text);
    if (text.empty()) return elements;
    for (std::size_t at = 0; at <= text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        elements.emplace_back(trim(text.substr(at, comma - at)));
        at = comma + 1;
    }
    return elements;
}

std::string join_list(const std::vector<std::string>& elements) {
    return fmt::format("{}", fmt::join(elements, ","));
}

std::string double_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    const double size = std::fabs(value);
    if (size == 0 || (size >= 1e-3 && size < 1e7)) {
        std::string text = fmt::format("{}", value);
        if (text.find('.') == std::string::npos) text += ".0";
        return text;
    }
    // 1.5e+08 is Java's 1.5E8.
    std::array<char, 40> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                            std::chars_format::scientific);
    FL_ASSERT(error == std::errc{});
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const auto e = text.find('e');
    std::string mantissa(text.substr(0, e));
    if (mantissa.find('.') == std::string::npos) mantissa += ".0";
    return fmt::format("{}E{}", mantissa, *parse_integer(text.substr(e + 1)));
}

std::optional<std::string> check_value(const ConfigKey& key, std::string_view name,
                                       std::string_view text) {
    switch (key.type) {
        case ConfigType::boolean:
            if (parse_boolean(text)) return std::nullopt;
            return invalid(name, text, "Expected value to be either true or false");
        case ConfigType::int16:
            return check_integer(key, name, text, INT16_MIN, INT16_MAX, "SHORT");
        case ConfigType::int32: return check_integer(key, name, text, INT32_MIN, INT32_MAX, "INT");
        case ConfigType::int64: return check_integer(key, name, text, INT64_MIN, INT64_MAX, "LONG");
        case ConfigType::float64: return check_double(key, name, text);
        case ConfigType::string: return check_text(key, name, text);
        case ConfigType::list: return check_list(key, name, text);
        case ConfigType::class_name:
        case ConfigType::password:
        case ConfigType::unknown: return std::nullopt;
    }
    FL_UNREACHABLE();
}

std::string shown_value(const ConfigKey& key, std::string_view text) {
    switch (key.type) {
        case ConfigType::boolean:
            if (const auto flag = parse_boolean(text)) return *flag ? "true" : "false";
            break;
        case ConfigType::int16:
        case ConfigType::int32:
        case ConfigType::int64:
            if (const auto number = parse_integer(text)) return fmt::format("{}", *number);
            break;
        case ConfigType::float64:
            if (const auto number = parse_double(text)) return double_text(*number);
            break;
        case ConfigType::list: return join_list(parse_list(text));
        case ConfigType::string:
        case ConfigType::class_name: return std::string(trim(text));
        case ConfigType::password:
        case ConfigType::unknown: break;
    }
    return std::string(text);
}
}  // namespace faultline::model
