// Time as plain values. Pure logic includes this, never env/clock.h.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>

namespace faultline {
using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: durations are written 250ms everywhere

struct MonoTime {  // only differences mean anything; never persisted, never sent
    std::int64_t ns = 0;
    friend constexpr auto operator<=>(MonoTime, MonoTime) = default;
    // Saturates at never(), so that "now + a huge timeout" stays in the future.
    friend constexpr MonoTime operator+(MonoTime t, Duration d) {
        if (d.count() > 0 && t.ns > INT64_MAX - d.count()) return never();
        return {t.ns + d.count()};
    }
    friend constexpr Duration operator-(MonoTime a, MonoTime b) { return Duration{a.ns - b.ns}; }
    static constexpr MonoTime never() { return {INT64_MAX}; }
};

struct WallTime {  // milliseconds since the Unix epoch, as Kafka's records carry it; may jump
    std::int64_t ms = 0;
    friend constexpr auto operator<=>(WallTime, WallTime) = default;
};

struct Deadline {  // every call that can park takes one
    MonoTime at = MonoTime::never();
    friend constexpr auto operator<=>(Deadline, Deadline) = default;
    static constexpr Deadline never() { return {}; }
};
}  // namespace faultline
