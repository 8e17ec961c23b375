#include "runtime/posix/posix_shards.h"

#include "core/base/assert.h"
#include "core/env/env.h"

namespace faultline::posix {

ShardLinks::ShardLinks(std::vector<EpollDriver*> d) : counts(d.size()), drivers(std::move(d)) {
    for (std::size_t i = 0; i < drivers.size() * drivers.size(); ++i) {
        boxes.push_back(std::make_unique<Mailbox>());
    }
}

bool ShardLinks::quiet() const noexcept {
    // The ends first: what is counted as ended was counted as posted before, so equal sums mean
    // that nothing was under way between the two loops.
    std::uint64_t ended = 0, posted = 0;
    for (const Count& c : counts) ended += c.ended.load(std::memory_order_acquire);
    for (const Count& c : counts) posted += c.posted.load(std::memory_order_acquire);
    return ended == posted;
}

PosixShards::PosixShards(ShardId self, ShardLinks& links) : self_(self), links_(links) {
    for (std::size_t i = 0; i < links.drivers.size(); ++i) out_.push_back(std::make_unique<Out>());
}

void PosixShards::start(Env& env, fiber::Group& group, fiber::Domain& domain) {
    env_ = &env;
    group_ = &group;
    domain_ = &domain;
    links_.drivers[self_.v]->add_inbox(*this);
}

Result<void> PosixShards::post(ShardId to, Task fn) {
    FL_ASSERT(to.v < links_.drivers.size());
    Out& out = *out_[to.v];
    Mailbox& box = links_.box(self_.v, to.v);
    ShardLinks::Count& counts = links_.counts[self_.v];
    const auto guard = out.mutex.lock();
    while (true) {
        if (links_.down.load(std::memory_order_relaxed)) {
            return Error{Errc::cancelled, 0, "shards.post"};
        }
        // Counted before it can be counted as ended.
        counts.posted.fetch_add(1, std::memory_order_release);
        if (box.try_push(fn)) break;
        box.say_starving();
        if (box.try_push(fn)) break;
        counts.ended.fetch_add(1, std::memory_order_release);
        fiber::Waiter waiter;
        struct Parked {
            fiber::Waiter*& slot;
            ~Parked() { slot = nullptr; }
        } parked{out.waiter};
        out.waiter = &waiter;
        (void)waiter.park({});  // only drain() wakes it
    }
    links_.drivers[to.v]->ring();
    return {};
}

void PosixShards::drain() noexcept {
    const auto spawn = [this](Task task) {
        ++unstarted_;
        group_->spawn({.name = "posted", .domain = domain_},
                      [this, task = std::move(task)](fiber::StopToken) mutable {
                          --unstarted_;
                          task(*env_);
                          task = nullptr;  // what it held is gone before it counts as ended
                          links_.counts[self_.v].ended.fetch_add(1, std::memory_order_release);
                      });
    };
    std::size_t room = kUnstarted - unstarted_;
    for (unsigned i = 0; i < count(); ++i) {
        // Another one is first each time, so that none is starved by the others.
        const unsigned from = (first_ + i) % count();
        if (links_.box(from, self_.v).drain(room, spawn)) links_.drivers[from]->ring();
    }
    ++first_;
    if (room == 0) links_.drivers[self_.v]->ring();  // look again soon
    // Somebody may have made room for us, or the node is going down.
    for (const auto& out : out_) {
        if (out->waiter != nullptr) out->waiter->wake();
    }
}
}  // namespace faultline::posix
