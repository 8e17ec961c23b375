#include "core/logic/storage/compaction_plan.h"

#include <algorithm>

namespace faultline::logic::storage {
namespace {

// a - b without overflow: times come from records.
std::int64_t minus(std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    if (__builtin_sub_overflow(a, b, &out)) return b > 0 ? INT64_MIN : INT64_MAX;
    return out;
}
}  // namespace

double CompactionPlan::dirty_ratio() const {
    const std::uint64_t all = clean_bytes + dirty_bytes;
    return all == 0 ? 0.0 : static_cast<double>(dirty_bytes) / static_cast<double>(all);
}

CompactionPlan plan_compaction(std::span<const CompactionSegment> segments, Offset log_start,
                               Offset checkpoint, Offset stable, const CompactionLimits& limits,
                               std::int64_t now_ms) {
    CompactionPlan plan;
    const Offset sealed_end = segments.empty() ? log_start : segments.back().end;
    // A log that was cut below the checkpoint holds other records there now.
    const bool believed = checkpoint >= log_start && checkpoint <= sealed_end;
    plan.first_dirty = believed ? checkpoint : log_start;
    plan.end = plan.first_dirty;
    bool waited_too_long = false;
    for (const CompactionSegment& s : segments) {
        if (s.end <= plan.first_dirty) {
            plan.clean_bytes += s.bytes;
            continue;
        }
        const bool too_young =
            limits.min_lag_ms > 0 && s.largest_timestamp > minus(now_ms, limits.min_lag_ms);
        if (s.end > stable || too_young) break;
        plan.dirty_bytes += s.bytes;
        plan.end = s.end;
        waited_too_long |=
            s.first_timestamp >= 0 &&
            s.first_timestamp < minus(now_ms, std::max<std::int64_t>(0, limits.max_lag_ms));
    }
    plan.due =
        plan.dirty_bytes > 0 && (waited_too_long || plan.dirty_ratio() > limits.min_dirty_ratio);
    return plan;
}

std::vector<std::size_t> group_segments(std::span<const GroupSegment> segments,
                                        const GroupLimits& limits) {
    std::vector<std::size_t> groups;
    std::uint64_t bytes = 0, entries = 0;
    Offset base;
    for (const GroupSegment& s : segments) {
        const bool joins = !groups.empty() && bytes + s.bytes <= limits.segment_bytes &&
                           entries + s.index_entries <= limits.index_entries &&
                           s.end - base <= std::numeric_limits<std::int32_t>::max();
        if (!joins) {
            groups.push_back(0);
            bytes = entries = 0;
            base = s.base;
        }
        ++groups.back();
        bytes += s.bytes;
        entries += s.index_entries;
    }
    return groups;
}
}  // namespace faultline::logic::storage
