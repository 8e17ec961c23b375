// How the time of one machine goes, measured with the scheduler's: they differ only in a simulator,
// where clocks drift and virtual machines are stopped. Without a time base both are the same.
#pragma once
#include "core/base/assert.h"
#include "core/base/time.h"

namespace faultline::fiber {

class TimeBase {
public:
    // The machine's monotonic time when the scheduler's is `t`, which never goes back.
    MonoTime local(MonoTime t) const noexcept {
        const MonoTime mine = shown_at(t);
        FL_INVARIANT(1, mine >= last_);
        return last_ = mine;
    }
    // What local() will be at `t`, if the time base does not change before.
    MonoTime shown_at(MonoTime t) const noexcept {
        const std::int64_t passed = stands_ ? 0 : t.ns - origin_.ns;
        return {local_.ns + passed + part(passed, ppm_, kMillion)};
    }
    // The first time of the scheduler at which local() has come to `mine`; never() while it stands.
    MonoTime scheduler_time(MonoTime mine) const noexcept {
        if (mine == MonoTime::never()) return mine;
        if (mine <= local_) return origin_;
        if (stands_) return MonoTime::never();
        const std::int64_t wanted = mine.ns - local_.ns;
        if (wanted > kFar) return MonoTime::never();
        // A guess that is short by rounding at most, then the exact place.
        std::int64_t passed = wanted - part(wanted, ppm_, kMillion + ppm_);
        while (passed > 0 && passed - 1 + part(passed - 1, ppm_, kMillion) >= wanted) --passed;
        while (passed + part(passed, ppm_, kMillion) < wanted) ++passed;
        return {origin_.ns + passed};
    }
    // From the scheduler's time `t` on it runs fast by so many millionths (negative: slow; up to
    // half), or stands still. Timers that are armed must be armed anew: Scheduler::retime.
    void change(MonoTime t, std::int64_t ppm, bool stands) noexcept {
        FL_ASSERT(ppm >= -500'000 && ppm <= 500'000);
        local_ = local(t);
        origin_ = t;
        ppm_ = ppm;
        stands_ = stands;
    }
    std::int64_t ppm() const noexcept { return ppm_; }
    bool stands() const noexcept { return stands_; }

private:
    static constexpr std::int64_t kFar = INT64_MAX / 4;
    static constexpr std::int64_t kMillion = 1'000'000;
    // n * ppm / of, rounded towards zero, without overflow.
    static std::int64_t part(std::int64_t n, std::int64_t ppm, std::int64_t of) noexcept {
        return n / of * ppm + n % of * ppm / of;
    }
    MonoTime origin_{}, local_{};
    std::int64_t ppm_ = 0;
    bool stands_ = false;
    mutable MonoTime last_{};
};
}  // namespace faultline::fiber
