// The hash by which Kafka's clients choose a partition for a key (KIP-794 keeps it).
#pragma once
#include <cstdint>

#include "core/base/iobuf.h"

namespace faultline::wire {

std::uint32_t murmur2(Bytes data) noexcept;
// The partition of a key among `count` > 0.
inline std::int32_t partition_of_key(Bytes key, std::int32_t count) noexcept {
    return static_cast<std::int32_t>(murmur2(key) & 0x7fffffffU) % count;
}
}  // namespace faultline::wire
