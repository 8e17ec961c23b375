#include "core/storage/record_scan.h"

namespace faultline::storage {
namespace {

// Kafka's zig-zag varints. `at` moves; false at the end of the bytes or over 64 bits.
bool varint(Bytes bytes, std::size_t& at, std::int64_t& out) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
        const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
        value |= (byte & 0x7fU) << shift;
        if ((byte & 0x80U) == 0) {
            out = static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
            return true;
        }
    }
    return false;
}
}  // namespace

Result<std::optional<RecordAt>> find_record(const BatchHeader& header, const IoBuf& batch,
                                            std::int64_t timestamp, Offset from) {
    const Error broken{Errc::corrupt, 0, "log.records"};
    using Found = std::optional<RecordAt>;
    // All records of such a batch have the time of their append.
    if (header.append_time() || header.count == 0) {
        if (header.max_timestamp < timestamp || header.last() < from) return Found{};
        return Found{{header.max_timestamp, header.base < from ? from : header.base}};
    }
    const Slice whole =
        batch.sub(kBatchHeaderBytes, batch.size() - kBatchHeaderBytes).coalesce_copy();
    const Bytes records = whole.bytes();
    std::size_t at = 0;
    for (std::int32_t i = 0; i < header.count; ++i) {
        std::int64_t length = 0, time_delta = 0, offset_delta = 0;
        if (!varint(records, at, length) || length < 1 ||
            static_cast<std::uint64_t>(length) > records.size() - at) {
            return broken;
        }
        std::size_t inside = at + 1;  // the attributes of a record mean nothing
        if (!varint(records, inside, time_delta) || !varint(records, inside, offset_delta)) {
            return broken;
        }
        at += static_cast<std::size_t>(length);
        const RecordAt record{header.base_timestamp + time_delta, header.base + offset_delta};
        if (record.timestamp >= timestamp && record.offset >= from) return Found{record};
    }
    return Found{};
}
}  // namespace faultline::storage
