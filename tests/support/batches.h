// Record batches for tests of the log, built by hand: no compression, keys null.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"

namespace faultline::test {

struct TestRecord {
    std::int64_t timestamp = 0;
    std::string value;
};

// One batch (magic 2) at `base` with `epoch`; its CRC is right.
IoBuf make_batch(const std::vector<TestRecord>& records, Offset base = Offset{0},
                 Epoch epoch = Epoch{0});
// `records` records of `bytes` value bytes each, timestamps from `timestamp` on.
IoBuf make_batch(int records, int bytes, std::int64_t timestamp, Offset base = Offset{0});
}  // namespace faultline::test
