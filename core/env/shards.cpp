#include "core/env/shards.h"

#include "core/base/assert.h"
#include "core/env/env.h"

namespace faultline {

void Shards::CallMark::check_not_inside() {
    // A closure that came by call() may only post: calls between shards form a graph without
    // cycles.
    FL_ASSERT(!fiber::Scheduler::current().fiber_mark());
}
Shards::CallMark::CallMark() { fiber::Scheduler::current().fiber_mark() = true; }
Shards::CallMark::~CallMark() { fiber::Scheduler::current().fiber_mark() = false; }

void answer_call(Env& env, ShardId home, Shards::Task reply) {
    (void)env.shards.post(home, std::move(reply));  // the node is going down: nobody waits
}
}  // namespace faultline
