#include "core/controller/metadata_log.h"

#include "core/wire/record_batch.h"

namespace faultline::controller {
namespace {
constexpr Uuid kMetadataTopicId{.hi = 0, .lo = 1};  // Kafka's METADATA_TOPIC_ID
constexpr Epoch kEpoch{1};                          // a quorum of one never elects again
}  // namespace

Result<void> MetadataLog::open(storage::LogManager& logs, model::MetadataImage& image,
                               std::set<Uuid>& removed) {
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
    return replay(image, removed);
}

Result<void> MetadataLog::replay(model::MetadataImage& image, std::set<Uuid>& removed) {
    constexpr std::uint64_t kChunk = 1U << 20;
    Offset at = log_->log_start();
    while (at < log_->log_end()) {
        FL_TRY(const storage::ReadResult read, log_->read({.from = at, .max_bytes = kChunk}));
        if (read.bytes == 0) break;
        for (const FileSlice& slice : read.slices) {
            FL_TRY(const IoBuf bytes, slice.file->read(slice.off, slice.len));
            for (const IoBuf& batch : wire::split_batches(bytes)) {
                FL_TRY(wire::RecordReader reader, wire::RecordReader::open(batch));
                while (true) {
                    FL_TRY(const auto record, reader.next());
                    if (!record) break;
                    if (reader.header().control() || !record->value) continue;
                    FL_TRY(const auto decoded, model::decode_metadata_record(*record->value));
                    if (!decoded) continue;
                    image.apply(*decoded);
                    if (const auto* r = std::get_if<wire::RemoveTopicRecord>(&*decoded))
                        removed.insert(r->topic_id);
                }
            }
        }
        at = read.next;
    }
    return {};
}

Result<void> MetadataLog::commit(const std::vector<model::MetadataRecord>& records) {
    wire::BatchBuilder batch;
    for (const auto& record : records) {
        const IoBuf value = model::encode_metadata_record(record);
        const Slice bytes = value.coalesce_copy();
        batch.add(clock_.wall().ms, std::nullopt, bytes.bytes());
    }
    FL_TRY(const storage::AppendResult appended,
           log_->append(batch.finish(wire::Codec::none), kEpoch));
    return log_->wait_durable(appended.end(), Deadline::never());
}
}  // namespace faultline::controller
