#include "core/logic/storage/roll_policy.h"

namespace faultline::logic::storage {

bool should_roll(const RollLimits& limits, const ActiveSegment& active, const Incoming& in) {
    if (in.last - active.base > INT32_MAX) return true;
    if (active.bytes == 0) return false;
    if (active.bytes + in.bytes > static_cast<std::uint64_t>(limits.segment_bytes)) return true;
    if (active.index_entries >= limits.index_entries) return true;
    const bool by_records = active.first_timestamp >= 0 && in.max_timestamp >= 0;
    const std::int64_t age =
        by_records ? in.max_timestamp - active.first_timestamp : in.now_ms - active.created_ms;
    return age > limits.segment_ms;
}
}  // namespace faultline::logic::storage
