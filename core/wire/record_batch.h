// Record batches, format 2 (KIP-98): what Produce carries, segments hold and Fetch answers.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/wire/compression.h"
#include "core/wire/plain_records.h"
#include "gen/wire/errors.h"

namespace faultline::wire {

inline constexpr std::size_t kBatchHeader = 61;     // bytes before the records
inline constexpr std::size_t kBatchLengthEnd = 12;  // base offset and length, not counted in length
inline constexpr std::size_t kCrcFrom = 21;         // the CRC covers from here to the end

// Sums of what a peer sent wrap, as they do in Kafka, instead of being undefined.
constexpr std::int64_t wrap_add(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

constexpr std::int64_t wrap_sub(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

struct BatchHeader {
    std::int64_t base_offset = 0;
    std::int32_t length = 0;  // of what follows this field
    std::int32_t leader_epoch = -1;
    std::int8_t magic = 2;
    std::uint32_t crc = 0;
    std::int16_t attributes = 0;
    std::int32_t last_offset_delta = 0;
    std::int64_t base_timestamp = -1, max_timestamp = -1;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t count = 0;

    std::size_t size() const { return kBatchLengthEnd + static_cast<std::size_t>(length); }
    int codec_bits() const { return attributes & 7; }
    Codec codec() const { return static_cast<Codec>(codec_bits()); }  // requires codec_bits() <= 4
    bool log_append_time() const { return (attributes & 8) != 0; }
    bool transactional() const { return (attributes & 16) != 0; }
    bool control() const { return (attributes & 32) != 0; }
    // When tombstones and markers of this batch may go; base_timestamp then holds it (KIP-534).
    std::optional<std::int64_t> delete_horizon() const {
        return (attributes & 64) != 0 ? std::optional{base_timestamp} : std::nullopt;
    }
    std::int64_t last_offset() const { return wrap_add(base_offset, last_offset_delta); }
};

// Requires kBatchHeader bytes. Checks nothing.
BatchHeader parse_batch_header(Bytes head);
void write_batch_header(const BatchHeader& header, MutBytes head);

// One record of a batch; the spans point into the batch's (decompressed) bytes.
struct RecordView {
    std::int64_t offset = 0, timestamp = 0;
    std::optional<Bytes> key, value;
    std::int32_t headers = 0;
    Bytes header_bytes;  // `headers` of (key, value); see next_header
};
struct HeaderView {
    std::string_view key;
    std::optional<Bytes> value;
};
// Takes the next header off `bytes`. corrupt.
Result<HeaderView> next_header(Bytes& bytes);

// The records of one whole batch, decompressed where needed. Owns the bytes that views point into.
class RecordReader {
public:
    // `batch` is exactly one batch. Checks length, magic and codec, and the CRC unless told that it
    // was checked. corrupt, too_large.
    static Result<RecordReader> open(const IoBuf& batch, bool check_crc = true);
    const BatchHeader& header() const noexcept { return header_; }
    // Empty after the last. corrupt: the records do not parse, or are more or fewer than counted.
    Result<std::optional<RecordView>> next();
    // The same into `out`; false after the last.
    Result<bool> next(RecordView& out);
    // Passes over usual records as far as they go (plain_records.h); none when the next one has to
    // be read with next().
    PlainRun take_plain();

private:
    bool take_record(Bytes& body);
    void move_to(std::size_t position);
    std::size_t left() const;  // bytes not yet read

    BatchHeader header_;
    IoBuf bytes_;                // the records, decompressed
    std::vector<Slice> joined_;  // copies of those that lie in two parts, at most one per part
    Bytes rest_;                 // of the current part
    std::size_t part_ = 0, part_start_ = 0;
    std::int32_t index_ = 0;
};

// Splits what Fetch answered into whole batches; an incomplete one at the end is left out, as Kafka
// cuts answers anywhere. Stops at bytes that are no batch.
std::vector<IoBuf> split_batches(const IoBuf& records);

struct RecordHeader {
    std::string key;
    std::optional<std::string> value;
};

// Makes one batch.
class BatchBuilder {
public:
    // Timestamps in ms. Takes the bytes.
    void add(std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
             const std::vector<RecordHeader>& headers = {});
    std::int32_t count() const noexcept { return count_; }
    // Of the records so far, uncompressed, with the header.
    std::size_t size() const noexcept { return kBatchHeader + records_.size(); }
    void set_producer(std::int64_t id, std::int16_t epoch, std::int32_t base_sequence) {
        header_.producer_id = id;
        header_.producer_epoch = epoch;
        header_.base_sequence = base_sequence;
    }
    // Attribute bits beside the codec: 16 transactional, 32 control.
    void set_attributes(std::int16_t bits) { header_.attributes = bits; }
    void set_base_offset(std::int64_t offset) { header_.base_offset = offset; }
    void set_leader_epoch(std::int32_t epoch) { header_.leader_epoch = epoch; }
    // Requires count() > 0. The builder is empty afterwards.
    IoBuf finish(Codec codec);

private:
    BatchHeader header_;
    BufBuilder records_;
    std::int32_t count_ = 0;
};

// What compaction leaves of a batch: `kept` of its records with their offsets and times, under the
// same codec, with the first batch's offsets (both ends), sequences, producer and epochs, so that
// nobody loses count. Without records it is a header alone. `delete_horizon` in ms (KIP-534).
IoBuf rewrite_batch(const BatchHeader& original, const std::vector<RecordView>& kept,
                    std::optional<std::int64_t> delete_horizon);

// --- what a leader checks before it appends ------------------------------------------------------

struct AppendRules {
    bool log_append_time = false;  // message.timestamp.type
    bool compacted = false;        // cleanup.policy has compact: keys are needed
    std::int64_t before_max_ms = INT64_MAX, after_max_ms = INT64_MAX;  // message.timestamp.*.max.ms
    std::int64_t max_message_bytes = 1'048'588;                        // of a batch
};

struct CheckedBatch {
    IoBuf bytes;  // shares the request's, but for a header that had to change
    BatchHeader header;
    std::int64_t log_append_time = -1;
};

struct AppendRefusal {
    KafkaError error = KafkaError::none;
    std::string_view message;               // a literal
    std::vector<std::int32_t> bad_records;  // indexes in the batch (KIP-467)
};

// Checks the records of one partition in a Produce request as Kafka 4.3.1 does, in two parts: the
// request's shape, then what the log accepts. The refusal, or the batch ready to be given offsets.
// Payload is copied nowhere; it is decompressed to be looked at.
std::optional<AppendRefusal> check_produce(const IoBuf& records, const AppendRules& rules,
                                           WallTime now, CheckedBatch& out);
}  // namespace faultline::wire
