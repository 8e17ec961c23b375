#include "runtime/posix/blocking_pool.h"

#include <algorithm>
#include <pthread.h>
#include <signal.h>

namespace faultline::posix {
namespace {
struct DetachedJob final : PoolJob {
    explicit DetachedJob(std::move_only_function<void()> f) : fn(std::move(f)) {}
    void work() noexcept override { fn(); }
    std::move_only_function<void()> fn;
};
}  // namespace

CompletionQueue::CompletionQueue(EpollDriver& driver) : driver_(&driver) {}

void CompletionQueue::push(std::shared_ptr<PoolJob> job) noexcept {
    const std::lock_guard lock(mutex_);
    if (driver_ == nullptr) return;  // the shard has ended
    done_.push_back(std::move(job));
    driver_->ring();
}

void CompletionQueue::drain() noexcept {
    {
        const std::lock_guard lock(mutex_);
        draining_.swap(done_);
    }
    for (const auto& job : draining_) {
        if (job->waiter_ != nullptr) job->waiter_->wake();
    }
    draining_.clear();
}

void CompletionQueue::close() noexcept {
    const std::lock_guard lock(mutex_);
    driver_ = nullptr;
    done_.clear();
}

BlockingPool::BlockingPool(unsigned threads) {
    threads = std::max(threads, 3U);
    flush_limit_ = threads - 2;
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { thread_main(); });
}

BlockingPool::~BlockingPool() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    ready_.notify_all();
    for (std::thread& t : threads_) t.join();
}

Result<void> BlockingPool::submit_and_park(Lane lane, const std::shared_ptr<PoolJob>& job,
                                           Deadline deadline, fiber::StopToken stop) {
    fiber::Waiter waiter;
    job->waiter_ = &waiter;
    job->home_ = EpollDriver::current().completions();
    // Also when the fiber is killed: nobody may be woken through this pointer any more.
    struct Leave {
        PoolJob& job;
        fiber::Waiter*& slot;
        ~Leave() { slot = nullptr; }
    } leave{*job, job->waiter_};
    enqueue(lane, job);
    switch (waiter.park(deadline, stop)) {
        case fiber::Wake::signalled: return {};
        case fiber::Wake::timed_out: return Error{Errc::timed_out, 0, "pool.run"};
        case fiber::Wake::cancelled: break;
    }
    return Error{Errc::cancelled, 0, "pool.run"};
}

void BlockingPool::detach(std::move_only_function<void()> work) {
    enqueue(Lane::quick, std::make_shared<DetachedJob>(std::move(work)));
}

void BlockingPool::enqueue(Lane lane, std::shared_ptr<PoolJob> job) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        queues_[static_cast<int>(lane)].push_back(std::move(job));
        wake = idle_ > 0;
    }
    if (wake) ready_.notify_one();
}

// Requires the lock. False when there is nothing that may run now.
bool BlockingPool::take(std::unique_lock<std::mutex>&, std::shared_ptr<PoolJob>& job, Lane& lane) {
    auto& quick = queues_[static_cast<int>(Lane::quick)];
    auto& flush = queues_[static_cast<int>(Lane::flush)];
    if (!flush.empty() && flushing_ < flush_limit_) {
        lane = Lane::flush;
        ++flushing_;
        job = std::move(flush.front());
        flush.pop_front();
        return true;
    }
    if (quick.empty()) return false;
    lane = Lane::quick;
    job = std::move(quick.front());
    quick.pop_front();
    return true;
}

void BlockingPool::thread_main() {
    // Signals are for the shard threads.
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), "fl-pool");
    std::unique_lock lock(mutex_);
    while (true) {
        std::shared_ptr<PoolJob> job;
        Lane lane{};
        if (!take(lock, job, lane)) {
            if (closing_) return;
            ++idle_;
            ready_.wait(lock);
            --idle_;
            continue;
        }
        lock.unlock();
        job->work();
        if (const auto home = std::move(job->home_)) home->push(std::move(job));
        job.reset();
        lock.lock();
        if (lane == Lane::flush) --flushing_;
    }
}
}  // namespace faultline::posix
