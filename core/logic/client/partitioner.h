// Which partition a record goes to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/iobuf.h"
#include "core/base/random.h"

namespace faultline::client {

// Of one topic. Records with a key go by murmur2, as all Kafka clients agree. Those without stay
// with one partition until about `stick_bytes` went there, then move to one drawn uniformly: full
// batches, even load (KIP-794).
class Partitioner {
public:
    explicit Partitioner(std::size_t stick_bytes) : stick_bytes_(stick_bytes) {}
    // `bytes` is the record's size; partitions > 0.
    std::int32_t choose(std::optional<Bytes> key, std::size_t bytes, std::int32_t partitions,
                        Rng& rng);

private:
    std::size_t stick_bytes_;
    std::int32_t current_ = -1;
    std::size_t used_ = 0;
};
}  // namespace faultline::client
