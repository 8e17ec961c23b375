// How fast replicas that are not in sync may be copied (KIP-73). Pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace faultline::logic {

inline constexpr std::int64_t kNoThrottle = INT64_MAX;  // bytes a second

// Whether a value of leader. or follower.replication.throttled.replicas names this partition's
// replica on that broker: "*", or PARTITION:BROKER separated by commas.
bool names_replica(std::string_view throttled, PartitionIndex partition, NodeId broker);

// A bucket of bytes that fills with the rate and holds what flows in a second. What is taken is
// known only afterwards, so it may go below nothing: then nobody takes until that is made good.
class ThrottleBucket {
public:
    // Bytes a second; kNoThrottle: never used up. A new rate begins with a full bucket.
    void set_rate(std::int64_t rate, MonoTime now);
    bool used_up(MonoTime now);
    void take(std::uint64_t bytes, MonoTime now);
    std::int64_t rate() const noexcept { return rate_; }

private:
    void fill(MonoTime now);

    std::int64_t rate_ = kNoThrottle;
    std::int64_t level_ = 0;
    MonoTime filled_{};
};

// The part of a broker's rate that falls to a shard which has `own` of its `all` throttled
// replicas. Never 0 where it has one, so that all are copied in the end.
std::int64_t share_of_rate(std::int64_t rate, std::int64_t own, std::int64_t all);
}  // namespace faultline::logic
