#include "core/logic/client/partitioner.h"

#include "core/base/assert.h"
#include "core/wire/murmur2.h"

namespace faultline::client {

std::int32_t Partitioner::choose(std::optional<Bytes> key, std::size_t bytes,
                                 std::int32_t partitions, Rng& rng) {
    FL_ASSERT(partitions > 0);
    if (key) return wire::partition_of_key(*key, partitions);
    if (current_ < 0 || current_ >= partitions || used_ >= stick_bytes_) {
        current_ = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(partitions)));
        used_ = 0;
    }
    used_ += bytes;
    return current_;
}
}  // namespace faultline::client
