#include "core/controller/control_records.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"
#include "gen/wire/kraft_version_record.h"
#include "gen/wire/leader_change_message.h"
#include "gen/wire/snapshot_footer_record.h"
#include "gen/wire/snapshot_header_record.h"
#include "gen/wire/voters_record.h"

namespace faultline::controller {
namespace {
constexpr std::int16_t kControl = 32;  // attribute bit
constexpr std::int16_t kMaxKraftVersion = 1;

template <class Message>
ControlRecord record_of(ControlType type, const Message& message) {
    wire::Writer value(128);
    message.encode(value, wire::Version{0});
    FL_ASSERT(value.ok());
    return {type, value.finish().to_iobuf()};
}

template <class Message>
Result<Message> parse(Bytes value) {
    const IoBuf bytes = IoBuf::copy_of(value);
    wire::Reader in(bytes);
    Message message;
    message.decode(in, wire::Version{0});
    if (!in.ok()) return Error{Errc::corrupt, 0, "quorum.control_record"};
    return message;
}
}  // namespace

ControlRecord leader_change_record(NodeId leader, const logic::raft::VoterSet& voters) {
    wire::LeaderChangeMessage message;
    message.leader_id = leader.v;
    for (const auto& v : voters.all()) {
        wire::LeaderChangeMessage::Voter voter;
        voter.voter_id = v.id.v;
        message.voters.push_back(voter);
    }
    return record_of(ControlType::leader_change, message);
}

ControlRecord snapshot_header_record(std::int64_t last_timestamp_ms) {
    wire::SnapshotHeaderRecord message;
    message.last_contained_log_timestamp = last_timestamp_ms;
    return record_of(ControlType::snapshot_header, message);
}

ControlRecord snapshot_footer_record() {
    return record_of(ControlType::snapshot_footer, wire::SnapshotFooterRecord{});
}

ControlRecord kraft_version_record(std::int16_t version) {
    wire::KRaftVersionRecord message;
    message.kraft_version = version;
    return record_of(ControlType::kraft_version, message);
}

ControlRecord voters_record(const logic::raft::VoterSet& voters) {
    wire::VotersRecord message;
    for (const auto& v : voters.all()) {
        wire::VotersRecord::Voter voter;
        voter.voter_id = v.id.v;
        voter.voter_directory_id = v.directory;
        if (const auto* addresses = voters.addresses(v.id)) {
            for (const auto& a : *addresses) {
                auto& endpoint = voter.endpoints.emplace_back();
                endpoint.name = a.listener;
                endpoint.host = a.host;
                endpoint.port = a.port;
            }
        }
        voter.kraft_version_feature.max_supported_version = kMaxKraftVersion;
        message.voters.push_back(std::move(voter));
    }
    return record_of(ControlType::voters, message);
}

IoBuf encode_control_batch(Offset base, Epoch epoch, const std::vector<ControlRecord>& records,
                           WallTime now) {
    wire::BatchBuilder batch;
    batch.set_attributes(kControl);
    batch.set_base_offset(base.v);
    batch.set_leader_epoch(epoch.v);
    for (const ControlRecord& r : records) {
        wire::Writer key(8);
        key.i16(0);
        key.i16(static_cast<std::int16_t>(r.type));
        const Slice k = key.finish().to_iobuf().coalesce_copy();
        const Slice v = r.value.coalesce_copy();
        batch.add(now.ms, k.bytes(), v.bytes());
    }
    return batch.finish(wire::Codec::none);
}

std::optional<std::int16_t> control_type_of(const wire::RecordView& record) {
    if (!record.key || !record.value) return {};
    const IoBuf key = IoBuf::copy_of(*record.key);
    wire::Reader in(key);
    (void)in.i16();  // the version of the key: there is one
    const std::int16_t type = in.i16();
    if (!in.ok()) return {};
    return type;
}

Result<logic::raft::VoterSet> parse_voters(Bytes value) {
    FL_TRY(const auto message, parse<wire::VotersRecord>(value));
    std::vector<logic::raft::ReplicaKey> keys;
    std::map<NodeId, logic::raft::VoterAddresses> addresses;
    for (const auto& v : message.voters) {
        const NodeId id{v.voter_id};
        if (std::ranges::find(keys, id, &logic::raft::ReplicaKey::id) != keys.end())
            return Error{Errc::corrupt, 0, "quorum.voters_record"};
        keys.push_back({id, v.voter_directory_id});
        for (const auto& e : v.endpoints) addresses[id].push_back({e.name, e.host, e.port});
    }
    return logic::raft::VoterSet(std::move(keys), std::move(addresses));
}

Result<std::int64_t> parse_snapshot_header(Bytes value) {
    FL_TRY(const auto message, parse<wire::SnapshotHeaderRecord>(value));
    return message.last_contained_log_timestamp;
}
}  // namespace faultline::controller
