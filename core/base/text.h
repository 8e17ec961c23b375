// Small text helpers that error messages share.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace faultline {

// The candidate with the smallest edit distance to `word`; empty when none is near (more than a
// third of the letters differ). Ties go to the first.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

// "250ms", "10s", "1m", "2h", "30d", "5us", "7ns"; "0". Nothing on any other text or on overflow.
std::optional<Duration> parse_duration(std::string_view text);
// "64MiB", "1KiB", "100", "2GiB"; powers of two only. Nothing on any other text or on overflow.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "4.213s": seconds with milliseconds, or microseconds when `micros`.
std::string format_seconds(Duration, bool micros = false);

// What a message quotes of another's words: all of it up to 1 KiB, else its begin and "...". A
// message that quotes more may be longer than the protocol's longest string.
std::string excerpt(std::string_view text);

// Shell-like: '*' is any run of characters, '?' any one. Case matters.
bool glob_match(std::string_view pattern, std::string_view text);
}  // namespace faultline
