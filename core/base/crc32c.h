// CRC-32C (Castagnoli), as Kafka's record batches carry it.
#pragma once
#include <cstdint>

#include "core/base/iobuf.h"

namespace faultline {

// The checksum of `data` appended to what gave `crc`; start with 0.
std::uint32_t crc32c_extend(std::uint32_t crc, Bytes data) noexcept;
inline std::uint32_t crc32c(Bytes data) noexcept { return crc32c_extend(0, data); }
// From `off` to the end.
std::uint32_t crc32c(const IoBuf& data, std::size_t off) noexcept;

// Table-driven; for machines without ISA-L's instructions, and to check the fast one against.
std::uint32_t crc32c_portable(std::uint32_t crc, Bytes data) noexcept;
}  // namespace faultline
