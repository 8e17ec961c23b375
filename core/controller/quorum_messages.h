// What replicas of the quorum say to each other, as Kafka's requests and responses.
#pragma once
#include <string>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/logic/raft/messages.h"
#include "gen/wire/begin_quorum_epoch_request.h"
#include "gen/wire/begin_quorum_epoch_response.h"
#include "gen/wire/end_quorum_epoch_request.h"
#include "gen/wire/end_quorum_epoch_response.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"
#include "gen/wire/fetch_snapshot_request.h"
#include "gen/wire/fetch_snapshot_response.h"
#include "gen/wire/vote_request.h"
#include "gen/wire/vote_response.h"

namespace faultline::controller {
namespace raft = logic::raft;

wire::VoteRequest to_wire(const raft::VoteRequest& q, const std::string& cluster_id);
wire::BeginQuorumEpochRequest to_wire(const raft::BeginQuorumEpochRequest& q,
                                      const std::string& cluster_id);
wire::EndQuorumEpochRequest to_wire(const raft::EndQuorumEpochRequest& q,
                                    const std::string& cluster_id);
// `max_wait_ms`: how long the leader may hold it.
wire::FetchRequest to_wire(const raft::FetchRequest& q, const std::string& cluster_id,
                           std::int32_t max_wait_ms);

// invalid: not about the one partition of the metadata log.
Result<raft::VoteRequest> from_wire(const wire::VoteRequest& q);
Result<raft::BeginQuorumEpochRequest> from_wire(const wire::BeginQuorumEpochRequest& q);
Result<raft::EndQuorumEpochRequest> from_wire(const wire::EndQuorumEpochRequest& q);
Result<raft::FetchRequest> from_wire(const wire::FetchRequest& q);

wire::VoteResponse to_wire(const raft::VoteResponse& r);
wire::BeginQuorumEpochResponse to_wire(const raft::BeginQuorumEpochResponse& r);
// `records`: the batches that r.batches describes.
wire::FetchResponse to_wire(const raft::FetchResponse& r, IoBuf records);

// What the shell knows of the request that was answered: its epoch, and of a fetch its number.
Result<raft::VoteResponse> from_wire(const wire::VoteResponse& r, const raft::VoteRequest& q);
Result<raft::BeginQuorumEpochResponse> from_wire(const wire::BeginQuorumEpochResponse& r,
                                                 const raft::BeginQuorumEpochRequest& q);
// Without the batches: `records` are their bytes.
Result<raft::FetchResponse> from_wire(const wire::FetchResponse& r, const raft::FetchRequest& q,
                                      IoBuf& records);

// --- parts of snapshots --------------------------------------------------------------------------
struct SnapshotPartRequest {
    raft::FetchSnapshotRequest what;
    std::int64_t position = 0;
    std::int32_t max_bytes = 0;
};
struct SnapshotPart {
    raft::FetchSnapshotResponse what;
    bool found = true;  // the leader has it, and it has bytes at that position
    std::int64_t position = 0, size = 0;
    IoBuf bytes;
};
wire::FetchSnapshotRequest to_wire(const SnapshotPartRequest& q, const std::string& cluster_id);
Result<SnapshotPartRequest> from_wire(const wire::FetchSnapshotRequest& q);
// `error`: in the place of what `part.what` says.
wire::FetchSnapshotResponse to_wire(SnapshotPart part,
                                    wire::KafkaError error = wire::KafkaError::none);
Result<SnapshotPart> from_wire(const wire::FetchSnapshotResponse& r);
}  // namespace faultline::controller
