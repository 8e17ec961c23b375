// Values that describe themselves, so that each record can be judged alone wherever it turns up:
// in another partition, twice, damaged, or from another run.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/iobuf.h"

namespace faultline::sim {

struct Payload {
    std::int32_t client = 0;  // the producer's number in the scenario
    std::int64_t record = 0;  // counted by that producer from 0
    std::uint64_t run = 0;    // the seed
    friend bool operator==(const Payload&, const Payload&) = default;
};

inline constexpr std::size_t kPayloadSize = 40;

// `size` bytes, at least kPayloadSize: the header, then a filler that depends on the record, with
// a checksum over all of it.
std::string make_payload(const Payload& payload, std::size_t size);

// Nothing when the bytes are not a whole, undamaged payload.
std::optional<Payload> read_payload(Bytes value);
}  // namespace faultline::sim
