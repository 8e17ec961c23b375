// Looks at bytes that are not a good batch, for the verdict of core/logic/storage/recovery_plan.h.
#pragma once
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/env/disk.h"

namespace faultline::storage {

struct DamageSigns {
    bool one_bit_off = false;         // changing one bit makes it a good batch
    bool good_batch_follows = false;  // a valid batch stands at some later byte
};

// The damage begins at `position` of a file of `file_bytes`, where the batch with the offset
// `expected` belongs. Parks. io.
Result<DamageSigns> inspect_damage(File& file, std::uint64_t position, std::uint64_t file_bytes,
                                   Offset expected);
}  // namespace faultline::storage
