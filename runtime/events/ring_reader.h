// What a file of event rings holds, also while its process writes it.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "runtime/events/ring_layout.h"

namespace faultline::events {

struct RingFile {
    Header header;
    bool alive = false;  // a process holds it
    struct Partition {
        std::string topic;
        std::int32_t index;
    };
    struct Shard {
        std::vector<Partition> partitions;  // [0] is key 1
        std::vector<Entry> entries;         // of both rings, by time
        std::uint64_t forgotten = 0;        // events before those that are left
    };
    std::vector<Shard> shards;
};

bool is_ring_file(const std::string& path);
// A line for a person: what is wrong with the file.
std::expected<RingFile, std::string> read_ring_file(const std::string& path);
}  // namespace faultline::events
