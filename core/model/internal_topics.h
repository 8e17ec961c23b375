// The topics that a Kafka cluster keeps for itself (Topic.isInternal of Kafka 4.3).
#pragma once
#include <string_view>

namespace faultline::model {
constexpr bool is_internal_topic(std::string_view name) {
    return name == "__consumer_offsets" || name == "__transaction_state" ||
           name == "__share_group_state";
}
}  // namespace faultline::model
