// What brokers and administrators ask of the active controller.
#include "core/broker/handlers/forward.h"
#include "gen/wire/alter_partition_reassignments_request.h"
#include "gen/wire/broker_heartbeat_request.h"

namespace faultline::broker {
namespace {
// What is wrong with the whole request has a place of its own from version 1 on.
void fit_version(wire::Version version, wire::ElectLeadersResponse& response) {
    if (version.v == 0) response.error_code = wire::KafkaError::none;
}
}  // namespace

bool handle_broker_registration(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::BrokerRegistrationRequest, wire::BrokerRegistrationResponse>(c, r,
                                                                                      responder);
}
bool handle_broker_heartbeat(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::BrokerHeartbeatRequest, wire::BrokerHeartbeatResponse>(c, r, responder);
}
bool handle_alter_partition(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::AlterPartitionRequest, wire::AlterPartitionResponse>(c, r, responder);
}
bool handle_allocate_producer_ids(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::AllocateProducerIdsRequest, wire::AllocateProducerIdsResponse>(c, r,
                                                                                        responder);
}
bool handle_elect_leaders(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::ElectLeadersRequest, wire::ElectLeadersResponse>(c, r, responder,
                                                                          &fit_version);
}
bool handle_alter_partition_reassignments(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::AlterPartitionReassignmentsRequest,
                   wire::AlterPartitionReassignmentsResponse>(c, r, responder);
}
bool handle_list_partition_reassignments(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::ListPartitionReassignmentsRequest,
                   wire::ListPartitionReassignmentsResponse>(c, r, responder);
}
bool handle_unregister_broker(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::UnregisterBrokerRequest, wire::UnregisterBrokerResponse>(c, r, responder);
}
bool handle_create_topics(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::CreateTopicsRequest, wire::CreateTopicsResponse>(c, r, responder);
}
}  // namespace faultline::broker
