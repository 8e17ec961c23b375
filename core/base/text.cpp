#include "core/base/text.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace faultline {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
        }
    }
    return row[b.size()];
}

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// A whole number followed by one of the units; nothing on anything else.
std::optional<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0) return std::nullopt;
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& u : units) {
        if (rest != u.name) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(number, u.factor, &product)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}
}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, (word.size() + 2) / 3) + 1;
    for (const std::string_view c : candidates) {
        const std::size_t d = edit_distance(word, c);
        if (d < best_distance) {
            best = c;
            best_distance = d;
        }
    }
    return best;
}

std::optional<Duration> parse_duration(std::string_view text) {
    static constexpr Unit kUnits[] = {
        {"ns", 1},
        {"us", 1'000},
        {"ms", 1'000'000},
        {"s", 1'000'000'000},
        {"m", 60'000'000'000},
        {"h", 3'600'000'000'000},
        {"d", 86'400'000'000'000},
    };
    if (text == "0") return Duration{0};
    const auto ns = parse_with_unit(text, kUnits);
    return ns ? std::optional{Duration{*ns}} : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    static constexpr Unit kUnits[] = {{"", 1},
                                      {"B", 1},
                                      {"KiB", std::int64_t{1} << 10},
                                      {"MiB", std::int64_t{1} << 20},
                                      {"GiB", std::int64_t{1} << 30},
                                      {"TiB", std::int64_t{1} << 40}};
    const auto bytes = parse_with_unit(text, kUnits);
    return bytes ? std::optional{static_cast<std::uint64_t>(*bytes)} : std::nullopt;
}

std::string format_seconds(Duration d, bool micros) {
    const std::int64_t us = d.count() / 1000;
    if (micros) return fmt::format("{}.{:06}s", us / 1'000'000, us % 1'000'000);
    return fmt::format("{}.{:03}s", us / 1'000'000, us / 1000 % 1000);
}

std::string excerpt(std::string_view text) {
    constexpr std::size_t kMost = 1024;
    if (text.size() <= kMost) return std::string(text);
    std::size_t end = kMost;
    // No character of UTF-8 is cut.
    while (end > kMost - 4 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return std::string(text.substr(0, end)) + "...";
}

bool glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
    while (t < text.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) &&
            pattern[p] != '*') {
            ++p;
            ++t;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}
}  // namespace faultline
