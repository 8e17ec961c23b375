// A node's view of time. Not virtual: reading it is a load.
#pragma once
#include "core/base/time.h"
#include "core/fiber/scheduler.h"

namespace faultline {

// Constant while a fiber runs, because the scheduler's time is. Two reads in one function are
// equal, and a test can say exactly what a function saw.
class Clock {
public:
    explicit Clock(const fiber::Scheduler& scheduler) : scheduler_(scheduler) {}
    MonoTime now() const noexcept { return scheduler_.now(); }
    WallTime wall() const noexcept {
        if (frozen_) return frozen_wall_;
        return {(scheduler_.now().ns + wall_offset_ns_) / 1'000'000};
    }
    // A drifting node's timers run fast or slow; its monotonic clock never goes back.
    Deadline in(Duration d) const noexcept {
        if (drift_ppm_ != 0) d -= Duration{d.count() / 1'000'000 * drift_ppm_};
        return {now() + d};
    }

private:
    friend class ClockControl;
    const fiber::Scheduler& scheduler_;
    std::int64_t wall_offset_ns_ = 0;
    std::int64_t drift_ppm_ = 0;  // positive: this node's clock runs fast
    bool frozen_ = false;
    WallTime frozen_wall_{};
};

// The world's handle on a Clock: the POSIX driver sets the offset, the simulator skews it.
class ClockControl {
public:
    explicit ClockControl(Clock& clock) : clock_(clock) {}
    // wall = monotonic + offset.
    void set_wall_offset(Duration offset) noexcept { clock_.wall_offset_ns_ = offset.count(); }
    Duration wall_offset() const noexcept { return Duration{clock_.wall_offset_ns_}; }
    void set_drift_ppm(std::int64_t ppm) noexcept { clock_.drift_ppm_ = ppm; }
    void freeze_wall(bool on) noexcept {
        clock_.frozen_wall_ = clock_.wall();
        clock_.frozen_ = on;
    }

private:
    Clock& clock_;
};
}  // namespace faultline
