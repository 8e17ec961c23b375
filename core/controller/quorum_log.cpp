#include "core/controller/quorum_log.h"

#include "core/controller/control_records.h"

namespace faultline::controller {
IoBuf encode_batch(const std::vector<model::MetadataRecord>& records, Offset base, Epoch epoch,
                   WallTime now) {
    wire::BatchBuilder batch;
    batch.set_base_offset(base.v);
    batch.set_leader_epoch(epoch.v);
    for (const auto& record : records) {
        const Slice bytes = model::encode_metadata_record(record).coalesce_copy();
        batch.add(now.ms, std::nullopt, bytes.bytes());
    }
    return batch.finish(wire::Codec::none);
}

IoBuf encode_leader_change(const logic::raft::Batch& batch, NodeId leader,
                           const logic::raft::VoterSet& voters, WallTime now) {
    return encode_control_batch(batch.base, batch.epoch, {leader_change_record(leader, voters)},
                                now);
}

IoBuf encode_voters(const logic::raft::Batch& batch, WallTime now) {
    std::vector<ControlRecord> records;
    // The first ones in a log say with them that there are such from now on.
    if (batch.count == 2) records.push_back(kraft_version_record(1));
    records.push_back(voters_record(*batch.voters));
    return encode_control_batch(batch.base, batch.epoch, records, now);
}

Result<logic::raft::Batch> describe_batch(const IoBuf& bytes) {
    if (bytes.size() < wire::kBatchHeader) return Error{Errc::corrupt, 0, "quorum.batch"};
    std::byte head[wire::kBatchHeader];
    bytes.copy_out(0, head);
    const wire::BatchHeader h = wire::parse_batch_header(head);
    if (h.count <= 0 || h.base_offset < 0 || h.leader_epoch < 0 || h.last_offset_delta < 0 ||
        h.last_offset_delta == INT32_MAX)
        return Error{Errc::corrupt, 0, "quorum.batch"};
    logic::raft::Batch batch;
    batch.epoch = Epoch{h.leader_epoch};
    batch.base = Offset{h.base_offset};
    batch.count = h.last_offset_delta + 1;
    if (!h.control()) return batch;
    FL_TRY(wire::RecordReader reader, wire::RecordReader::open(bytes));
    while (true) {
        FL_TRY(const auto record, reader.next());
        if (!record) break;
        const auto type = control_type_of(*record);
        if (type != static_cast<std::int16_t>(ControlType::voters)) continue;
        FL_TRY(auto voters, parse_voters(*record->value));
        batch.voters = std::move(voters);
    }
    batch.leader_change = !batch.voters;
    return batch;
}

Result<void> QuorumLog::open(storage::LogManager& logs) {
    const TopicPartition partition{std::string(kMetadataTopic), PartitionIndex{0}};
    log_ = logs.find(partition);
    if (log_ == nullptr) {
        for (const auto& lost : logs.offline()) {
            if (lost.partition == partition) return lost.error;
        }
        storage::LogConfig config;
        config.retention_ms = -1;
        FL_TRY(log_, logs.create(partition, kMetadataTopicId, config));
    } else {
        storage::LogConfig config = log_->config();
        config.retention_ms = -1;
        config.retention_bytes = -1;
        log_->update_config(config);
    }
    return {};
}

Result<void> QuorumLog::scan(logic::raft::LogView& view, logic::raft::VoterHistory& voters) {
    FL_ASSERT(view.start == log_->log_start());
    view.end = view.start;
    while (view.end < log_->log_end()) {
        FL_TRY(const IoBuf bytes, read(view.end, log_->log_end(), 1U << 20));
        const Offset before = view.end;
        for (const IoBuf& one : wire::split_batches(bytes)) {
            FL_TRY(const logic::raft::Batch batch, describe_batch(one));
            if (batch.base != view.end || batch.epoch < view.last().epoch)
                return Error{Errc::corrupt, 0, "quorum.scan"};
            view.append(batch);
            if (batch.voters) voters.append(batch.base, *batch.voters);
        }
        if (view.end == before) return Error{Errc::corrupt, 0, "quorum.scan"};
    }
    // What a killed process wrote may not have reached the disk yet.
    FL_CHECK(log_->flush());
    view.durable = view.end;
    return {};
}

Result<void> QuorumLog::append(const IoBuf& batches) {
    FL_TRY(const storage::AppendResult appended, log_->append_assigned(batches));
    (void)appended;  // Raft knows the offsets
    return {};
}

Result<void> QuorumLog::truncate(Offset to) { return log_->truncate_to(to); }

Result<IoBuf> QuorumLog::read(Offset from, Offset up_to, std::size_t max_bytes) {
    IoBuf bytes;
    FL_TRY(const storage::ReadResult found,
           log_->read({.from = from, .max_bytes = max_bytes, .up_to = up_to}));
    for (const FileSlice& slice : found.slices) {
        FL_TRY(const IoBuf part, slice.file->read(slice.off, slice.len));
        bytes.append(part);
    }
    return bytes;
}

Result<std::vector<MetadataBatch>> QuorumLog::decode(const IoBuf& batches) {
    std::vector<MetadataBatch> out;
    for (const IoBuf& one : wire::split_batches(batches)) {
        FL_TRY(wire::RecordReader reader, wire::RecordReader::open(one));
        MetadataBatch batch;
        batch.base = Offset{reader.header().base_offset};
        batch.end = Offset{reader.header().last_offset() + 1};
        batch.timestamp_ms = reader.header().max_timestamp;
        while (true) {
            FL_TRY(const auto record, reader.next());
            if (!record) break;
            if (reader.header().control() || !record->value) continue;
            FL_TRY(auto decoded, model::decode_metadata_record(*record->value));
            if (decoded) batch.records.push_back(*std::move(decoded));
        }
        out.push_back(std::move(batch));
    }
    return out;
}
}  // namespace faultline::controller
