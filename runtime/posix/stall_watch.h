// Reports a fiber that ran too long without parking: nothing else on its shard moved meanwhile.
#pragma once
#include <atomic>
#include <memory>
#include <signal.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/time.h"
#include "core/fiber/scheduler.h"

namespace faultline::posix {

// A timer signal that looks at the scheduler's pulse of its own thread. The timer is off while the
// shard sleeps, so an idle shard is not woken. One per shard thread; at most one report a second.
class StallWatch {
public:
    // On the shard's thread, before Scheduler::run(). Finds every stall of twice `limit`, none
    // shorter than `limit`. The report is logged when the fiber has parked; one that runs for over
    // a second also writes its backtrace to stderr at once.
    StallWatch(const fiber::Scheduler& scheduler, Logger& log, Duration limit);
    ~StallWatch();
    StallWatch(const StallWatch&) = delete;
    StallWatch& operator=(const StallWatch&) = delete;

    // By the driver, around its sleep.
    void before_sleep() noexcept;
    void after_sleep() noexcept;
    // Logs what the signal handler noted. Outside fibers.
    void log_reports();
    std::uint64_t stalls() const noexcept { return stalls_; }

private:
    struct Note;
    static void on_signal(int, siginfo_t*, void*);
    void tick() noexcept;
    void arm(bool on) noexcept;

    const fiber::Scheduler& scheduler_;
    Logger& log_;
    Duration limit_;
    timer_t timer_{};
    bool made_ = false;
    std::unique_ptr<Note> note_;
    std::unique_ptr<std::byte[]> signal_stack_;
    // Shared with the handler, which runs on this very thread.
    std::atomic<bool> asleep_{false}, armed_{false};
    std::atomic<std::uint64_t> last_switches_{0};
    std::uint64_t stalls_ = 0;
    MonoTime next_report_{};
};
}  // namespace faultline::posix
