// What a shard of a node has of the world. Built by sim/ or runtime/, handed down from the
// composition root.
#pragma once
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/env/clock.h"
#include "core/env/disk.h"
#include "core/env/net.h"
#include "core/env/probe.h"
#include "core/env/shards.h"

namespace faultline {

// Only shells (top classes of broker/, controller/, client/) may hold an Env&. All below take the
// two or three members they need: SegmentWriter(Disk&, const Clock&), never (Env&).
// There is no is_simulated(), no real_fd(), no Env::current(): core cannot tell which world it is
// in.
struct Env {
    NodeId node;
    ShardId shard;
    const Clock& clock;
    Rng& rng;
    fiber::Scheduler& fibers;
    Network& net;
    Disk& disk;
    Shards& shards;
    probe::Probe probe;
    Logger& log;
};
}  // namespace faultline
