// Keeps a warning that repeats from filling the log. The one place where lines are dropped.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace faultline::log {

// Lines that differ only in their numbers are the same. Each may stand `burst` times per window;
// the first of the next window says how many were left out. Not shared between threads.
class RepeatLimit {
public:
    using Time = std::chrono::steady_clock::time_point;
    struct Options {
        std::uint32_t burst = 5;
        std::chrono::seconds window{10};
        std::size_t max_kinds = 256;  // remembered at once; the oldest window is forgotten first
    };
    RepeatLimit() : RepeatLimit(Options{}) {}
    explicit RepeatLimit(Options options) : options_(options) {}

    // Nothing: drop the line. Otherwise how many like it were dropped before it.
    std::optional<std::uint64_t> admit(std::string_view line, Time now);

private:
    struct Kind {
        Time window_start;
        std::uint32_t count = 0;
        std::uint64_t dropped = 0;
    };
    Options options_;
    std::map<std::string, Kind, std::less<>> kinds_;
};
}  // namespace faultline::log
