// A snapshot of the metadata log as bytes (KIP-630, docs/formats/snapshot.md). Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/logic/raft/messages.h"
#include "core/model/metadata_image.h"

namespace faultline::controller {

using SnapshotId = logic::raft::LogEnd;  // it holds all records below `end`

struct MetadataSnapshot {
    SnapshotId id;
    std::int64_t last_timestamp_ms = 0;           // of the last record of the log that is in it
    std::optional<logic::raft::VoterSet> voters;  // only with kraft.version 1
    std::vector<model::MetadataRecord> records;
};

// "<20 digits>-<10 digits>.checkpoint"
std::string snapshot_file_name(const SnapshotId& id);
// Nothing when `name` is not such a name.
std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name);

IoBuf encode_snapshot(const MetadataSnapshot& snapshot, WallTime now);
// corrupt: a damaged or incomplete one.
Result<MetadataSnapshot> decode_snapshot(const SnapshotId& id, const IoBuf& bytes);
}  // namespace faultline::controller
