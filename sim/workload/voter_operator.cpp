// What an operator does to the quorum while faults strike: controllers get a vote or lose it
// (KIP-853).
#include <algorithm>
#include <map>

#include "core/client/cluster.h"
#include "core/wire/error_map.h"
#include "gen/wire/add_raft_voter_request.h"
#include "gen/wire/add_raft_voter_response.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
#include "gen/wire/remove_raft_voter_request.h"
#include "gen/wire/remove_raft_voter_response.h"
#include "gen/wire/update_features_request.h"
#include "gen/wire/update_features_response.h"
#include "sim/workload/client_config.h"
#include "sim/workload/workload.h"

namespace faultline::sim {
namespace {

using wire::KafkaError;
constexpr Duration kStep = 5s;           // for one request
constexpr std::int32_t kStepMs = 4'000;  // the cluster's answer comes before that

// A replica of the metadata log and the directory that its log is in.
using Replicas = std::map<std::int32_t, Uuid>;
struct QuorumNow {
    Replicas voters, observers;
};

class VoterOperator {
public:
    VoterOperator(Env& env, const WorkloadContext& context, const FaultSpec& what)
        : env_(env), what_(what), cluster_(env, client_config(context, "op-" + what.id)) {}

    bool run(fiber::StopToken stop, const std::vector<ControllerPlace>& controllers) {
        const bool all = std::ranges::all_of(
            controllers, [&](const ControllerPlace& c) { return persist(c, stop); });
        cluster_.close();
        return all && changed_;
    }

private:
    // Asks until it is as it was wanted, by whomever, or refused for good.
    bool persist(const ControllerPlace& place, fiber::StopToken stop) {
        const bool add = what_.kind == FaultKind::add_voter;
        // What DescribeQuorum shows may not be committed: only these say that it is.
        const KafkaError already = add ? KafkaError::duplicate_voter : KafkaError::voter_not_found;
        while (!stop.stop_requested()) {
            const auto error = ask(place, stop);
            if (error.ok() && (*error == KafkaError::none || *error == already)) return true;
            if (error.ok() && !wire::is_retriable(*error)) {
                env_.log.warn("{}: refused with error {}", what_.id, static_cast<int>(*error));
                return false;
            }
            env_.fibers.sleep_until(env_.clock.in(100ms), stop);
        }
        return false;
    }

    Result<KafkaError> ask(const ControllerPlace& place, fiber::StopToken stop) {
        FL_TRY(const QuorumNow now, quorum(stop));
        const bool in_log = std::ranges::none_of(
            now.voters, [](const auto& voter) { return voter.second.is_zero(); });
        if (!in_log) {
            FL_TRY(const KafkaError upgraded, move_into_log(stop));
            return upgraded == KafkaError::none ? KafkaError::request_timed_out : upgraded;
        }
        const auto voter = now.voters.find(place.node.v);
        const auto observer = now.observers.find(place.node.v);
        const bool votes = voter != now.voters.end();
        // It has not fetched from this leader yet.
        if (!votes && observer == now.observers.end()) return KafkaError::request_timed_out;
        const Uuid directory = votes ? voter->second : observer->second;
        const bool add = what_.kind == FaultKind::add_voter;
        changed_ = changed_ || votes != add;
        return add ? add_voter(place, directory, stop) : remove(place, directory, stop);
    }

    Result<QuorumNow> quorum(fiber::StopToken stop) {
        wire::DescribeQuorumRequest q;
        auto& topic = q.topics.emplace_back();
        topic.topic_name = "__cluster_metadata";
        topic.partitions.emplace_back();
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r,
               conn->call<wire::DescribeQuorumResponse>(q, env_.clock.in(kStep), stop));
        if (r.error_code != KafkaError::none || r.topics.empty() || r.topics[0].partitions.empty())
            return Error{Errc::busy, 0, "operator.describe_quorum"};
        const auto& p = r.topics[0].partitions[0];
        QuorumNow now;
        for (const auto& s : p.current_voters) now.voters[s.replica_id] = s.replica_directory_id;
        for (const auto& s : p.observers) now.observers[s.replica_id] = s.replica_directory_id;
        if (now.voters.empty()) return Error{Errc::busy, 0, "operator.describe_quorum"};
        return now;
    }

    Result<KafkaError> move_into_log(fiber::StopToken stop) {
        wire::UpdateFeaturesRequest q;
        q.timeout_ms = kStepMs;
        auto& update = q.feature_updates.emplace_back();
        update.feature = "kraft.version";
        update.max_version_level = 1;
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r,
               conn->call<wire::UpdateFeaturesResponse>(q, env_.clock.in(kStep), stop));
        // Refused while a voter has not fetched from this leader.
        return r.error_code == KafkaError::invalid_update_version ? KafkaError::request_timed_out
                                                                  : r.error_code;
    }

    Result<KafkaError> add_voter(const ControllerPlace& place, const Uuid& directory,
                                 fiber::StopToken stop) {
        wire::AddRaftVoterRequest q;
        q.cluster_id.reset();
        q.timeout_ms = kStepMs;
        q.voter_id = place.node.v;
        q.voter_directory_id = directory;
        auto& listener = q.listeners.emplace_back();
        listener.name = "CONTROLLER";
        listener.host = place.endpoint.host;
        listener.port = place.endpoint.port;
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r, conn->call<wire::AddRaftVoterResponse>(q, env_.clock.in(kStep), stop));
        return r.error_code;
    }

    Result<KafkaError> remove(const ControllerPlace& place, const Uuid& directory,
                              fiber::StopToken stop) {
        wire::RemoveRaftVoterRequest q;
        q.cluster_id.reset();
        q.voter_id = place.node.v;
        q.voter_directory_id = directory;
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r,
               conn->call<wire::RemoveRaftVoterResponse>(q, env_.clock.in(kStep), stop));
        return r.error_code;
    }

    Env& env_;
    const FaultSpec& what_;
    client::Cluster cluster_;
    bool changed_ = false;  // there was something to change
};
}  // namespace

bool run_voter_operator(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                        const FaultSpec& what, const std::vector<ControllerPlace>& controllers) {
    return VoterOperator(env, context, what).run(stop, controllers);
}
}  // namespace faultline::sim
