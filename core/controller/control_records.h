// Control records of the metadata log and its snapshots (KIP-595, KIP-630, KIP-853) as bytes.
#pragma once
#include <vector>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/logic/raft/messages.h"
#include "core/wire/record_batch.h"

namespace faultline::controller {

// As Kafka numbers them.
enum class ControlType : std::int16_t {
    leader_change = 2,
    snapshot_header = 3,
    snapshot_footer = 4,
    kraft_version = 5,
    voters = 6,
};

struct ControlRecord {
    ControlType type;
    IoBuf value;
};

ControlRecord leader_change_record(NodeId leader, const logic::raft::VoterSet& voters);
ControlRecord snapshot_header_record(std::int64_t last_timestamp_ms);
ControlRecord snapshot_footer_record();
ControlRecord kraft_version_record(std::int16_t version);
ControlRecord voters_record(const logic::raft::VoterSet& voters);

// One batch of them.
IoBuf encode_control_batch(Offset base, Epoch epoch, const std::vector<ControlRecord>& records,
                           WallTime now);
// Nothing where the key is none of a control record.
std::optional<std::int16_t> control_type_of(const wire::RecordView& record);
// corrupt.
Result<logic::raft::VoterSet> parse_voters(Bytes value);
Result<std::int64_t> parse_snapshot_header(Bytes value);
}  // namespace faultline::controller
