#include "core/logic/replica/replica_selector.h"

#include <tuple>

namespace faultline::logic {

std::optional<ReplicaSelector> replica_selector(std::string_view class_name) {
    constexpr std::string_view kPackage = "org.apache.kafka.common.replica.";
    if (class_name.empty()) return ReplicaSelector::leader;
    if (!class_name.starts_with(kPackage)) return std::nullopt;
    class_name.remove_prefix(kPackage.size());
    if (class_name == "LeaderSelector") return ReplicaSelector::leader;
    if (class_name == "RackAwareReplicaSelector") return ReplicaSelector::rack_aware;
    return std::nullopt;
}

std::optional<NodeId> rack_aware_replica(std::string_view rack, std::string_view leaders_rack,
                                         const std::vector<ReadCandidate>& candidates) {
    if (rack.empty() || rack == leaders_rack) return std::nullopt;
    const auto worth = [](const ReadCandidate& c) { return std::tuple(c.held, -c.behind, c.id); };
    const ReadCandidate* best = nullptr;
    for (const ReadCandidate& c : candidates) {
        if (c.rack == rack && (best == nullptr || worth(c) > worth(*best))) best = &c;
    }
    if (best == nullptr) return std::nullopt;
    return best->id;
}
}  // namespace faultline::logic
