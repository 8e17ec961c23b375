#include "runtime/posix/epoll_driver.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/posix/blocking_pool.h"
#include "runtime/posix/errors.h"
#include "runtime/posix/stall_watch.h"

namespace faultline::posix {

struct EpollDriver::Events {
    epoll_event at[kBatch];
};

EpollDriver::EpollDriver()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      doorbell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      events_(std::make_unique<Events>()) {
    FL_ASSERT(epoll_.valid() && doorbell_.valid());
    // Edge triggered and never read: each write is an edge of its own, so reading it would be a
    // system call for nothing.
    epoll_event e{};
    e.events = EPOLLIN | EPOLLET;
    e.data.ptr = nullptr;
    FL_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, doorbell_.get(), &e) == 0);
    completions_ = std::make_shared<CompletionQueue>(*this);
    add_inbox(*completions_);
}

EpollDriver::~EpollDriver() { completions_->close(); }

MonoTime EpollDriver::clock() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return {t.tv_sec * 1'000'000'000LL + t.tv_nsec};
}

EpollDriver& EpollDriver::current() noexcept {
    return static_cast<EpollDriver&>(fiber::Scheduler::current().driver());
}

int EpollDriver::epoll_now() noexcept { return ::epoll_wait(epoll_.get(), events_->at, kBatch, 0); }

MonoTime EpollDriver::poll() noexcept { return harvest(epoll_now()); }

// The descriptors that are ready; -1: a signal came first.
int EpollDriver::sleep(MonoTime now, MonoTime until) noexcept {
    timespec timeout{};
    const timespec* limit = nullptr;  // without a limit
    if (until != MonoTime::never()) {
        const std::int64_t ns = (until - now).count();
        timeout = {ns / 1'000'000'000, ns % 1'000'000'000};
        limit = &timeout;
    }
    int ready = ::epoll_pwait2(epoll_.get(), events_->at, kBatch, limit, nullptr);
    if (ready < 0 && errno == ENOSYS) {  // before Linux 5.11, and in some sandboxes
        const std::int64_t ms =
            limit == nullptr ? -1 : ((until - now).count() + 999'999) / 1'000'000;
        ready = ::epoll_wait(epoll_.get(), events_->at, kBatch,
                             static_cast<int>(std::min<std::int64_t>(ms, INT_MAX)));
    }
    FL_ASSERT(ready >= 0 || errno == EINTR);
    return ready;
}

MonoTime EpollDriver::wait(MonoTime until) noexcept {
    MonoTime now = clock();
    if (until <= now) return harvest(epoll_now());
    if (watch_ != nullptr) watch_->before_sleep();
    // A signal has work for us only through a descriptor, so the sleep goes on: the stall watch's
    // own signal, which comes once after the last work, would else wake the shard and be armed
    // again by that, for ever.
    int ready = sleep(now, until);
    while (ready < 0) {
        now = clock();
        ready = until <= now ? 0 : sleep(now, until);
    }
    if (watch_ != nullptr) watch_->after_sleep();
    return harvest(ready);
}

MonoTime EpollDriver::harvest(int ready) noexcept {
    const MonoTime now = clock();
    if (watch_ != nullptr) watch_->log_reports();
    if (tick_ && now >= next_tick_) {
        tick_(now);
        next_tick_ = now + 1s;
    }
    while (ready > 0) {
        for (int i = 0; i < ready; ++i) {
            const epoll_event& e = events_->at[i];
            if (e.data.ptr != nullptr) static_cast<EventSource*>(e.data.ptr)->on_events(e.events);
        }
        ready = ready == kBatch ? epoll_now() : 0;
    }
    // acquire: what was put into the inboxes before the ring is seen by drain().
    if (rung_.load(std::memory_order_relaxed) && rung_.exchange(false, std::memory_order_acq_rel)) {
        for (Inbox* inbox : inboxes_) inbox->drain();
    }
    return now;
}

Result<void> EpollDriver::add(int fd, EventSource& source) {
    epoll_event e{};
    e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    e.data.ptr = &source;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) != 0) return net_error(errno, "epoll.add");
    return {};
}

void EpollDriver::remove(int fd) noexcept {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EpollDriver::add_inbox(Inbox& inbox) { inboxes_.push_back(&inbox); }
void EpollDriver::remove_inbox(Inbox& inbox) { std::erase(inboxes_, &inbox); }

void EpollDriver::ring() noexcept {
    // Only the first ring since the last drain pays for the wake.
    if (rung_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    while (::write(doorbell_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
}
}  // namespace faultline::posix
