// The 61 bytes in front of every record batch (magic 2), as far as a log needs them.
#pragma once
#include <cstdint>
#include <optional>

#include "core/base/ids.h"
#include "core/base/iobuf.h"

namespace faultline::storage {

inline constexpr std::size_t kBatchHeaderBytes = 61;
inline constexpr std::size_t kBatchOverhead = 12;  // base offset and length
inline constexpr std::size_t kCrcFrom = 21;        // the CRC covers attributes to the end

struct BatchHeader {
    Offset base;
    std::int32_t length = 0;  // bytes after this field
    Epoch epoch;
    std::int8_t magic = 0;
    std::uint32_t crc = 0;
    std::int16_t attributes = 0;
    std::int32_t last_delta = 0;
    std::int64_t base_timestamp = -1, max_timestamp = -1;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t count = 0;

    std::uint64_t size() const { return kBatchOverhead + static_cast<std::uint64_t>(length); }
    Offset last() const { return base + last_delta; }
    int codec() const { return attributes & 7; }
    bool append_time() const { return (attributes & 8) != 0; }
    bool transactional() const { return (attributes & 16) != 0; }
    bool control() const { return (attributes & 32) != 0; }
    bool delete_horizon() const { return (attributes & 64) != 0; }  // in base_timestamp
};

// Requires b.size() >= kBatchHeaderBytes.
BatchHeader parse_batch_header(Bytes b);
// Empty unless the header can be one: magic 2, a length that holds the header, counts and offsets
// that are not negative. The CRC is not looked at.
std::optional<BatchHeader> plausible_header(Bytes b);
// Requires `batch` to be exactly header.size() bytes.
bool crc_matches(const BatchHeader& header, const IoBuf& batch);
bool crc_matches(const BatchHeader& header, Bytes batch);

std::int32_t load_be32(const std::byte* p);
std::int64_t load_be64(const std::byte* p);
void store_be32(std::byte* p, std::int32_t v);
void store_be64(std::byte* p, std::int64_t v);
}  // namespace faultline::storage
