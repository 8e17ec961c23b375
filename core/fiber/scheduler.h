// ONE scheduler, two drivers. Concrete on purpose: the code that parks, wakes, times out and
// cancels fibers is the same object code under test and in production.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/intrusive_list.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/fiber/stop.h"
#include "core/fiber/time_base.h"

namespace faultline::fiber {

class Fiber;  // context, pooled stack, exception globals, sanitizer state: scheduler.cpp
class Scheduler;
class StackPool;
struct DomainTag;
struct WaitTag;

enum class Wake : std::uint8_t { signalled, timed_out, cancelled };

// The only suspension primitive: Mutex, Channel, File::read, Connection::write are written on it.
// Lives on the parked fiber's stack. One shard only.
class Waiter : public TaggedHook<StopTag>, public TaggedHook<WaitTag> {
public:
    Waiter() = default;
    // Parks the current fiber until wake(), the deadline or the stop token; which of them came
    // first is the result. Returns at once when wake() came before, or the token had stopped.
    // Requires: inside a fiber; not while unwinding (no parking in destructors).
    // Throws FiberKilled when the fiber's domain is killed: only the fiber's entry catches it.
    Wake park(Deadline deadline, StopToken stop = {});
    // Idempotent. Does not switch: the fiber becomes runnable.
    void wake() noexcept { wake_with(Wake::signalled); }
    bool woken() const noexcept { return woken_; }

private:
    friend class Scheduler;
    friend class StopSource;
    void wake_with(Wake reason) noexcept;
    Fiber* fiber_ = nullptr;  // set while parked
    bool woken_ = false;
    Wake reason_ = Wake::signalled;
};
using WaitList = IntrusiveList<Waiter, WaitTag>;

// What differs between the worlds. Simulator: virtual time and a seeded choice. POSIX: epoll, FIFO.
class Driver {
public:
    virtual ~Driver() = default;
    // Index into the run queue, below `runnable`. Asked only when there is a choice (runnable > 1).
    // Scheduler::candidate() says who they are.
    virtual std::size_t choose(std::size_t runnable) noexcept = 0;
    // Harvest what has completed and return the time. Never waits.
    virtual MonoTime poll() noexcept = 0;
    // Nothing is runnable. Sleep or jump to `until` at the latest, earlier if something happens;
    // returns the new time. MonoTime::never() means that nothing can ever happen: run() returns.
    virtual MonoTime wait(MonoTime until) noexcept = 0;
};

// Fibers that live and die together: one shard of one node's incarnation. Inherited by spawn.
class Domain {
public:
    // `name` must outlive the domain. With a time base, which must outlive it too, deadlines of
    // its fibers are times of that machine.
    explicit Domain(std::string_view name = "", const TimeBase* base = nullptr);
    ~Domain();  // asserts: no live fiber
    Domain(const Domain&) = delete;
    Domain& operator=(const Domain&) = delete;
    std::string_view name() const noexcept { return name_; }
    bool empty() const noexcept { return fibers_.empty(); }
    bool killed() const noexcept { return killed_; }

private:
    friend class Scheduler;
    std::string_view name_;
    const TimeBase* base_;
    std::uint64_t key_, born_ = 0;            // what identifies its fibers: Candidate
    IntrusiveList<Fiber, DomainTag> fibers_;  // in order of birth
    std::vector<Fiber*> held_;                // runnable, but the domain is paused
    bool paused_ = false;
    bool killed_ = false;
};

// A runnable fiber as a driver may tell it from others: by its domain's name and its place among
// the fibers born there, which are the same in every run of one program.
struct Candidate {
    std::uint64_t domain, fiber;
    std::uint64_t runs;  // how often it has run
};

struct SpawnOptions {
    std::string_view name = "fiber";  // static; shows in timeline, stall reports
    std::uint32_t stack_kib = 0;  // 0: the default, 64 (256 under a sanitizer); guard page always
    Domain* domain = nullptr;     // null: the spawner's
};

// Thrown out of every park of a killed fiber. Not a std::exception; only the fiber's entry point
// catches it. Before it flies the node's env is dead, so destructors cannot have effects.
struct FiberKilled {};

class Scheduler {
public:
    explicit Scheduler(Driver& driver);
    ~Scheduler();  // asserts: no live fiber
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // Runs fibers until stop(), or until no fiber can run and the driver says never.
    // Must be called from outside any fiber.
    void run();
    void stop() noexcept { stopped_ = true; }

