// A node's view of time. Not virtual: reading it is a load.
#pragma once
#include "core/base/time.h"
#include "core/fiber/scheduler.h"

namespace faultline {

// Constant while a fiber runs, because the scheduler's time is. Two reads in one function are
// equal, and a test can say exactly what a function saw. Deadlines are times of this clock.
class Clock {
public:
    explicit Clock(const fiber::Scheduler& scheduler) : scheduler_(scheduler) {}
    // Never goes back.
    MonoTime now() const noexcept {
        if (base_ != nullptr) [[unlikely]]
            return base_->local(scheduler_.now());
        return scheduler_.now();
    }
    WallTime wall() const noexcept {
        if (frozen_) return frozen_wall_;
        return {(now().ns + wall_offset_ns_) / 1'000'000};
    }
    Deadline in(Duration d) const noexcept { return {now() + d}; }

private:
    friend class ClockControl;
    const fiber::Scheduler& scheduler_;
    std::int64_t wall_offset_ns_ = 0;
    const fiber::TimeBase* base_ = nullptr;  // null: the scheduler's time
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
    // Must outlive the clock, and be the one of the domains whose fibers read it.
    void set_time_base(const fiber::TimeBase* base) noexcept { clock_.base_ = base; }
    // The wall clock shows `at` until it is thawed.
    void freeze_wall(WallTime at) noexcept {
        clock_.frozen_wall_ = at;
        clock_.frozen_ = true;
    }
    void thaw_wall() noexcept { clock_.frozen_ = false; }

private:
    Clock& clock_;
};
}  // namespace faultline
