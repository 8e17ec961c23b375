// The mailboxes of a node, as one shard sees them.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "core/env/shards.h"
#include "core/fiber/sync.h"
#include "runtime/posix/epoll_driver.h"
#include "runtime/posix/mailbox.h"

namespace faultline::posix {

// Shared by the shards of a node.
struct ShardLinks {
    explicit ShardLinks(std::vector<EpollDriver*> d);
    Mailbox& box(unsigned from, unsigned to) { return *boxes[from * drivers.size() + to]; }
    // No closure is under way, parked or waiting for its turn. Only main and closures post, so once
    // main has returned this stays true.
    bool quiet() const noexcept;

    // Written by one shard each.
    struct alignas(64) Count {
        std::atomic<std::uint64_t> posted{0}, ended{0};
    };
    std::vector<Count> counts;
    std::vector<EpollDriver*> drivers;
    std::vector<std::unique_ptr<Mailbox>> boxes;
    std::atomic<bool> down{false};  // the node is going down: posts are refused
};

class PosixShards final : public Shards, private Inbox {
public:
    PosixShards(ShardId self, ShardLinks& links);
    // Before the scheduler runs: posted closures become fibers of `group` in `domain`.
    void start(Env& env, fiber::Group& group, fiber::Domain& domain);
    unsigned count() const noexcept override {
        return static_cast<unsigned>(links_.drivers.size());
    }
    ShardId self() const noexcept override { return self_; }
    Result<void> post(ShardId to, Task fn) override;

private:
    struct Out {             // to one shard
        fiber::Mutex mutex;  // whoever waits for room keeps its place in the order
        fiber::Waiter* waiter = nullptr;
    };
    void drain() noexcept override;

    // Posted closures whose fiber has not had its first turn: a bound on them is what makes the
    // mailboxes' bound real. Those that have started and parked do not count, since they may wait
    // for mail themselves.
    static constexpr std::size_t kUnstarted = 256;
    std::size_t unstarted_ = 0;
    unsigned first_ = 0;
    ShardId self_;
    ShardLinks& links_;
    std::vector<std::unique_ptr<Out>> out_;
    Env* env_ = nullptr;
    fiber::Group* group_ = nullptr;
    fiber::Domain* domain_ = nullptr;
};
}  // namespace faultline::posix
