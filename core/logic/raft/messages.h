// What replicas of the metadata log say to each other: the facts of Kafka's Vote, BeginQuorumEpoch,
// EndQuorumEpoch, Fetch and FetchSnapshot (KIP-595, KIP-630, KIP-853, KIP-996), as values. The
// shell turns them into requests and responses; `asked` of a response is the epoch of the request
// that it answers, and `number` that request's own: the shell knows both by the correlation id.
#pragma once
#include <optional>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/logic/raft/voter_set.h"

namespace faultline::logic::raft {

// Where a log ends, or a snapshot: the epoch of its last record and the offset behind it.
struct LogEnd {
    Epoch epoch{0};
    Offset end{0};
    friend bool operator==(const LogEnd&, const LogEnd&) = default;
    // The order of the Raft paper, 5.4.1: which of two logs is more up to date.
    friend auto operator<=>(const LogEnd&, const LogEnd&) = default;
};

enum class RaftError : std::uint8_t {
    none,
    fenced_leader_epoch,   // the asker's epoch is over
    unknown_leader_epoch,  // the asker's epoch is newer than the asked one's
    not_leader,
    // The asker's offset is not one of this log, or it names another leader than the epoch's.
    invalid_request,
    invalid_voter_key,  // another replica was asked: that node has another disk now
};

// Records of one epoch in one batch, as the log stores them.
struct Batch {
    Epoch epoch{0};
    Offset base{0};
    std::int32_t count = 1;  // offsets
    bool leader_change = false;
    std::optional<VoterSet> voters;  // a change of the voter set
    std::uint64_t payload = 0;       // the shell's handle of the bytes
    Offset end() const { return base + count; }
    friend bool operator==(const Batch&, const Batch&) = default;
};

struct VoteRequest {
    Epoch epoch;
    ReplicaKey candidate;
    LogEnd last;
    bool pre_vote = false;
    // KIP-853: whose vote is asked for. Another disk of that node must not give it, for it has
    // forgotten what the first one promised. The candidate takes the answer for that replica's.
    ReplicaKey voter{};
};
struct VoteResponse {
    Epoch epoch;
    std::optional<NodeId> leader;
    bool granted = false;
    bool pre_vote = false;
    Epoch asked;
    RaftError error = RaftError::none;  // or invalid_voter_key, never granted
};
struct BeginQuorumEpochRequest {
    Epoch epoch;
    NodeId leader;
    ReplicaKey voter{};  // KIP-853: who is told
};
struct BeginQuorumEpochResponse {
    Epoch epoch;
    std::optional<NodeId> leader;
    Epoch asked;
    // invalid_voter_key: another replica than was named knows now. invalid_request: another leads.
    RaftError error = RaftError::none;
};
struct EndQuorumEpochRequest {
    Epoch epoch;
    NodeId leader;
    std::vector<ReplicaKey> preferred_successors;  // best first
};
struct FetchRequest {
    Epoch epoch;
    ReplicaKey replica;
    LogEnd at;  // what the replica has on its disk: the leader counts it as held
    Offset high_watermark{0};
    std::uint64_t number = 0;  // the asker's, so that it knows the answer
    // Of whom is asked: the connection on which it came. On one of them a replica asks again only
    // when it has the answer to what it asked before.
    std::uint64_t lane = 0;
};
struct FetchResponse {
    RaftError error = RaftError::none;
    Epoch epoch;
    std::optional<NodeId> leader;
    Offset high_watermark{0};
    std::optional<LogEnd> diverging;  // the logs part here at the latest
    std::optional<LogEnd> snapshot;   // the leader's log starts above: fetch this one
    std::vector<Batch> batches;
    Epoch asked;
    std::uint64_t number = 0;
};

// A part of a snapshot is asked for and given (KIP-630): what decides. Position, size and bytes are
// the shell's, and so are the errors SNAPSHOT_NOT_FOUND and POSITION_OUT_OF_RANGE.
struct FetchSnapshotRequest {
    Epoch epoch;
    ReplicaKey replica;
    LogEnd id;
    std::uint64_t lane = 0;  // as in FetchRequest
};
struct FetchSnapshotResponse {
    RaftError error = RaftError::none;
    Epoch epoch;
    std::optional<NodeId> leader;
    LogEnd id;
};

using Message =
    std::variant<VoteRequest, VoteResponse, BeginQuorumEpochRequest, BeginQuorumEpochResponse,
                 EndQuorumEpochRequest, FetchRequest, FetchResponse>;
}  // namespace faultline::logic::raft
