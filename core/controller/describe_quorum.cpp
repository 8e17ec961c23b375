#include "core/controller/describe_quorum.h"

namespace faultline::controller {
namespace {
using wire::DescribeQuorumResponse;
using wire::KafkaError;

DescribeQuorumResponse::ReplicaState state_of(const raft::Progress& p, Offset log_end,
                                              const Clock& clock) {
    DescribeQuorumResponse::ReplicaState s;
    s.replica_id = p.replica.id.v;
    s.replica_directory_id = p.replica.directory;
    s.log_end_offset = p.held.v;
    if (p.last_fetch > MonoTime{}) {
        s.last_fetch_timestamp = clock.wall().ms - (clock.now() - p.last_fetch) / 1ms;
        if (p.held >= log_end) s.last_caught_up_timestamp = s.last_fetch_timestamp;
    }
    return s;
}

void fill(const Quorum& quorum, const raft::Leader& leader, const Clock& clock,
          DescribeQuorumResponse::PartitionData& out) {
    const raft::Raft& raft = quorum.raft();
    out.leader_id = raft.self().id.v;
    out.leader_epoch = raft.state().epoch.v;
    out.high_watermark = raft.high_watermark().v;
    for (const raft::ReplicaKey& voter : raft.voters().current().all()) {
        raft::Progress p;
        p.replica = voter;
        p.held = Offset{-1};
        if (const auto it = leader.progress.find(voter.id); it != leader.progress.end())
            p = it->second;
        if (voter.same(raft.self())) {
            p.replica = raft.self();
            p.held = raft.log().end;
            p.last_fetch = clock.now();
        }
        // With kraft.version 0 a voter is its number alone.
        if (!raft.voters().current().in_log()) p.replica.directory = {};
        out.current_voters.push_back(state_of(p, raft.log().end, clock));
    }
    for (const auto& [id, p] : leader.progress) {
        if (!raft.voters().current().contains(p.replica))
            out.observers.push_back(state_of(p, raft.log().end, clock));
    }
}
}  // namespace

Result<DescribeQuorumResponse> describe_quorum(const Quorum& quorum,
                                               const wire::DescribeQuorumRequest& request,
                                               const Clock& clock) {
    const auto* leader = std::get_if<raft::Leader>(&quorum.raft().role());
    if (leader == nullptr) return Error{Errc::fenced, 0, "controller.not_active"};
    // Kafka's raft client serves a request for its one partition, or refuses it whole.
    const bool ours = request.topics.size() == 1 &&
                      request.topics[0].topic_name == kMetadataTopic &&
                      request.topics[0].partitions.size() == 1 &&
                      request.topics[0].partitions[0].partition_index == 0;
    DescribeQuorumResponse r;
    r.error_message = "";
    for (const auto& topic : request.topics) {
        auto& t = r.topics.emplace_back();
        t.topic_name = topic.topic_name;
        for (const auto& partition : topic.partitions) {
            auto& p = t.partitions.emplace_back();
            p.partition_index = partition.partition_index;
            p.error_message = "";
            if (ours) {
                fill(quorum, *leader, clock, p);
            } else {
                p.error_code = KafkaError::unknown_topic_or_partition;
                p.error_message = "This server does not host this topic-partition.";
            }
        }
    }
    if (!ours) return r;
    for (const raft::ReplicaKey& voter : quorum.raft().voters().current().all()) {
        auto at = quorum.endpoint_of(voter.id);
        if (!at && voter.id == quorum.config().node) at = quorum.config().advertised;
        if (!at) continue;
        auto& node = r.nodes.emplace_back();
        node.node_id = voter.id.v;
        auto& listener = node.listeners.emplace_back();
        listener.name = quorum.config().listener;
        listener.host = at->host;
        listener.port = at->port;
    }
    return r;
}
}  // namespace faultline::controller
