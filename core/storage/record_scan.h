// Finds a record inside a batch.
#pragma once
#include <cstdint>
#include <optional>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/storage/batch_header.h"

namespace faultline::storage {

struct RecordAt {
    std::int64_t timestamp = -1;
    Offset offset;
};

// The first record with a timestamp >= `timestamp` and an offset >= `from`. corrupt when the
// records do not parse. `batch` is the whole batch, its CRC good.
Result<std::optional<RecordAt>> find_record(const BatchHeader& header, const IoBuf& batch,
                                            std::int64_t timestamp, Offset from);
}  // namespace faultline::storage
