// What Kafka 4.3.1 accepts in a Produce request; the vectors record-appends are the judge.
#include <algorithm>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/wire/record_batch.h"

namespace faultline::wire {
namespace {

AppendRefusal refuse(KafkaError error, std::string_view message) { return {error, message, {}}; }

// The request must hold exactly one batch of format 2, whole.
std::optional<AppendRefusal> check_shape(const IoBuf& records, BatchHeader& header) {
    constexpr auto kOne = "Produce requests must have exactly one record batch per partition";
    if (records.size() < kBatchHeader) return refuse(KafkaError::invalid_record, kOne);
    std::byte head[kBatchHeader];
    records.copy_out(0, head);
    header = parse_batch_header(head);
    // Old formats had at least 14 bytes behind the length.
    if (header.length < 14)
        return refuse(KafkaError::corrupt_message, "The record batch is smaller than its header");
    if (header.magic < 0 || header.magic > 2)
        return refuse(KafkaError::corrupt_message, "Unknown magic byte of a record batch");
    if (header.magic < 2) {
        return refuse(KafkaError::invalid_record,
                      "Produce requests with version 3 or above are only allowed to contain record "
                      "batches with magic version 2");
    }
    if (header.length < static_cast<std::int32_t>(kBatchHeader - kBatchLengthEnd)) {
        return refuse(KafkaError::corrupt_message, "The record batch is smaller than its header");
    }
    if (header.size() != records.size()) return refuse(KafkaError::invalid_record, kOne);
    return std::nullopt;
}

std::optional<AppendRefusal> check_header(const BatchHeader& h) {
    constexpr auto invalid = KafkaError::invalid_record;
    if (h.control()) return refuse(invalid, "Clients are not allowed to write control records");
    if (h.base_offset != 0)
        return refuse(invalid, "The base offset of a batch from a client must be 0");
    if (h.count <= 0) return refuse(invalid, "A batch from a client must hold a record");
    if (h.last_offset_delta != h.count - 1)
        return refuse(invalid, "The offsets of the batch do not match its count");
    if (h.producer_id >= 0 && h.base_sequence < 0)
        return refuse(invalid, "A batch with a producer id needs a sequence");
    return std::nullopt;
}

bool timestamp_refused(std::int64_t t, const AppendRules& rules, WallTime now) {
    if (rules.log_append_time || t == -1) return false;
    // The difference of two int64 fits an uint64.
    const auto apart = [](std::int64_t later, std::int64_t earlier) {
        return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
    };
    if (t <= now.ms) return apart(now.ms, t) > static_cast<std::uint64_t>(rules.before_max_ms);
    return apart(t, now.ms) > static_cast<std::uint64_t>(rules.after_max_ms);
}

// Every record parses, offsets run 0, 1, 2, ..., keys and times are allowed.
std::optional<AppendRefusal> check_records(RecordReader& reader, const AppendRules& rules,
                                           WallTime now, std::int64_t& max_timestamp) {
    AppendRefusal keys{
        KafkaError::invalid_record, "A compacted topic needs a key in every record", {}};
    AppendRefusal times{
        KafkaError::invalid_timestamp, "The timestamp of a record is out of the allowed range", {}};
    max_timestamp = -1;
    RecordView r;
    for (std::int32_t i = 0;; ++i) {
        const auto next = reader.next(r);
        if (!next.ok())
            return refuse(KafkaError::invalid_record, "The records of the batch do not parse");
        if (!*next) break;
        if (r.offset != i)
            return refuse(KafkaError::invalid_record,
                          "The offsets of the batch are not consecutive");
        if (rules.compacted && !r.key) keys.bad_records.push_back(i);
        if (timestamp_refused(r.timestamp, rules, now)) times.bad_records.push_back(i);
        max_timestamp = std::max(max_timestamp, r.timestamp);
    }
    if (!keys.bad_records.empty()) return keys;
    if (!times.bad_records.empty()) return times;
    return std::nullopt;
}

// Times that cannot wrap, of their own record each.
bool usual_times(const BatchHeader& h) {
    return !h.log_append_time() && h.base_timestamp >= 0 && h.base_timestamp < INT64_MAX / 2;
}

// Whether check_records() would find nothing; false: it has to look. Most batches pass here.
bool pass_quickly(RecordReader& reader, const AppendRules& rules, WallTime now,
                  std::int64_t& max_timestamp) {
    const BatchHeader& h = reader.header();
    max_timestamp = -1;
    RecordView r;
    int tries = 4;  // in a row that came to nothing: these are not usual records
    for (std::int32_t i = 0;; ++i) {
        const PlainRun run = tries > 0 ? reader.take_plain() : PlainRun{};
        if (run.records > 0) {
            const std::int64_t least = h.base_timestamp + run.least_delta;
            const std::int64_t most = h.base_timestamp + run.most_delta;
            // What lies between two allowed times is allowed; -1 stands for none.
            if (least < 0 || timestamp_refused(least, rules, now) ||
                timestamp_refused(most, rules, now) || (rules.compacted && run.null_key))
                return false;
            max_timestamp = std::max(max_timestamp, most);
            i += run.records;
            tries = 4;
        } else {
            --tries;
        }
        const auto next = reader.next(r);
        if (!next.ok()) return false;
        if (!*next) return true;
        if (r.offset != i || timestamp_refused(r.timestamp, rules, now) ||
            (rules.compacted && !r.key))
            return false;
        max_timestamp = std::max(max_timestamp, r.timestamp);
    }
}

// A fresh header in front of the same records, with its CRC.
void replace_header(CheckedBatch& batch) {
    Block* block = Block::allocate(kBatchHeader);
    const MutBytes head{block->data(), kBatchHeader};
    write_batch_header(batch.header, head);
    IoBuf fresh(Slice(block, 0, kBatchHeader));
    fresh.append(batch.bytes.sub(kBatchHeader, batch.bytes.size() - kBatchHeader));
    batch.header.crc = crc32c(fresh, kCrcFrom);
    write_batch_header(batch.header, head);  // nobody else has seen the block yet
    batch.bytes = std::move(fresh);
}
}  // namespace

std::optional<AppendRefusal> check_produce(const IoBuf& records, const AppendRules& rules,
                                           WallTime now, CheckedBatch& out) {
    BatchHeader header;
    if (auto refusal = check_shape(records, header)) return refusal;
    if (crc32c(records, kCrcFrom) != header.crc) {
        return refuse(KafkaError::corrupt_message, "The CRC of the record batch is wrong");
    }
    if (static_cast<std::int64_t>(header.size()) > rules.max_message_bytes) {
        return refuse(KafkaError::message_too_large,
                      "The record batch is larger than max.message.bytes");
    }
    if (auto refusal = check_header(header)) return refusal;
    if (header.codec_bits() > 4)
        return refuse(KafkaError::unknown_server_error, "Unknown compression type");
    auto reader = RecordReader::open(records, false);
    if (!reader.ok())
        return refuse(KafkaError::invalid_record, "The records of the batch do not decompress");
    std::int64_t max_timestamp = -1;
    const bool quick = usual_times(header);
    if (!quick || !pass_quickly(*reader, rules, now, max_timestamp)) {
        if (quick) reader = RecordReader::open(records, false);  // as it was before, so ok
        if (auto refusal = check_records(*reader, rules, now, max_timestamp)) return refusal;
    }
    out = {records, header, -1};
    if (rules.log_append_time) {
        out.log_append_time = now.ms;
        out.header.max_timestamp = now.ms;
        out.header.attributes = static_cast<std::int16_t>(out.header.attributes | 8);
        replace_header(out);
    } else if (header.log_append_time() || header.max_timestamp != max_timestamp) {
        out.header.max_timestamp = max_timestamp;
        out.header.attributes = static_cast<std::int16_t>(out.header.attributes & ~8);
        replace_header(out);
    }
    // INV-31: the log gives out as many offsets as there are records.
    FL_INVARIANT(31, out.header.base_offset == 0 && out.header.count > 0 &&
                         out.header.last_offset_delta == out.header.count - 1 &&
                         out.header.size() == out.bytes.size());
    return std::nullopt;
}
}  // namespace faultline::wire
