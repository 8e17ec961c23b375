// Brokers as events name them.
#pragma once
#include "core/model/partition_image.h"

namespace faultline::model {

// One bit for each id from 0 to 63; others have none.
inline std::uint64_t broker_bits(const BrokerIds& ids) {
    std::uint64_t bits = 0;
    for (const std::int32_t id : ids) {
        if (id >= 0 && id < 64) bits |= std::uint64_t{1} << id;
    }
    return bits;
}
}  // namespace faultline::model
