// Requests that change who votes in the quorum (KIP-853), and the features of the cluster
// (KIP-584).
#include <algorithm>

#include <fmt/format.h>

#include "core/controller/controller.h"
#include "core/logic/controller/features.h"

namespace faultline::controller {
namespace {
using raft::ChangeRefusal;
using wire::KafkaError;

constexpr Duration kLongest = 60s;  // of a change of the voters; the request may ask for less

KafkaError error_of(ChangeRefusal refusal) {
    switch (refusal) {
        case ChangeRefusal::none: return KafkaError::none;
        case ChangeRefusal::duplicate: return KafkaError::duplicate_voter;
        case ChangeRefusal::not_voter: return KafkaError::voter_not_found;
        case ChangeRefusal::last_voter: return KafkaError::invalid_request;
        // They were waited for.
        case ChangeRefusal::not_ready:
        case ChangeRefusal::not_caught_up: return KafkaError::request_timed_out;
        case ChangeRefusal::not_leader: return KafkaError::not_leader_or_follower;
    }
    FL_UNREACHABLE();
}

std::optional<std::string> reason_of(ChangeRefusal refusal, const raft::ReplicaKey& replica) {
    const auto told = [&](std::string_view why) {
        return fmt::format("node {} with directory {} {}", replica.id.v,
                           to_string(replica.directory), why);
    };
    switch (refusal) {
        case ChangeRefusal::none: return {};
        case ChangeRefusal::duplicate:
            return told("cannot be added: a replica of that node votes already");
        case ChangeRefusal::not_voter: return told("is no voter");
        case ChangeRefusal::last_voter: return told("cannot be removed: nobody else votes");
        case ChangeRefusal::not_ready: return "another change of the voters is not committed yet";
        case ChangeRefusal::not_caught_up:
            return told(
                "has not caught up with the metadata log; does it run, and know where the "
                "controllers are?");
        case ChangeRefusal::not_leader: return "this node does not lead the quorum";
    }
    FL_UNREACHABLE();
}

template <class Response>
Response refusal(KafkaError error, std::string why) {
    Response r;
    r.error_code = error;
    if constexpr (requires { r.error_message; }) r.error_message = std::move(why);
    return r;
}

template <class Request>
raft::VoterAddresses addresses_of(const Request& q) {
    raft::VoterAddresses addresses;
    for (const auto& l : q.listeners) addresses.push_back({l.name, l.host, l.port});
    return addresses;
}
}  // namespace

// What is wrong with the request before anything is decided; none when nothing is.
template <class Response, class Request>
std::optional<Response> Controller::refuse_change(const Request& q) const {
    const auto& own = config_.quorum.cluster_id;
    if (q.cluster_id && *q.cluster_id != own)
        return refusal<Response>(KafkaError::inconsistent_cluster_id,
                                 fmt::format("this is the cluster {}", own));
    if (q.voter_id < 0 || q.voter_directory_id.is_zero())
        return refusal<Response>(KafkaError::invalid_request,
                                 "a voter is a node id from 0 and the id of its directory");
    if (!quorum_.raft().voters().current().in_log())
        return refusal<Response>(
            KafkaError::unsupported_version,
            "the voters stand in the configuration: kraft.version must be 1 to change them");
    return {};
}

Result<wire::AddRaftVoterResponse> Controller::serve(const wire::AddRaftVoterRequest& q) {
    using Response = wire::AddRaftVoterResponse;
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    if (auto no = refuse_change<Response>(q)) return *std::move(no);
    if (q.listeners.empty())
        return refusal<Response>(KafkaError::invalid_request, "a voter listens somewhere");
    const raft::ReplicaKey replica{NodeId{q.voter_id}, q.voter_directory_id};
    const Duration wait =
        std::clamp<Duration>(std::chrono::milliseconds(q.timeout_ms), 0s, kLongest);
    FL_TRY(const auto refused, quorum_.add_voter(replica, addresses_of(q), env_.clock.in(wait)));
    Response r;
    r.error_code = error_of(refused);
    r.error_message = reason_of(refused, replica);
    return r;
}

Result<wire::RemoveRaftVoterResponse> Controller::serve(const wire::RemoveRaftVoterRequest& q) {
    using Response = wire::RemoveRaftVoterResponse;
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    if (auto no = refuse_change<Response>(q)) return *std::move(no);
    const raft::ReplicaKey replica{NodeId{q.voter_id}, q.voter_directory_id};
    FL_TRY(const auto refused,
           quorum_.remove_voter(replica, env_.clock.in(config_.quorum.raft.request_timeout)));
    Response r;
    r.error_code = error_of(refused);
    r.error_message = reason_of(refused, replica);
    return r;
}

Result<wire::UpdateRaftVoterResponse> Controller::serve(const wire::UpdateRaftVoterRequest& q) {
    using Response = wire::UpdateRaftVoterResponse;
    Response r;
    r.current_leader.leader_id = quorum_.leader().value_or(NodeId{-1}).v;
    r.current_leader.leader_epoch = quorum_.raft().state().epoch.v;
    if (!active()) {
        r.error_code = KafkaError::not_leader_or_follower;
        return r;
    }
    if (auto no = refuse_change<Response>(q)) {
        r.error_code = no->error_code;
        return r;
    }
    if (q.current_leader_epoch != quorum_.raft().state().epoch.v) {
        r.error_code = q.current_leader_epoch < quorum_.raft().state().epoch.v
                           ? KafkaError::fenced_leader_epoch
                           : KafkaError::unknown_leader_epoch;
        return r;
    }
    const raft::ReplicaKey replica{NodeId{q.voter_id}, q.voter_directory_id};
    const bool speaks = q.kraft_version_feature.min_supported_version <= 1 &&
                        q.kraft_version_feature.max_supported_version >= 1;
    if (q.listeners.empty() || !speaks) {
        r.error_code = KafkaError::invalid_request;
        return r;
    }
    FL_TRY(const auto refused,
           quorum_.update_voter(replica, addresses_of(q),
                                env_.clock.in(config_.quorum.raft.request_timeout)));
    r.error_code = error_of(refused);
    return r;
}

Result<wire::UpdateFeaturesResponse> Controller::serve(const wire::UpdateFeaturesRequest& request) {
    using Response = wire::UpdateFeaturesResponse;
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    wire::UpdateFeaturesRequest others = request;
    std::erase_if(others.feature_updates,
                  [](const auto& u) { return u.feature == logic::kKraftVersion; });
    // All or nothing: what moves the voters into the log cannot be taken back.
    if (auto judged = logic::update_features(image_, others);
        judged.response.error_code != KafkaError::none)
        return std::move(judged.response);
    for (const auto& update : request.feature_updates) {
        if (update.feature != logic::kKraftVersion) continue;
        const bool in_log = quorum_.raft().voters().current().in_log();
        const std::string why = logic::refuse_update(update, in_log ? 1 : 0);
        if (!why.empty()) return refusal<Response>(KafkaError::invalid_update_version, why);
        if (request.validate_only || in_log || update.max_version_level == 0) continue;
        FL_TRY(const auto refused,
               quorum_.begin_dynamic_voters(env_.clock.in(config_.quorum.raft.request_timeout)));
        if (refused != ChangeRefusal::none)
            return refusal<Response>(
                KafkaError::invalid_update_version,
                "kraft.version: not every voter has fetched from this leader yet");
    }
    return decide([&](const model::MetadataImage& image) {
        auto d = logic::update_features(image, others);
        if (d.response.error_code != KafkaError::none) return d;
        d.response.results.clear();
        for (const auto& update : request.feature_updates) {
            auto& result = d.response.results.emplace_back();
            result.feature = update.feature;
            result.error_message.reset();
        }
        return d;
    });
}
}  // namespace faultline::controller
