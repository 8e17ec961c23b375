// What replicas of the metadata log ask each other, at a controller's listener (KIP-595), and
// DescribeQuorum.
#include "core/broker/handlers/forward.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"

namespace faultline::broker {
namespace {
// Where the leader is came with version 16 (KIP-853).
void fit_version(wire::Version version, wire::FetchResponse& response) {
    if (version.v < 16) response.node_endpoints.clear();
}

// In a fiber of its own: answers may be held back. What cannot be answered closes the connection.
template <class Request, class Response, class Serve>
bool serve_replica(Context& context, rpc::Request& r, rpc::Responder& responder, Serve serve) {
    Request request;
    if (!decode(r, request)) return false;
    if constexpr (requires { request.cluster_id; }) {
        const auto& own = context.controller->quorum().config().cluster_id;
        if (request.cluster_id && *request.cluster_id != own) {
            Response refusal;
            refusal.error_code = wire::KafkaError::inconsistent_cluster_id;
            respond(responder, r, refusal);
            return true;
        }
    }
    context.fibers.spawn(
        {.name = "quorum request"},
        [controller = context.controller, request = std::move(request), serve, api = r.api,
         version = r.version, correlation = r.correlation, responder](fiber::StopToken) mutable {
            Result<Response> answer = serve(controller->quorum(), request);
            if (!answer.ok()) return;
            if constexpr (requires { fit_version(version, *answer); })
                fit_version(version, *answer);
            respond(responder, api, version, correlation, *answer);
        });
    return true;
}

// Nodes and directories came with version 2 (KIP-853).
void fit_version(wire::Version version, wire::DescribeQuorumResponse& response) {
    if (version.v >= 2) return;
    response.nodes.clear();
    for (auto& topic : response.topics) {
        for (auto& partition : topic.partitions) {
            for (auto& replica : partition.current_voters) replica.replica_directory_id = {};
            for (auto& replica : partition.observers) replica.replica_directory_id = {};
        }
    }
}
}  // namespace

bool handle_vote(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return serve_replica<wire::VoteRequest, wire::VoteResponse>(
        c, r, responder, [](auto& quorum, const auto& request) { return quorum.vote(request); });
}

bool handle_begin_quorum_epoch(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return serve_replica<wire::BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse>(
        c, r, responder,
        [](auto& quorum, const auto& request) { return quorum.begin_epoch(request); });
}

bool handle_end_quorum_epoch(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return serve_replica<wire::EndQuorumEpochRequest, wire::EndQuorumEpochResponse>(
        c, r, responder,
        [](auto& quorum, const auto& request) { return quorum.end_epoch(request); });
}

bool handle_quorum_fetch(Context& c, rpc::Request& r, rpc::Responder& responder) {
    // Earlier ones cannot say what they hold, nor be told that it is wrong: refused, as in Kafka,
    // whose list has them too.
    if (r.version.v < 12) {
        wire::FetchRequest request;
        wire::FetchResponse refusal;
        refusal.error_code = wire::KafkaError::invalid_request;
        if (!decode(r, request)) return false;
        respond(responder, r, refusal);
        return true;
    }
    return serve_replica<wire::FetchRequest, wire::FetchResponse>(
        c, r, responder, [lane = c.connection](auto& quorum, const auto& request) {
            return quorum.fetch(request, lane);
        });
}

bool handle_fetch_snapshot(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return serve_replica<wire::FetchSnapshotRequest, wire::FetchSnapshotResponse>(
        c, r, responder, [lane = c.connection](auto& quorum, const auto& request) {
            return quorum.fetch_snapshot(request, lane);
        });
}

bool handle_add_raft_voter(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::AddRaftVoterRequest, wire::AddRaftVoterResponse>(c, r, responder);
}

bool handle_remove_raft_voter(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::RemoveRaftVoterRequest, wire::RemoveRaftVoterResponse>(c, r, responder);
}

bool handle_update_raft_voter(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::UpdateRaftVoterRequest, wire::UpdateRaftVoterResponse>(c, r, responder);
}

bool handle_update_features(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::UpdateFeaturesRequest, wire::UpdateFeaturesResponse>(c, r, responder);
}

bool handle_describe_quorum(Context& c, rpc::Request& r, rpc::Responder& responder) {
    return forward<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>(c, r, responder,
                                                                              &fit_version);
}
}  // namespace faultline::broker
