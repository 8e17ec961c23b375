// When the active segment ends.
#pragma once
#include <cstdint>

#include "core/base/ids.h"

namespace faultline::logic::storage {

struct RollLimits {
    std::int64_t segment_bytes;
    std::int64_t segment_ms;     // with the jitter already taken off
    std::int64_t index_entries;  // how many entries one index file may hold
};

struct ActiveSegment {
    Offset base;
    std::uint64_t bytes = 0;
    std::int64_t index_entries = 0;
    std::int64_t first_timestamp = -1;  // of its first batch; -1: none, then `created_ms` counts
    std::int64_t created_ms = 0;
};

struct Incoming {
    std::uint64_t bytes;
    Offset last;
    std::int64_t max_timestamp;  // -1: none
    std::int64_t now_ms;
};

// True when the incoming bytes belong into a new segment (Kafka's LogSegment.shouldRoll): no room,
// too old, an index that is full, or offsets that no longer fit 32 bits relative to the base. An
// empty segment is never rolled for size or age. Age is what the records say when they carry
// timestamps, so that replaying old data rolls as the original did.
bool should_roll(const RollLimits&, const ActiveSegment&, const Incoming&);
}  // namespace faultline::logic::storage
