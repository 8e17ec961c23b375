// A broker: the composition root of both worlds.
#pragma once
#include "core/broker/config.h"
#include "core/env/env.h"

namespace faultline::broker {

// Main of shard 0 of a node. Opens the data directories, listens, calls config.on_ready, parks
// until `stop`, then shuts down in order: no new connections, answers for what is under way, logs
// closed, the clean mark. busy: another process holds a directory, or the port; invalid: a
// directory of another cluster or node.
Result<void> run_broker(Env& env, BrokerConfig config, fiber::StopToken stop);
}  // namespace faultline::broker
