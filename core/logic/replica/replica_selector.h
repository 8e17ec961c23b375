// Which replica of a partition a consumer should read (KIP-392). Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace faultline::logic {

// replica.selector.class.
enum class ReplicaSelector : std::uint8_t {
    leader,      // everybody reads the leader
    rack_aware,  // who stands in a rack with a replica in sync reads that one
};

// By the name of Kafka's class; nothing when there is none of that name. Empty: leader.
std::optional<ReplicaSelector> replica_selector(std::string_view class_name);

// A member of the ISR that is alive and has what the consumer asks for.
struct ReadCandidate {
    NodeId id;
    std::string rack;
    Offset held{0};
    Duration behind{};  // since it last had all that the leader has
};

// Who should be read instead of the leader by a consumer in `rack`; nothing: the leader. Of several
// in that rack the one that holds most; then who was behind for the shortest time; then the highest
// id.
std::optional<NodeId> rack_aware_replica(std::string_view rack, std::string_view leaders_rack,
                                         const std::vector<ReadCandidate>& candidates);
}  // namespace faultline::logic
