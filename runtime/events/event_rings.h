// The last events of this process (core/env/probe.h), one pair of rings for each shard, in a file
// that is mapped into memory: writing one is a copy of some 60 bytes and no system call, and what a
// process that is killed has written is there afterwards. `faultline timeline` reads the file.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/env/probe.h"
#include "runtime/events/ring_layout.h"

namespace faultline::events {

struct RingOptions {
    std::string path;  // the file before, if any, becomes PATH.old; missing directories are made
    NodeId node;
    std::string name, role;  // of the lane in a picture: "n1", "broker"
    unsigned shards = 1;
    std::uint32_t events = 8192;  // kept for each shard; taken up to a power of two
};

class EventRings {
public:
    // busy: a living process has this file. io.
    static Result<std::unique_ptr<EventRings>> open(const RingOptions& options);
    ~EventRings();
    EventRings(const EventRings&) = delete;
    EventRings& operator=(const EventRings&) = delete;

    // For the thread of that shard alone; lives as long as this.
    probe::Sink* sink(ShardId shard);

private:
    class ShardSink;
    EventRings() = default;
    int fd_ = -1;
    std::byte* map_ = nullptr;
    std::size_t bytes_ = 0;
    std::vector<std::unique_ptr<ShardSink>> sinks_;
};
}  // namespace faultline::events
