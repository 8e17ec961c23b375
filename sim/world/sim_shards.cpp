#include "sim/world/sim_shards.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::sim {

ShardMail::ShardMail(unsigned count, std::uint64_t key, SimDriver& driver,
                     fiber::Scheduler& scheduler, std::shared_ptr<Incarnation> incarnation)
    : targets_(count),
      pairs_(static_cast<std::size_t>(count) * count),
      key_(key),
      driver_(driver),
      scheduler_(scheduler),
      incarnation_(std::move(incarnation)) {}

Result<void> ShardMail::post(unsigned from, unsigned to, Shards::Task task) {
    FL_ASSERT(to < count());
    const std::size_t index = static_cast<std::size_t>(from) * count() + to;
    Pair& pair = pairs_[index];
    while (incarnation_->alive && pair.tasks.size() >= kCapacity) {
        FL_CHECK(fiber::wait_in(pair.senders, Deadline::never()));
    }
    if (!incarnation_->alive) return dead("shards.post");
    pair.tasks.push_back(std::move(task));
    const EventKey who{mix64(key_ ^ index), pair.posted++};
    const std::uint64_t draw = mix64(who.who ^ mix64(who.ordinal));
    const Duration delay{static_cast<std::int64_t>(1'000 + draw % 19'000)};
    pair.last_due = std::max(pair.last_due, scheduler_.now() + delay);
    ++under_way_;
    driver_.at(pair.last_due, &ShardMail::deliver_event, this, index, who);
    return {};
}

void ShardMail::deliver_event(void* self, std::uint64_t index) {
    auto& mail = *static_cast<ShardMail*>(self);
    --mail.under_way_;
    if (!mail.incarnation_->alive) return;
    Pair& pair = mail.pairs_[index];
    Shards::Task task = std::move(pair.tasks.front());
    pair.tasks.pop_front();
    if (!pair.senders.empty()) pair.senders.pop_front().wake();
    const Target& target = mail.targets_[index % mail.count()];
    mail.scheduler_.spawn({.name = "mail", .domain = target.domain},
                          [task = std::move(task), env = target.env]() mutable { task(*env); });
}
}  // namespace faultline::sim
