// What an operator does to a cluster while faults strike: replicas are moved, leaders elected,
// records deleted.
#include <charconv>

#include "core/client/cluster.h"
#include "core/wire/error_map.h"
#include "gen/wire/alter_partition_reassignments_request.h"
#include "gen/wire/alter_partition_reassignments_response.h"
#include "gen/wire/delete_records_request.h"
#include "gen/wire/delete_records_response.h"
#include "gen/wire/elect_leaders_request.h"
#include "gen/wire/elect_leaders_response.h"
#include "sim/workload/client_config.h"
#include "sim/workload/workload.h"

namespace faultline::sim {
namespace {

using wire::KafkaError;
constexpr Duration kStep = 5s;           // for one request
constexpr std::int32_t kStepMs = 4'000;  // the cluster's answer comes before that

class Operator {
public:
    Operator(Env& env, const WorkloadContext& context, const FaultSpec& what,
             const std::vector<std::int32_t>& replicas)
        : env_(env),
          what_(what),
          replicas_(replicas),
          cluster_(env, client_config(context, "op-" + what.id)) {
        const auto slash = what.partition.rfind('/');
        topic_ = what.partition.substr(0, slash);
        std::from_chars(what.partition.data() + slash + 1,
                        what.partition.data() + what.partition.size(), index_);
    }

    bool run(fiber::StopToken stop) {
        bool done = false;
        while (!stop.stop_requested()) {
            const auto error = ask(stop);
            done = error.ok() && *error == KafkaError::none;
            if (done || (error.ok() && !wire::is_retriable(*error))) break;
            cluster_.note_stale(topic_);
            env_.fibers.sleep_until(env_.clock.in(100ms), stop);
        }
        cluster_.close();
        return done;
    }

private:
    Result<KafkaError> ask(fiber::StopToken stop) {
        switch (what_.kind) {
            case FaultKind::reassign: return reassign(stop);
            case FaultKind::elect: return elect(stop);
            default: return delete_records(stop);
        }
    }

    Result<KafkaError> reassign(fiber::StopToken stop) {
        wire::AlterPartitionReassignmentsRequest q;
        q.timeout_ms = kStepMs;
        auto& t = q.topics.emplace_back();
        t.name = topic_;
        auto& p = t.partitions.emplace_back();
        p.partition_index = index_;
        if (replicas_.empty()) {
            p.replicas.reset();
        } else {
            p.replicas = replicas_;
        }
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r, conn->call<wire::AlterPartitionReassignmentsResponse>(
                                 q, env_.clock.in(kStep), stop));
        if (r.error_code != KafkaError::none) return r.error_code;
        return r.responses.at(0).partitions.at(0).error_code;
    }

    Result<KafkaError> elect(fiber::StopToken stop) {
        wire::ElectLeadersRequest q;
        q.timeout_ms = kStepMs;
        q.election_type = what_.unclean ? 1 : 0;
        auto& t = q.topic_partitions->emplace_back();
        t.topic = topic_;
        t.partitions = {index_};
        FL_TRY(const auto conn, cluster_.any(env_.clock.in(kStep), stop));
        FL_TRY(const auto r, conn->call<wire::ElectLeadersResponse>(q, env_.clock.in(kStep), stop));
        if (r.error_code != KafkaError::none) return r.error_code;
        return r.replica_election_results.at(0).partition_result.at(0).error_code;
    }

    Result<KafkaError> delete_records(fiber::StopToken stop) {
        wire::DeleteRecordsRequest q;
        q.timeout_ms = kStepMs;
        auto& t = q.topics.emplace_back();
        t.name = topic_;
        t.partitions.push_back(
            {.partition_index = index_, .offset = what_.before, .unknown_tags = {}});
        FL_TRY(const auto leader, cluster_.leader(topic_, index_, env_.clock.in(kStep), stop));
        FL_TRY(const auto r,
               leader.conn->call<wire::DeleteRecordsResponse>(q, env_.clock.in(kStep), stop));
        return r.topics.at(0).partitions.at(0).error_code;
    }

    Env& env_;
    const FaultSpec& what_;
    const std::vector<std::int32_t>& replicas_;
    std::string topic_;
    std::int32_t index_ = 0;
    client::Cluster cluster_;
};
}  // namespace

bool run_operator(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const FaultSpec& what, const std::vector<std::int32_t>& replicas) {
    return Operator(env, context, what, replicas).run(stop);
}
}  // namespace faultline::sim
