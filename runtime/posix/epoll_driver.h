// What a shard's thread waits on: sockets, and a doorbell for everything that other threads send.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/fiber/scheduler.h"
#include "runtime/posix/fd.h"

namespace faultline::posix {

class CompletionQueue;
class StallWatch;

// Told about its descriptor's edges. Called between fibers, on the shard's thread: it may wake
// waiters, never destroy another source.
class EventSource {
public:
    virtual void on_events(std::uint32_t epoll_events) noexcept = 0;

protected:
    ~EventSource() = default;
};

// Filled by other threads, emptied by the shard's thread when the doorbell was rung.
class Inbox {
public:
    virtual void drain() noexcept = 0;

protected:
    ~Inbox() = default;
};

// One per shard. Everything but ring() belongs to the shard's thread (or happens before it starts).
class EpollDriver final : public fiber::Driver {
public:
    EpollDriver();
    ~EpollDriver() override;

    std::size_t choose(std::size_t) noexcept override { return 0; }  // first in, first out
    MonoTime poll() noexcept override;
    // Sleeps with the precision of the kernel's high resolution timers. Never returns never():
    // another thread can always ring. A scheduler on this driver ends by Scheduler::stop().
    MonoTime wait(MonoTime until) noexcept override;

    // Edge triggered, both directions and the peer's half close. Closing the descriptor removes it,
    // remove() leaves it open.
    Result<void> add(int fd, EventSource& source);
    void remove(int fd) noexcept;
    // `inbox` is drained after each ring(); it must outlive the driver's use.
    void add_inbox(Inbox& inbox);
    void remove_inbox(Inbox& inbox);
    // From any thread, after its inbox was filled. Many rings cost one wake.
    void ring() noexcept;

    // Called about once a second while the shard is awake, and first thing after a longer sleep.
    void set_ticker(std::move_only_function<void(MonoTime)> tick) { tick_ = std::move(tick); }
    void set_stall_watch(StallWatch* watch) noexcept { watch_ = watch; }

    // The way back from the pool for calls of this shard's fibers.
    const std::shared_ptr<CompletionQueue>& completions() const noexcept { return completions_; }

    static MonoTime clock() noexcept;  // CLOCK_MONOTONIC
    // The driver of the scheduler that runs on this thread.
    static EpollDriver& current() noexcept;

private:
    MonoTime harvest(int ready) noexcept;
    int epoll_now() noexcept;
    int sleep(MonoTime now, MonoTime until) noexcept;

    static constexpr int kBatch = 256;
    Fd epoll_, doorbell_;
    std::atomic<bool> rung_{false};
    std::vector<Inbox*> inboxes_;
    std::move_only_function<void(MonoTime)> tick_;
    MonoTime next_tick_{};
    StallWatch* watch_ = nullptr;
    std::shared_ptr<CompletionQueue> completions_;
    struct Events;
    std::unique_ptr<Events> events_;
};
}  // namespace faultline::posix
