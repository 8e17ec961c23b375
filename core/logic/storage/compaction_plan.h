// What a compaction cleans: which offsets, whether it is worth it, which segments become one.
// Sources: KIP-58 (min lag), KIP-354 (max lag), Kafka 4.3.1's answers where they are silent.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/base/ids.h"

namespace faultline::logic::storage {

struct CompactionLimits {
    double min_dirty_ratio = 0.5;         // min.cleanable.dirty.ratio
    std::int64_t min_lag_ms = 0;          // min.compaction.lag.ms
    std::int64_t max_lag_ms = INT64_MAX;  // max.compaction.lag.ms
};

struct CompactionSegment {
    Offset base;
    Offset end;  // the next one's base
    std::uint64_t bytes = 0;
    std::int64_t first_timestamp = -1;    // of its first batch; -1: none
    std::int64_t largest_timestamp = -1;  // -1: none
};

struct CompactionPlan {
    Offset first_dirty;  // from here on keys are looked up
    Offset end;          // nothing at or above it is cleaned in this round; a segment's base
    std::uint64_t clean_bytes = 0, dirty_bytes = 0;
    bool due = false;  // enough is dirty, or something waits for longer than max_lag_ms
    double dirty_ratio() const;
};

// `segments`: the sealed ones, in order of offsets. `checkpoint`: up to where the log was cleaned;
// one that is not inside the log means that nothing is clean. `stable`: the last stable offset (the
// high watermark where there are no transactions): what is above may still be aborted or cut.
CompactionPlan plan_compaction(std::span<const CompactionSegment> segments, Offset log_start,
                               Offset checkpoint, Offset stable, const CompactionLimits& limits,
                               std::int64_t now_ms);

// How many consecutive segments from each group's first one on become one segment: their bytes fit
// segment.bytes together, their index entries segment.index.bytes, and their offsets 32 bits. A
// segment over a limit is a group of its own. Sums to segments.size().
struct GroupLimits {
    std::uint64_t segment_bytes;
    std::uint64_t index_entries;
};
struct GroupSegment {
    Offset base;
    Offset end;
    std::uint64_t bytes = 0;
    std::uint64_t index_entries = 0;
};
std::vector<std::size_t> group_segments(std::span<const GroupSegment> segments,
                                        const GroupLimits& limits);
}  // namespace faultline::logic::storage
