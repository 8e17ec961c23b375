#include "core/logic/storage/retention_policy.h"

#include <algorithm>

namespace faultline::logic::storage {
namespace {

template <class Pred>
std::size_t prefix(std::span<const SegmentSummary> segments, Offset limit, Pred goes) {
    std::size_t n = 0;
    while (n < segments.size()) {
        const bool last = n + 1 == segments.size();
        if (segments[n].end > limit || (last && segments[n].bytes == 0) || !goes(segments[n], last))
            break;
        ++n;
    }
    return n;
}
}  // namespace

RetentionPlan plan_retention(std::span<const SegmentSummary> segments,
                             const RetentionLimits& limits, Offset log_start, Offset limit,
                             std::int64_t now_ms) {
    RetentionPlan plan;
    plan.by_log_start = prefix(segments, limit, [&](const SegmentSummary& s, bool last) {
        return !last && s.end <= log_start;
    });
    if (limits.cleanup_delete && limits.retention_ms >= 0) {
        plan.by_time = prefix(segments, limit, [&](const SegmentSummary& s, bool) {
            const std::int64_t stamp =
                s.largest_timestamp >= 0 ? s.largest_timestamp : s.modified_ms;
            return now_ms - stamp > limits.retention_ms && s.appended_ago_ms >= limits.retention_ms;
        });
    }
    if (limits.cleanup_delete && limits.retention_bytes >= 0) {
        std::int64_t excess = -limits.retention_bytes;
        for (const SegmentSummary& s : segments) excess += static_cast<std::int64_t>(s.bytes);
        plan.by_size = prefix(segments, limit, [&](const SegmentSummary& s, bool) {
            if (excess < static_cast<std::int64_t>(s.bytes)) return false;
            excess -= static_cast<std::int64_t>(s.bytes);
            return true;
        });
    }
    plan.total = std::max({plan.by_log_start, plan.by_time, plan.by_size});
    plan.roll_active = !segments.empty() && plan.total == segments.size();
    return plan;
}
}  // namespace faultline::logic::storage
