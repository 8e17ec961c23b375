// What the controller decides about partitions when somebody asks: ISR changes of leaders
// (AlterPartition, KIP-497, KIP-903), elections (KIP-460), reassignments (KIP-455). Pure.
#pragma once
#include "core/logic/controller/brokers.h"
#include "gen/wire/alter_partition_reassignments_request.h"
#include "gen/wire/alter_partition_reassignments_response.h"
#include "gen/wire/alter_partition_request.h"
#include "gen/wire/alter_partition_response.h"
#include "gen/wire/elect_leaders_request.h"
#include "gen/wire/elect_leaders_response.h"
#include "gen/wire/list_partition_reassignments_request.h"
#include "gen/wire/list_partition_reassignments_response.h"

namespace faultline::logic {

// Each partition is judged alone, in Kafka's order of checks (ReplicationControlManager).
Decision<wire::AlterPartitionResponse> alter_partition(const model::MetadataImage& image,
                                                       const wire::AlterPartitionRequest& request,
                                                       const model::TopicConfig& defaults);

// Preferred (0) or unclean (1), of the partitions named or of all that need it.
Decision<wire::ElectLeadersResponse> elect_leaders(const model::MetadataImage& image,
                                                   const wire::ElectLeadersRequest& request,
                                                   const model::TopicConfig& defaults);

// The preferred leaders that are alive and in sync but do not lead, at most `limit` of them, where
// more than `imbalance_percent` of a broker's partitions are led elsewhere
// (leader.imbalance.per.broker.percentage).
Records balance_leaders(const model::MetadataImage& image, const model::TopicConfig& defaults,
                        std::int32_t imbalance_percent, std::size_t limit);

// Begins, changes or (null replicas) cancels reassignments.
Decision<wire::AlterPartitionReassignmentsResponse> reassign(
    const model::MetadataImage& image, const wire::AlterPartitionReassignmentsRequest& request,
    const model::TopicConfig& defaults);
wire::ListPartitionReassignmentsResponse list_reassignments(
    const model::MetadataImage& image, const wire::ListPartitionReassignmentsRequest& request);
}  // namespace faultline::logic
