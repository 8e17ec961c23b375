// The metadata log of a node, __cluster_metadata-0, as the quorum uses it: batches in and out.
#pragma once
#include <vector>

#include "core/logic/raft/log_view.h"
#include "core/model/internal_topics.h"
#include "core/model/metadata_image.h"
#include "core/storage/log_manager.h"

namespace faultline::controller {

using model::kMetadataTopic;
inline constexpr Uuid kMetadataTopicId{.hi = 0, .lo = 1};  // Kafka's METADATA_TOPIC_ID

// A batch with the records that it holds.
struct MetadataBatch {
    Offset base{0}, end{0};
    std::int64_t timestamp_ms = 0;  // the latest of its records
    std::vector<model::MetadataRecord> records;
};

class QuorumLog {
public:
    // Opens or makes the log. Parks. corrupt, io, no_space.
    Result<void> open(storage::LogManager& logs);
    // What Raft must know of it: epochs, ends, and the changes of the voter set; view.start and
    // view.snapshot are known. Parks. corrupt, io.
    Result<void> scan(logic::raft::LogView& view, logic::raft::VoterHistory& voters);

    // Batches with their offsets and epochs. Parks until they are written. no_space, io.
    Result<void> append(const IoBuf& batches);
    // Parks. io.
    Result<void> truncate(Offset to);
    // Whole batches from `from` on, below `up_to`; at least one where there is one. Parks.
    Result<IoBuf> read(Offset from, Offset up_to, std::size_t max_bytes);
    // The records of those batches, in order. Control records are passed over. corrupt.
    static Result<std::vector<MetadataBatch>> decode(const IoBuf& batches);

    storage::PartitionLog& log() noexcept { return *log_; }
    const storage::LogRef& ref() const noexcept { return log_; }

private:
    storage::LogRef log_;
};

// One batch of records at its place.
IoBuf encode_batch(const std::vector<model::MetadataRecord>& records, Offset base, Epoch epoch,
                   WallTime now);
// The control batch with which a leader begins its epoch (LeaderChangeMessage), and the one that
// changes the voters (VotersRecord, KIP-853); of two records when it is the first of a log
// (KRaftVersionRecord).
IoBuf encode_leader_change(const logic::raft::Batch& batch, NodeId leader,
                           const logic::raft::VoterSet& voters, WallTime now);
IoBuf encode_voters(const logic::raft::Batch& batch, WallTime now);
// What Raft must know of a batch. corrupt.
Result<logic::raft::Batch> describe_batch(const IoBuf& batch);
}  // namespace faultline::controller
