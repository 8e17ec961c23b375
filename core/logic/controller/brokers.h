// What the controller decides about brokers: registration, fencing, shutdown (KIP-631, KIP-841,
// KIP-966). Pure: command -> {records, answer}.
#pragma once
#include "core/logic/controller/partition_change.h"
#include "core/logic/controller/topics.h"
#include "gen/wire/broker_heartbeat_request.h"
#include "gen/wire/broker_heartbeat_response.h"
#include "gen/wire/broker_registration_request.h"
#include "gen/wire/broker_registration_response.h"

namespace faultline::logic {

using Records = std::vector<model::MetadataRecord>;

// The rules of a topic's partitions: its own configuration over the cluster's defaults.
PartitionRules rules_of(const model::TopicImage& topic, const model::TopicConfig& defaults);

// A process of a broker presents itself. `alive`: the registered one has been heard of within its
// session. `next_offset`: where the records will stand in the log; it becomes the broker's epoch.
// The former process, if any, is fenced by this. INCONSISTENT_CLUSTER_ID,
// DUPLICATE_BROKER_REGISTRATION.
Decision<wire::BrokerRegistrationResponse> register_broker(
    const model::MetadataImage& image, const wire::BrokerRegistrationRequest& request,
    std::int64_t next_offset, bool alive, const model::TopicConfig& defaults);

// A sign of life. Unfences a broker that has caught up, begins its shutdown when it wants one.
// STALE_BROKER_EPOCH, BROKER_ID_NOT_REGISTERED.
Decision<wire::BrokerHeartbeatResponse> heartbeat(const model::MetadataImage& image,
                                                  const wire::BrokerHeartbeatRequest& request,
                                                  const model::TopicConfig& defaults);

// Its session is over: it leads nothing and is in no ISR that has another member.
Records fence_broker(const model::MetadataImage& image, NodeId broker,
                     const model::TopicConfig& defaults);

// Takes a broker that is fenced out of the cluster (UnregisterBroker). BROKER_ID_NOT_REGISTERED.
Decision<wire::KafkaError> unregister_broker(const model::MetadataImage& image, NodeId broker,
                                             const model::TopicConfig& defaults);

// Records for those partitions without a leader that can have one now.
Records elect_missing(const model::MetadataImage& image, const model::TopicConfig& defaults);
}  // namespace faultline::logic