    // Makes a fiber; it starts when chosen. Prefer Group, which owns and joins its fibers.
    void spawn(SpawnOptions options, std::move_only_function<void()> body);
    // Parks behind the others that are runnable.
    void yield();
    // Parks. Wake::timed_out is the normal result.
    Wake sleep_until(Deadline deadline, StopToken stop = {});

    // Simulated power loss. Every fiber of the domain is unwound now, youngest first (so that a
    // child never outlives the frame it refers to). From outside the domain's fibers only.
    void kill(Domain& domain);
    // A process that is stopped (SIGSTOP): its fibers stay where they are until resume().
    void pause(Domain& domain) noexcept { domain.paused_ = true; }
    void resume(Domain& domain);
    // The domain's time base has changed: its sleepers wake by it from now on.
    void retime(Domain& domain);

    // Constant while a fiber runs; changes only when the driver is polled.
    MonoTime now() const noexcept { return now_; }
    // For a probe, which reads the time as a load. Valid as long as the scheduler.
    const MonoTime* now_pointer() const noexcept { return &now_; }
    // A time of this scheduler as a deadline of the running fiber, which is not before it.
    Deadline here(MonoTime t) const noexcept;
    // For drivers: the time of what they are about to deliver. Never goes back.
    void advance(MonoTime t) noexcept;
    Driver& driver() noexcept { return driver_; }
    std::size_t live_fibers() const noexcept { return live_; }
    // Switches into fibers so far: the simulator's measure of work, the stall detector's pulse.
    std::uint64_t switches() const noexcept { return switches_; }
    // Of the running fiber; empty outside. May be read by a signal handler of this thread.
    std::string_view current_name() const noexcept;
    Domain* current_domain() const noexcept;
    bool in_fiber() const noexcept { return current_ != nullptr; }
    // The ith of the run queue; for Driver::choose.
    Candidate candidate(std::size_t i) const noexcept;
    // A word that flows from cause to effect: a fiber begins with its spawner's, and takes over
    // that of whoever wakes it; a time-out leaves it. The scheduler gives it no meaning. What
    // points here sees the running fiber's word, or outside fibers what the driver has set.
    std::uint64_t* context_word() noexcept { return &word_; }
    bool& fiber_mark() noexcept;  // one flag of the running fiber, for env/shards.h

    // The scheduler whose run() is on this thread's stack: the one thread_local in core.
    static Scheduler& current() noexcept;

private:
    friend class Waiter;
    friend class Fiber;
    struct Timer {
        MonoTime at;
        std::uint64_t seq;  // ties are fired in the order of their arming
        Fiber* fiber;
    };
    void make_runnable(Fiber& fiber) noexcept;
    Fiber& take_runnable() noexcept;
    void switch_to(Fiber& fiber);
    void switch_out(Fiber& fiber);
    void reap(Fiber& fiber);
    MonoTime now_of(const Fiber& fiber) const noexcept;
    void arm(Fiber& fiber, Deadline deadline);
    void disarm(Fiber& fiber) noexcept;
    void sift_up(std::size_t i) noexcept;
    void sift_down(std::size_t i) noexcept;
    void fire_timers();
    static void entry(void* transfer);

    Driver& driver_;
    MonoTime now_{};
    Fiber* current_ = nullptr;
    std::vector<Fiber*> runnable_;  // a ring: head_ .. head_ + count_
    std::size_t head_ = 0, count_ = 0;
    std::vector<Timer> timers_;  // a binary heap by (at, seq)
    std::uint64_t word_ = 0;
    std::uint64_t timer_seq_ = 0, switches_ = 0, born_ = 0;
    std::size_t live_ = 0;
    bool stopped_ = false;
    std::unique_ptr<StackPool> stacks_;
    struct Main;  // the context of run() itself
    std::unique_ptr<Main> main_;
};

// Structured concurrency: every fiber belongs to a group, nobody detaches.
class Group {
public:
    explicit Group(Scheduler& scheduler) : scheduler_(scheduler) {}
    ~Group();  // asserts joined, or killed
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    void spawn(SpawnOptions options, std::move_only_function<void(StopToken)> body);
    void request_stop() noexcept { stop_.request_stop(); }
    StopToken token() noexcept { return stop_.token(); }
    std::size_t live() const noexcept { return live_; }
    // Parks until every fiber of the group has returned.
    void join() { (void)join(Deadline::never()); }
    Result<void> join(Deadline deadline);  // timed_out

private:
    friend struct GroupMember;
    Scheduler& scheduler_;
    StopSource stop_;
    std::size_t live_ = 0;
    WaitList joiners_;
};
}  // namespace faultline::fiber
