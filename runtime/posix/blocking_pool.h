// Threads for the calls that block: fsync, open, rename, getaddrinfo, a write to a busy disk.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/fiber/scheduler.h"
#include "runtime/posix/epoll_driver.h"

namespace faultline::posix {

class CompletionQueue;

// One call on its way through the pool. The waiter belongs to the shard that submitted it: a fiber
// that gave up or was killed leaves null, and the result is dropped.
class PoolJob {
public:
    virtual ~PoolJob() = default;
    virtual void work() noexcept = 0;  // on a pool thread

private:
    friend class BlockingPool;
    friend class CompletionQueue;
    fiber::Waiter* waiter_ = nullptr;
    std::shared_ptr<CompletionQueue> home_;
};

// Finished jobs on their way back to a shard: one wake for all that finish before it looks.
class CompletionQueue final : public Inbox {
public:
    explicit CompletionQueue(EpollDriver& driver);
    void drain() noexcept override;
    // No job can ring the driver from now on.
    void close() noexcept;

private:
    friend class BlockingPool;
    void push(std::shared_ptr<PoolJob> job) noexcept;  // from the pool
    // Between pool threads and the shard; held to push or to swap.
    std::mutex mutex_;
    EpollDriver* driver_;
    std::vector<std::shared_ptr<PoolJob>> done_, draining_;
};

// Shared by the shards of a node. A thread belongs to nobody in particular; a flush may take tens
// of milliseconds, so flushes may occupy all threads but two.
class BlockingPool {
public:
    enum class Lane : std::uint8_t { quick, flush };
    explicit BlockingPool(unsigned threads);
    ~BlockingPool();  // runs what is queued
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    // In a fiber of an EpollDriver. Parks until `work()` has run on a pool thread, and returns what
    // it returned. After a time-out or a cancel the work may still run, so it owns all that it
    // touches. timed_out, cancelled.
    template <class F, class R = std::invoke_result_t<F&>>
    Result<R> run(Lane lane, F work, Deadline deadline = {}, fiber::StopToken stop = {}) {
        struct Job final : PoolJob {
            explicit Job(F f) : fn(std::move(f)) {}
            void work() noexcept override { result.emplace(fn()); }
            F fn;
            std::optional<R> result;
        };
        auto job = std::make_shared<Job>(std::move(work));
        FL_CHECK(submit_and_park(lane, job, deadline, stop));
        return *std::move(job->result);
    }
    // Runs `work` some time; nobody waits. From any thread.
    void detach(std::move_only_function<void()> work);

private:
    Result<void> submit_and_park(Lane lane, const std::shared_ptr<PoolJob>& job, Deadline,
                                 fiber::StopToken);
    void enqueue(Lane lane, std::shared_ptr<PoolJob> job);
    void thread_main();
    bool take(std::unique_lock<std::mutex>& lock, std::shared_ptr<PoolJob>& job, Lane& lane);

    std::mutex mutex_;  // of all below; held to push or pop
    std::condition_variable ready_;
    std::deque<std::shared_ptr<PoolJob>> queues_[2];  // bounded by the fibers that wait
    unsigned flushing_ = 0, flush_limit_, idle_ = 0;
    bool closing_ = false;
    std::vector<std::thread> threads_;
};
}  // namespace faultline::posix
