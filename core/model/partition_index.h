// Which partitions a broker has to do with, kept as they change: what is decided about a broker
// looks at its partitions, not at all of them.
#pragma once
#include <compare>
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/persistent.h"
#include "core/model/digest.h"
#include "core/model/partition_image.h"

namespace faultline::model {

struct PartitionId {
    Uuid topic;
    std::int32_t index = 0;
    friend auto operator<=>(const PartitionId&, const PartitionId&) = default;
};

// A copy costs the same however large it is.
class PartitionIndex {
public:
    struct Nothing {};
    using Ids = SharedMap<PartitionId, Nothing>;  // in order of topic ids

    // Null: it did not exist, or does not exist any more.
    void changed(const PartitionId& id, const PartitionImage* before, const PartitionImage* after);

    // That the broker is a replica of.
    const Ids& of(NodeId broker) const;
    // Those without a leader.
    const Ids& leaderless() const noexcept { return leaderless_; }
    // Those that another than the first replica leads, or nobody.
    const Ids& away() const noexcept { return away_; }
    // Of all partitions: equal where they are equal.
    const Uuid& digest() const noexcept { return digest_.value(); }

private:
    SharedMap<NodeId, Ids> by_broker_;
    Ids leaderless_, away_;
    DigestSum digest_;
};
}  // namespace faultline::model
