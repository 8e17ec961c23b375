// The usual record, fast: of a batch that lies in memory, not compressed (any more), what a broker
// must know of each record before it appends. What is not usual is left to RecordReader. Pure.
#pragma once
#include <cstdint>

#include "core/base/iobuf.h"

namespace faultline::wire {

// Records one after the other, whole, without headers, with the offsets that they must have.
struct PlainRun {
    std::int32_t records = 0;
    std::size_t bytes = 0;
    std::int64_t least_delta = 0, most_delta = 0;  // of their timestamps, in ms
    bool null_key = false;                         // some have no key
};

// Reads records off the front of `bytes`, at most `most`; the first has to have the offset delta
// `first`. Stops in front of a record that is unusual, wrong, or near the end of `bytes`.
PlainRun take_plain(Bytes bytes, std::int32_t first, std::int32_t most);
}  // namespace faultline::wire
