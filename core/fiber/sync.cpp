#include "core/fiber/sync.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::fiber {

Result<void> wait_in(WaitList& list, Deadline deadline, StopToken stop) {
    Waiter waiter;
    list.push_back(waiter);
    switch (waiter.park(deadline, stop)) {
        case Wake::signalled: return {};
        case Wake::timed_out: return Error{Errc::timed_out, 0, "fiber.wait"};
        case Wake::cancelled: break;
    }
    return Error{Errc::cancelled, 0, "fiber.wait"};
}

Mutex::Guard Mutex::lock() {
    auto guard = lock(Deadline::never());
    FL_ASSERT(guard.ok());  // nothing can cancel this wait
    return *std::move(guard);
}

Result<Mutex::Guard> Mutex::lock(Deadline deadline, StopToken stop) {
    if (!locked_) {
        locked_ = true;
        return Guard{this};
    }
    FL_CHECK(wait_in(waiters_, deadline, stop));
    return Guard{this};  // unlock() left locked_ set for us
}

void Mutex::unlock() noexcept {
    if (waiters_.empty()) {
        locked_ = false;
    } else {
        waiters_.pop_front().wake();
    }
}

void Condition::notify_all() noexcept {
    waiters_.for_each([](Waiter& w) { w.wake(); });
}

struct Semaphore::Request {
    std::size_t n;
    Waiter waiter;
    bool granted = false;
};

Result<Semaphore::Units> Semaphore::acquire(std::size_t n, Deadline deadline, StopToken stop) {
    if (auto units = try_acquire(n)) return *std::move(units);
    Request request{.n = std::min(n, total_)};
    queue_.push_back(&request);
    // Leaves the queue however the wait ends, also when the fiber is killed.
    struct Leave {
        Semaphore& s;
        Request& r;
        ~Leave() {
            if (r.granted) return;
            std::erase(s.queue_, &r);
            s.release(0);  // those behind us may fit now
        }
    } leave{*this, request};
    const Wake wake = request.waiter.park(deadline, stop);
    if (request.granted) return Units{this, request.n};
    return Error{wake == Wake::timed_out ? Errc::timed_out : Errc::cancelled, 0,
                 "semaphore.acquire"};
}

std::optional<Semaphore::Units> Semaphore::try_acquire(std::size_t n) {
    n = std::min(n, total_);
    if (!queue_.empty() || n > free_) return std::nullopt;
    free_ -= n;
    return Units{this, n};
}

void Semaphore::release(std::size_t n) noexcept {
    free_ += n;
    while (!queue_.empty() && queue_.front()->n <= free_) {
        Request& next = *queue_.front();
        queue_.pop_front();
        free_ -= next.n;
        next.granted = true;
        next.waiter.wake();
    }
}

std::optional<Gate::Pass> Gate::enter() {
    if (closed_) return std::nullopt;
    ++inside_;
    return Pass{this};
}

void Gate::leave() noexcept {
    if (--inside_ > 0) return;
    waiters_.for_each([](Waiter& w) { w.wake(); });
}

void Gate::close_and_drain() {
    closed_ = true;
    while (inside_ > 0) (void)wait_in(waiters_, Deadline::never());
}
}  // namespace faultline::fiber
