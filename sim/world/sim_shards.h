// Mailboxes between the shards of one incarnation: bounded, first in first out per pair, with a
// small drawn delay, so that no order across pairs can be relied on.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/env/env.h"
#include "core/fiber/sync.h"
#include "sim/world/incarnation.h"
#include "sim/world/sim_driver.h"

namespace faultline::sim {

class ShardMail {
public:
    static constexpr std::size_t kCapacity = 1024;  // tasks under way per pair of shards

    // Delays and ranks of its messages are drawn from `key`.
    ShardMail(unsigned count, std::uint64_t key, SimDriver& driver, fiber::Scheduler& scheduler,
              std::shared_ptr<Incarnation> incarnation);
    // Where tasks of shard i run. Must be set for each shard before anything is posted.
    void set_target(unsigned shard, Env& env, fiber::Domain& domain) {
        targets_[shard] = {&env, &domain};
    }
    unsigned count() const noexcept { return static_cast<unsigned>(targets_.size()); }
    Result<void> post(unsigned from, unsigned to, Shards::Task task);
    // Nothing of the world refers to it any more.
    bool idle() const noexcept { return under_way_ == 0; }

private:
    struct Pair {
        std::deque<Shards::Task> tasks;
        MonoTime last_due{};
        std::uint64_t posted = 0;
        fiber::WaitList senders;
    };
    struct Target {
        Env* env = nullptr;
        fiber::Domain* domain = nullptr;
    };
    static void deliver_event(void* self, std::uint64_t pair);

    std::vector<Target> targets_;
    std::vector<Pair> pairs_;
    std::uint64_t key_, under_way_ = 0;
    SimDriver& driver_;
    fiber::Scheduler& scheduler_;
    std::shared_ptr<Incarnation> incarnation_;
};

class SimShards final : public Shards {
public:
    SimShards(ShardMail& mail, ShardId self) : mail_(mail), self_(self) {}
    unsigned count() const noexcept override { return mail_.count(); }
    ShardId self() const noexcept override { return self_; }
    Result<void> post(ShardId to, Task task) override {
        return mail_.post(self_.v, to.v, std::move(task));
    }

private:
    ShardMail& mail_;
    ShardId self_;
};
}  // namespace faultline::sim
