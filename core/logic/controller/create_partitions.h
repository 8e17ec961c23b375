// What the controller decides about CreatePartitions (KIP-195). Pure.
#pragma once
#include "core/logic/controller/topics.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"

namespace faultline::logic {

// Each topic is judged alone; those that are named twice are refused and answered first, once. New
// partitions have as many replicas as the topic's first one. All topics of a request get at most
// 10,000 partitions together, Kafka's bound of records in one command: what is over it is
// POLICY_VIOLATION, as in CreateTopics, and makes nothing (Kafka 4.3.1 says UNKNOWN_SERVER_ERROR
// and has then made those up to the bound).
Decision<wire::CreatePartitionsResponse> create_partitions(
    const model::MetadataImage& image, const wire::CreatePartitionsRequest& request);
}  // namespace faultline::logic
