// The bytes of N.snapshot: what a log knew of its producers when it ended at offset N, in Kafka's
// format, and behind that what Kafka's lacks: docs/formats/segment.md. Pure.
// Source: Kafka's ProducerSnapshot.json, version 1; Kafka reads what it knows and passes over the
// rest, which its checksum covers too.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/iobuf.h"
#include "core/logic/producer/producer_state.h"

namespace faultline::logic {

// Where the log stood in its newest segment when the snapshot was taken. All below was durable:
// a start reads on from here.
struct LogMark {
    Offset segment{0};            // its base offset
    std::int64_t position = 0;    // bytes of it below the snapshot's offset
    std::int64_t last_entry = 0;  // where the batch of its last index entry begins; 0: none
    std::int64_t first_timestamp = -1, largest_timestamp = -1;
    Offset largest_at{-1};  // last offset of the batch that has the largest timestamp
    // Its index files begin with so many bytes, whose CRC-32C this is: nobody syncs them for a
    // mark.
    struct Prefix {
        std::int64_t bytes = 0;
        std::uint32_t crc = 0;
        friend bool operator==(const Prefix&, const Prefix&) = default;
    } offsets, times;
    // What else in the directory was durable: where the first segment begins, all of
    // leader-epoch-checkpoint, and the offset in offset-gaps-checkpoint.
    Offset first{0};
    Prefix epochs;
    Offset dense_from{0};
    friend bool operator==(const LogMark&, const LogMark&) = default;
};

struct ProducerSnapshot {
    ProducerStates producers;
    std::optional<LogMark> mark;  // empty: Kafka wrote it; of each producer one batch is known
};

std::string print_producer_snapshot(const ProducerStates& producers, const LogMark& mark);
// Empty unless `bytes` are a whole snapshot of version 1 with a good checksum. `now`: what expiry
// counts from when the bytes do not say.
std::optional<ProducerSnapshot> parse_producer_snapshot(Bytes bytes, WallTime now);
}  // namespace faultline::logic
