#include "runtime/posix/stall_watch.h"

#include <algorithm>
#include <cstring>
#include <execinfo.h>
#include <memory>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "runtime/posix/epoll_driver.h"

namespace faultline::posix {
namespace {
constexpr std::size_t kSignalStack = 64 * 1024;
constexpr int kFrames = 32;
constexpr Duration kBetweenReports = 1s;
int stall_signal() { return SIGRTMIN + 2; }
}  // namespace

// Written by the handler, read outside it, on one thread.
struct StallWatch::Note {
    std::atomic<bool> taken{false};  // a stall is noted and not logged yet
    char fiber[64]{};
    void* frames[kFrames]{};
    int depth = 0;
    std::uint64_t ticks = 0;  // of the present stall
};

StallWatch::StallWatch(const fiber::Scheduler& scheduler, Logger& log, Duration limit)
    : scheduler_(scheduler), log_(log), limit_(limit), note_(std::make_unique<Note>()) {
    if (limit.count() <= 0) return;
    // The first call loads the unwinder, which allocates: not in the handler.
    (void)::backtrace(note_->frames, 1);
    // Fiber stacks are small.
    signal_stack_ = std::make_unique<std::byte[]>(kSignalStack);
    stack_t stack{};
    stack.ss_sp = signal_stack_.get();
    stack.ss_size = kSignalStack;
    FL_ASSERT(::sigaltstack(&stack, nullptr) == 0);
    struct sigaction action {};
    action.sa_sigaction = &StallWatch::on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    FL_ASSERT(::sigaction(stall_signal(), &action, nullptr) == 0);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = stall_signal();
    event.sigev_value.sival_ptr = this;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    made_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (made_) arm(true);
}

StallWatch::~StallWatch() {
    if (!made_) return;
    // A signal may still be on its way to this thread: take it while `this` is alive.
    ::timer_delete(timer_);
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, stall_signal());
    ::pthread_sigmask(SIG_BLOCK, &ours, &before);
    const timespec no_wait{};
    while (::sigtimedwait(&ours, nullptr, &no_wait) > 0) {
    }
    stack_t off{};
    off.ss_flags = SS_DISABLE;
    (void)::sigaltstack(&off, nullptr);
}

void StallWatch::arm(bool on) noexcept {
    armed_ = on;
    itimerspec spec{};
    if (on) {
        spec.it_interval.tv_nsec = spec.it_value.tv_nsec = limit_.count();
        spec.it_interval.tv_sec = spec.it_value.tv_sec = 0;
    }
    (void)::timer_settime(timer_, 0, &spec, nullptr);
}

void StallWatch::before_sleep() noexcept { asleep_ = true; }

void StallWatch::after_sleep() noexcept {
    asleep_ = false;
    if (made_ && !armed_) arm(true);
}

void StallWatch::on_signal(int, siginfo_t* info, void*) {
    const int saved = errno;
    static_cast<StallWatch*>(info->si_value.sival_ptr)->tick();
    errno = saved;
}

void StallWatch::tick() noexcept {
    if (asleep_) {
        arm(false);
        return;
    }
    const std::uint64_t switches = scheduler_.switches();
    const bool same = last_switches_.exchange(switches) == switches && scheduler_.in_fiber();
    Note& n = *note_;
    if (!same) {
        n.ticks = 0;
        return;
    }
    ++n.ticks;
    if (n.ticks == 1 && !n.taken) {
        const std::string_view name = scheduler_.current_name();
        const std::size_t size = std::min(name.size(), sizeof n.fiber - 1);
        std::memcpy(n.fiber, name.data(), size);
        n.fiber[size] = 0;
        n.depth = ::backtrace(n.frames, kFrames);
        n.taken = true;
    }
    if (n.ticks == static_cast<std::uint64_t>(1'000'000'000 / limit_.count())) {
        static constexpr char kText[] = "faultline: a fiber has been running for a second:\n";
        (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
        void* frames[kFrames];
        ::backtrace_symbols_fd(frames, ::backtrace(frames, kFrames), STDERR_FILENO);
    }
}

void StallWatch::log_reports() {
    if (!note_->taken) return;
    ++stalls_;
    const MonoTime now = EpollDriver::clock();
    if (now >= next_report_) {
        next_report_ = now + kBetweenReports;
        std::string text;
        struct Free {
            void operator()(char** p) const { ::free(p); }
        };
        const std::unique_ptr<char*, Free> names(::backtrace_symbols(note_->frames, note_->depth));
        // The first frames are the handler's own.
        for (int i = 3; names && i < note_->depth; ++i) {
            text += "\n    ";
            text += names.get()[i];
        }
        log_.warn("fiber '{}' ran for over {} ms without parking; {} stalls so far{}", note_->fiber,
                  limit_.count() / 1'000'000, stalls_, text);
    }
    note_->taken = false;
}
}  // namespace faultline::posix
