// The four codecs of record batches. The broker decompresses to validate, and compresses anew only
// where compression.type asks for it. Clients do both.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/iobuf.h"
#include "core/base/result.h"

namespace faultline::wire {

enum class Codec : std::uint8_t {
    none,
    gzip,
    snappy,
    lz4,
    zstd
};  // the values of the attributes' bits

std::string_view to_string(Codec codec);
// False when `name` is none of none, gzip, snappy, lz4, zstd.
bool parse_codec(std::string_view name, Codec& out);

// Never grows an answer beyond this, whatever the input claims.
inline constexpr std::size_t kMaxDecompressed = 256U << 20;

// As Kafka's own clients write it: gzip, snappy in xerial's framing, lz4 frames with independent
// blocks, zstd frames.
Slice compress(Codec codec, Bytes data);

// Also reads what other clients write: raw snappy, gzip of several members, several zstd frames.
// corrupt; too_large over `limit`.
Result<Slice> decompress(Codec codec, Bytes data, std::size_t limit = kMaxDecompressed);
}  // namespace faultline::wire
