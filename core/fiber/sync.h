// Fiber-blocking primitives for ONE shard: no atomics, strict FIFO hand-off.
#pragma once
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "core/fiber/scheduler.h"

namespace faultline::fiber {

// Parks in `list` until woken. cancelled or timed_out as errors.
Result<void> wait_in(WaitList& list, Deadline deadline, StopToken stop = {});

// Fair: unlock hands ownership to the oldest waiter.
class Mutex {
public:
    class [[nodiscard]] Guard {
    public:
        Guard(Guard&& o) noexcept : mutex_(std::exchange(o.mutex_, nullptr)) {}
        Guard& operator=(Guard&&) = delete;
        ~Guard() {
            if (mutex_ != nullptr) mutex_->unlock();
        }

    private:
        friend class Mutex;
        explicit Guard(Mutex* m) : mutex_(m) {}
        Mutex* mutex_;
    };
    // Parks.
    Guard lock();
    Result<Guard> lock(Deadline deadline, StopToken stop = {});
    bool locked() const noexcept { return locked_; }

private:
    void unlock() noexcept;
    bool locked_ = false;
    WaitList waiters_;
};

// Always used with a predicate, so there is no folklore about spurious wakes.
class Condition {
public:
    // Parks until ready() is true. timed_out, cancelled.
    template <class Pred>
    Result<void> wait(Deadline deadline, StopToken stop, Pred ready) {
        while (!ready()) FL_CHECK(wait_in(waiters_, deadline, stop));
        return {};
    }
    void notify_all() noexcept;

private:
    WaitList waiters_;
};

// Byte and request budgets. Units are RAII, so an early return cannot leak them. A request larger
// than the whole budget is granted when all units are free, so that it cannot starve.
class Semaphore {
public:
    explicit Semaphore(std::size_t units) : total_(units), free_(units) {}
    class [[nodiscard]] Units {
    public:
        Units() = default;
        Units(Units&& o) noexcept : semaphore_(std::exchange(o.semaphore_, nullptr)), n_(o.n_) {}
        Units& operator=(Units&& o) noexcept {
            std::swap(semaphore_, o.semaphore_);
            std::swap(n_, o.n_);
            return *this;
        }
        ~Units() {
            if (semaphore_ != nullptr) semaphore_->release(n_);
        }
        std::size_t count() const noexcept { return n_; }

    private:
        friend class Semaphore;
        Units(Semaphore* s, std::size_t n) : semaphore_(s), n_(n) {}
        Semaphore* semaphore_ = nullptr;
        std::size_t n_ = 0;
    };
    // Parks. First come, first served: a small request does not overtake a large one.
    Result<Units> acquire(std::size_t n, Deadline deadline, StopToken stop = {});
    std::optional<Units> try_acquire(std::size_t n);
    std::size_t available() const noexcept { return free_; }

private:
    struct Request;
    void release(std::size_t n) noexcept;
    std::size_t total_, free_;
    std::deque<Request*> queue_;
};

// "Stop letting requests in, wait until the last one left."
class Gate {
public:
    class [[nodiscard]] Pass {
    public:
        Pass(Pass&& o) noexcept : gate_(std::exchange(o.gate_, nullptr)) {}
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (gate_ != nullptr) gate_->leave();
        }

    private:
        friend class Gate;
        explicit Pass(Gate* g) : gate_(g) {}
        Gate* gate_;
    };
    std::optional<Pass> enter();
    // Parks until everybody has left.
    void close_and_drain();

private:
    void leave() noexcept;
    std::size_t inside_ = 0;
    bool closed_ = false;
    WaitList waiters_;
};

// A bounded queue; there is no unbounded one anywhere in core.
template <class T>
class Channel {
public:
    explicit Channel(std::size_t capacity) : capacity_(capacity) {}
    // Parks while full. closed after close(); then `item` is dropped.
    Result<void> push(T item, Deadline deadline, StopToken stop = {}) {
        while (!closed_ && items_.size() >= capacity_) FL_CHECK(wait_in(pushers_, deadline, stop));
        if (closed_) return Error{Errc::closed, 0, "channel.push"};
        add(std::move(item));
        return {};
    }
    // Back-pressure without parking: false, and `item` untouched, when full or closed.
    bool try_push(T& item) {
        if (closed_ || items_.size() >= capacity_) return false;
        add(std::move(item));
        return true;
    }
    // Parks while empty. Drains what is left after close(), then closed.
    Result<T> pop(Deadline deadline, StopToken stop = {}) {
        while (items_.empty() && !closed_) FL_CHECK(wait_in(poppers_, deadline, stop));
        if (items_.empty()) return Error{Errc::closed, 0, "channel.pop"};
        return take();
    }
    std::optional<T> try_pop() {
        if (items_.empty()) return std::nullopt;
        return take();
    }
    void close() noexcept {
        closed_ = true;
        pushers_.for_each([](Waiter& w) { w.wake(); });
        poppers_.for_each([](Waiter& w) { w.wake(); });
    }
    std::size_t size() const noexcept { return items_.size(); }
    bool closed() const noexcept { return closed_; }

private:
    void add(T item) {
        items_.push_back(std::move(item));
        if (!poppers_.empty()) poppers_.pop_front().wake();
    }
    T take() {
        T item = std::move(items_.front());
        items_.pop_front();
        if (!pushers_.empty()) pushers_.pop_front().wake();
        // More is here and another consumer waits: a wake that hit a timed-out waiter is not lost.
        if (!items_.empty() && !poppers_.empty()) poppers_.pop_front().wake();
        return item;
    }
    std::size_t capacity_;
    std::deque<T> items_;
    bool closed_ = false;
    WaitList pushers_, poppers_;
};
}  // namespace faultline::fiber
