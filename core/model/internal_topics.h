// The topics that a Kafka cluster keeps for itself (Topic.isInternal of Kafka 4.3).
#pragma once
#include <string_view>

namespace faultline::model {
// The quorum's own log. It is no topic of the image; a topic of this name would share its
// directory.
inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";

constexpr bool is_internal_topic(std::string_view name) {
    return name == "__consumer_offsets" || name == "__transaction_state" ||
           name == "__share_group_state";
}
}  // namespace faultline::model
