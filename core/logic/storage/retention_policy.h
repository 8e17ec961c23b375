// Which segments retention.ms and retention.bytes let go.
#pragma once
#include <cstdint>
#include <span>

#include "core/base/ids.h"

namespace faultline::logic::storage {

struct SegmentSummary {
    Offset base;
    Offset end;  // one past its last offset
    std::uint64_t bytes = 0;
    std::int64_t largest_timestamp = -1;  // -1: no record with a timestamp
    std::int64_t modified_ms = 0;         // stands in for a missing timestamp
    // By the monotonic clock, since this process last appended to it; a wall clock that jumps must
    // not age what is young. INT64_MAX: not in this process's life.
    std::int64_t appended_ago_ms = INT64_MAX;
};

struct RetentionLimits {
    std::int64_t retention_ms = -1;     // -1: for ever
    std::int64_t retention_bytes = -1;  // -1: no limit
    bool cleanup_delete = true;
};

struct RetentionPlan {
    std::size_t by_log_start = 0;  // each counts from the oldest segment on
    std::size_t by_time = 0;
    std::size_t by_size = 0;
    std::size_t total = 0;     // the largest of the three
    bool roll_active = false;  // the active segment is among them: end it first
};

// `segments` in order of offsets, the last one active. Only whole segments that end at or below
// `limit` (the high watermark) go, always a prefix. Size: segments go while what remains still
// holds at least retention_bytes, as in Kafka. A segment below `log_start` goes in any case.
RetentionPlan plan_retention(std::span<const SegmentSummary> segments, const RetentionLimits&,
                             Offset log_start, Offset limit, std::int64_t now_ms);
}  // namespace faultline::logic::storage
