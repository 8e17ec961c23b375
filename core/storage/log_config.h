// What a partition's log is told: Kafka's topic keys with Kafka's defaults, as typed values.
#pragma once
#include <cstdint>
#include <limits>

#include "core/base/time.h"

namespace faultline::storage {

// One per partition, replaced as a whole when a topic's configuration changes.
struct LogConfig {
    std::int64_t segment_bytes = 1'073'741'824;     // segment.bytes
    std::int64_t segment_ms = 604'800'000;          // segment.ms
    std::int64_t segment_jitter_ms = 0;             // segment.jitter.ms
    std::int64_t segment_index_bytes = 10'485'760;  // segment.index.bytes
    std::int64_t index_interval_bytes = 4096;       // index.interval.bytes
    std::int64_t retention_ms = 604'800'000;        // retention.ms; -1: for ever
    std::int64_t retention_bytes = -1;              // retention.bytes; -1: no limit
    std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();  // flush.messages
    std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();        // flush.ms
    bool cleanup_delete = true;              // cleanup.policy has "delete"
    bool cleanup_compact = false;            // cleanup.policy has "compact"
    double min_cleanable_dirty_ratio = 0.5;  // min.cleanable.dirty.ratio
    std::int64_t min_compaction_lag_ms = 0;  // min.compaction.lag.ms
    std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();
    std::int64_t delete_retention_ms = 86'400'000;  // delete.retention.ms
    friend bool operator==(const LogConfig&, const LogConfig&) = default;
};
}  // namespace faultline::storage
