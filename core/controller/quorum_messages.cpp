#include "core/controller/quorum_messages.h"

#include "core/controller/quorum_log.h"

namespace faultline::controller {
namespace {
using wire::KafkaError;
constexpr std::int32_t kMaxFetch = 8 << 20;  // bytes, as Kafka's quorum

Error misshapen() { return Error{Errc::invalid, 0, "quorum.message"}; }

// Requests and responses of the quorum are lists of topics of lists of partitions, and hold one.
template <class Message>
auto* only_part(Message& m) {
    using Part = std::remove_reference_t<decltype(m.topics[0].partitions[0])>;
    const bool one = m.topics.size() == 1 && m.topics[0].partitions.size() == 1 &&
                     m.topics[0].topic_name == kMetadataTopic &&
                     m.topics[0].partitions[0].partition_index == 0;
    return one ? &m.topics[0].partitions[0] : static_cast<Part*>(nullptr);
}

template <class Message>
auto& one_part(Message& m) {
    m.topics.resize(1);
    m.topics[0].topic_name = kMetadataTopic;
    m.topics[0].partitions.resize(1);
    return m.topics[0].partitions[0];
}

std::int32_t id_of(const std::optional<NodeId>& node) { return node ? node->v : -1; }
std::optional<NodeId> node_of(std::int32_t id) {
    return id < 0 ? std::nullopt : std::optional(NodeId{id});
}

// None comes after it.
bool is_last(std::int32_t epoch) { return epoch == INT32_MAX; }

KafkaError to_kafka(raft::RaftError e) {
    switch (e) {
        case raft::RaftError::none: return KafkaError::none;
        case raft::RaftError::fenced_leader_epoch: return KafkaError::fenced_leader_epoch;
        case raft::RaftError::unknown_leader_epoch: return KafkaError::unknown_leader_epoch;
        case raft::RaftError::not_leader: return KafkaError::not_leader_or_follower;
        case raft::RaftError::invalid_request: return KafkaError::invalid_request;
        case raft::RaftError::invalid_voter_key: return KafkaError::invalid_voter_key;
    }
    FL_UNREACHABLE();
}

raft::RaftError from_kafka(KafkaError e) {
    switch (e) {
        case KafkaError::none: return raft::RaftError::none;
        case KafkaError::fenced_leader_epoch: return raft::RaftError::fenced_leader_epoch;
        case KafkaError::unknown_leader_epoch: return raft::RaftError::unknown_leader_epoch;
        case KafkaError::not_leader_or_follower: return raft::RaftError::not_leader;
        case KafkaError::invalid_voter_key: return raft::RaftError::invalid_voter_key;
        default: return raft::RaftError::invalid_request;
    }
}
}  // namespace

wire::VoteRequest to_wire(const raft::VoteRequest& q, const std::string& cluster_id) {
    wire::VoteRequest m;
    m.cluster_id = cluster_id;
    auto& p = one_part(m);
    p.replica_epoch = q.epoch.v;
    p.replica_id = q.candidate.id.v;
    p.replica_directory_id = q.candidate.directory;
    p.last_offset_epoch = q.last.epoch.v;
    p.last_offset = q.last.end.v;
    p.pre_vote = q.pre_vote;
    m.voter_id = q.voter.id.v;
    p.voter_directory_id = q.voter.directory;
    return m;
}

wire::BeginQuorumEpochRequest to_wire(const raft::BeginQuorumEpochRequest& q,
                                      const std::string& cluster_id) {
    wire::BeginQuorumEpochRequest m;
    m.cluster_id = cluster_id;
    auto& p = one_part(m);
    p.leader_id = q.leader.v;
    p.leader_epoch = q.epoch.v;
    m.voter_id = q.voter.id.v;
    p.voter_directory_id = q.voter.directory;
    return m;
}

wire::EndQuorumEpochRequest to_wire(const raft::EndQuorumEpochRequest& q,
                                    const std::string& cluster_id) {
    wire::EndQuorumEpochRequest m;
    m.cluster_id = cluster_id;
    auto& p = one_part(m);
    p.leader_id = q.leader.v;
    p.leader_epoch = q.epoch.v;
    for (const raft::ReplicaKey& voter : q.preferred_successors) {
        p.preferred_successors.push_back(voter.id.v);  // version 0
        p.preferred_candidates.push_back({voter.id.v, voter.directory, {}});
    }
    return m;
}

wire::FetchRequest to_wire(const raft::FetchRequest& q, const std::string& cluster_id,
                           std::int32_t max_wait_ms) {
    wire::FetchRequest m;
    m.cluster_id = cluster_id;
    m.replica_state.replica_id = q.replica.id.v;
    m.max_wait_ms = max_wait_ms;
    m.max_bytes = kMaxFetch;
    m.topics.resize(1);
    m.topics[0].topic = kMetadataTopic;
    m.topics[0].topic_id = kMetadataTopicId;
    auto& p = m.topics[0].partitions.emplace_back();
    p.current_leader_epoch = q.epoch.v;
    p.fetch_offset = q.at.end.v;
    p.last_fetched_epoch = q.at.epoch.v;
    p.partition_max_bytes = kMaxFetch;
    p.replica_directory_id = q.replica.directory;
    p.high_watermark = q.high_watermark.v;
    return m;
}

Result<raft::VoteRequest> from_wire(const wire::VoteRequest& m) {
    const auto* p = only_part(m);
    if (p == nullptr || p->replica_id < 0) return misshapen();
    return raft::VoteRequest{Epoch{p->replica_epoch},
                             {NodeId{p->replica_id}, p->replica_directory_id},
                             {Epoch{p->last_offset_epoch}, Offset{p->last_offset}},
                             p->pre_vote,
                             {NodeId{m.voter_id}, p->voter_directory_id}};
}

Result<raft::BeginQuorumEpochRequest> from_wire(const wire::BeginQuorumEpochRequest& m) {
    const auto* p = only_part(m);
    if (p == nullptr || p->leader_id < 0) return misshapen();
    return raft::BeginQuorumEpochRequest{
        Epoch{p->leader_epoch}, NodeId{p->leader_id}, {NodeId{m.voter_id}, p->voter_directory_id}};
}

Result<raft::EndQuorumEpochRequest> from_wire(const wire::EndQuorumEpochRequest& m) {
    const auto* p = only_part(m);
    if (p == nullptr || p->leader_id < 0) return misshapen();
    raft::EndQuorumEpochRequest q{Epoch{p->leader_epoch}, NodeId{p->leader_id}, {}};
    for (const std::int32_t id : p->preferred_successors)
        q.preferred_successors.push_back({NodeId{id}, {}});
    for (const auto& candidate : p->preferred_candidates)
        q.preferred_successors.push_back(
            {NodeId{candidate.candidate_id}, candidate.candidate_directory_id});
    return q;
}

Result<raft::FetchRequest> from_wire(const wire::FetchRequest& m) {
    const bool one =
        m.topics.size() == 1 && m.topics[0].partitions.size() == 1 &&
        (m.topics[0].topic_id == kMetadataTopicId || m.topics[0].topic == kMetadataTopic) &&
        m.topics[0].partitions[0].partition == 0;
    if (!one) return misshapen();
    const auto& p = m.topics[0].partitions[0];
    const std::int32_t replica =
        m.replica_state.replica_id >= 0 ? m.replica_state.replica_id : m.replica_id;
    if (replica < 0) return misshapen();
    raft::FetchRequest q;
    q.epoch = Epoch{p.current_leader_epoch};
    q.replica = {NodeId{replica}, p.replica_directory_id};
    q.at = {Epoch{p.last_fetched_epoch}, Offset{p.fetch_offset}};
    // A replica that does not tell is not answered for the sake of the high watermark alone.
    q.high_watermark = Offset{p.high_watermark};
    return q;
}

wire::VoteResponse to_wire(const raft::VoteResponse& r) {
    wire::VoteResponse m;
    auto& p = one_part(m);
    p.leader_id = id_of(r.leader);
    p.leader_epoch = r.epoch.v;
    p.vote_granted = r.granted;
    p.error_code = to_kafka(r.error);
    return m;
}

wire::BeginQuorumEpochResponse to_wire(const raft::BeginQuorumEpochResponse& r) {
    wire::BeginQuorumEpochResponse m;
    auto& p = one_part(m);
    p.leader_id = id_of(r.leader);
    p.leader_epoch = r.epoch.v;
    p.error_code = r.error == raft::RaftError::none && r.epoch > r.asked
                       ? KafkaError::fenced_leader_epoch
                       : to_kafka(r.error);
    return m;
}

wire::FetchResponse to_wire(const raft::FetchResponse& r, IoBuf records) {
    wire::FetchResponse m;
    m.responses.resize(1);
    m.responses[0].topic = kMetadataTopic;
    m.responses[0].topic_id = kMetadataTopicId;
    auto& p = m.responses[0].partitions.emplace_back();
    p.error_code = to_kafka(r.error);
    p.high_watermark = r.high_watermark.v;
    p.last_stable_offset = r.high_watermark.v;
    p.log_start_offset = 0;
    p.aborted_transactions.reset();
    p.current_leader.leader_id = id_of(r.leader);
    p.current_leader.leader_epoch = r.epoch.v;
    if (r.diverging) {
        p.diverging_epoch.epoch = r.diverging->epoch.v;
        p.diverging_epoch.end_offset = r.diverging->end.v;
    }
    if (r.snapshot) {
        p.snapshot_id.epoch = r.snapshot->epoch.v;
        p.snapshot_id.end_offset = r.snapshot->end.v;
    }
    p.records = std::move(records);
    return m;
}

Result<raft::VoteResponse> from_wire(const wire::VoteResponse& m, const raft::VoteRequest& q) {
    const auto* p = only_part(m);
    if (p == nullptr || m.error_code != KafkaError::none || is_last(p->leader_epoch))
        return misshapen();
    raft::VoteResponse r;
    r.epoch = Epoch{p->leader_epoch};
    r.leader = node_of(p->leader_id);
    r.granted = p->vote_granted;
    r.pre_vote = q.pre_vote;
    r.asked = q.epoch;
    if (p->error_code != KafkaError::none) r.error = from_kafka(p->error_code);
    return r;
}

Result<raft::BeginQuorumEpochResponse> from_wire(const wire::BeginQuorumEpochResponse& m,
                                                 const raft::BeginQuorumEpochRequest& q) {
    const auto* p = only_part(m);
    if (p == nullptr || m.error_code != KafkaError::none || is_last(p->leader_epoch))
        return misshapen();
    raft::BeginQuorumEpochResponse r;
    r.epoch = Epoch{p->leader_epoch};
    r.leader = node_of(p->leader_id);
    r.asked = q.epoch;
    // That the epoch is over shows in the epoch itself.
    if (p->error_code == KafkaError::invalid_voter_key ||
        p->error_code == KafkaError::invalid_request)
        r.error = from_kafka(p->error_code);
    return r;
}

Result<raft::FetchResponse> from_wire(const wire::FetchResponse& m, const raft::FetchRequest& q,
                                      IoBuf& records) {
    const bool one = m.error_code == KafkaError::none && m.responses.size() == 1 &&
                     m.responses[0].partitions.size() == 1;
    if (!one) return misshapen();
    const auto& p = m.responses[0].partitions[0];
    if (is_last(p.current_leader.leader_epoch)) return misshapen();
    raft::FetchResponse r;
    r.error = from_kafka(p.error_code);
    r.epoch = Epoch{p.current_leader.leader_epoch};
    r.leader = node_of(p.current_leader.leader_id);
    r.high_watermark = Offset{p.high_watermark};
    if (p.diverging_epoch.epoch >= 0)
        r.diverging = {Epoch{p.diverging_epoch.epoch}, Offset{p.diverging_epoch.end_offset}};
    if (p.snapshot_id.epoch >= 0)
        r.snapshot = {Epoch{p.snapshot_id.epoch}, Offset{p.snapshot_id.end_offset}};
    r.asked = q.epoch;
    r.number = q.number;
    if (!p.records.is_null() && p.records.size() > 0) records = p.records.bytes();
    return r;
}

// --- parts of snapshots
// ----------------------------------------------------------------------------

wire::FetchSnapshotRequest to_wire(const SnapshotPartRequest& q, const std::string& cluster_id) {
    wire::FetchSnapshotRequest m;
    m.cluster_id = cluster_id;
    m.replica_id = q.what.replica.id.v;
    m.max_bytes = q.max_bytes;
    auto& topic = m.topics.emplace_back();
    topic.name = kMetadataTopic;
    auto& p = topic.partitions.emplace_back();
    p.current_leader_epoch = q.what.epoch.v;
    p.snapshot_id.end_offset = q.what.id.end.v;
    p.snapshot_id.epoch = q.what.id.epoch.v;
    p.position = q.position;
    p.replica_directory_id = q.what.replica.directory;
    return m;
}

Result<SnapshotPartRequest> from_wire(const wire::FetchSnapshotRequest& m) {
    const bool one = m.topics.size() == 1 && m.topics[0].name == kMetadataTopic &&
                     m.topics[0].partitions.size() == 1 && m.topics[0].partitions[0].partition == 0;
    if (!one || m.replica_id < 0) return misshapen();
    const auto& p = m.topics[0].partitions[0];
    SnapshotPartRequest q;
    q.what.epoch = Epoch{p.current_leader_epoch};
    q.what.replica = {NodeId{m.replica_id}, p.replica_directory_id};
    q.what.id = {Epoch{p.snapshot_id.epoch}, Offset{p.snapshot_id.end_offset}};
    q.position = p.position;
    q.max_bytes = m.max_bytes;
    return q;
}

wire::FetchSnapshotResponse to_wire(SnapshotPart part, KafkaError error) {
    wire::FetchSnapshotResponse m;
    auto& topic = m.topics.emplace_back();
    topic.name = kMetadataTopic;
    auto& p = topic.partitions.emplace_back();
    p.error_code = error != KafkaError::none ? error : to_kafka(part.what.error);
    p.snapshot_id.end_offset = part.what.id.end.v;
    p.snapshot_id.epoch = part.what.id.epoch.v;
    p.current_leader.leader_id = id_of(part.what.leader);
    p.current_leader.leader_epoch = part.what.epoch.v;
    p.size = part.size;
    p.position = part.position;
    p.unaligned_records = std::move(part.bytes);
    return m;
}

Result<SnapshotPart> from_wire(const wire::FetchSnapshotResponse& m) {
    const bool one = m.error_code == KafkaError::none && m.topics.size() == 1 &&
                     m.topics[0].partitions.size() == 1;
    if (!one) return misshapen();
    const auto& p = m.topics[0].partitions[0];
    if (is_last(p.current_leader.leader_epoch)) return misshapen();
    SnapshotPart part;
    part.found = p.error_code != KafkaError::snapshot_not_found &&
                 p.error_code != KafkaError::position_out_of_range;
    part.what.error = part.found ? from_kafka(p.error_code) : raft::RaftError::none;
    part.what.epoch = Epoch{p.current_leader.leader_epoch};
    part.what.leader = node_of(p.current_leader.leader_id);
    part.what.id = {Epoch{p.snapshot_id.epoch}, Offset{p.snapshot_id.end_offset}};
    part.position = p.position;
    part.size = p.size;
    if (!p.unaligned_records.is_null() && p.unaligned_records.size() > 0)
        part.bytes = p.unaligned_records.bytes();
    return part;
}
}  // namespace faultline::controller
