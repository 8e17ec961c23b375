#include "sim/workload/payload.h"

#include <cstring>

#include "core/base/assert.h"
#include "core/base/random.h"

namespace faultline::sim {
namespace {
// Bytes 0-3 magic, 4-7 client, 8-15 record, 16-23 run, 24-31 checksum, 32-39 size; then filler.
// In the byte order of the machine: it never leaves the run.
constexpr std::uint32_t kMagic = 0x464c7031;  // "FLp1"
constexpr std::size_t kSumAt = 24;

template <class T>
void put(std::string& out, std::size_t at, T value) {
    std::memcpy(out.data() + at, &value, sizeof value);
}
template <class T>
T get(Bytes in, std::size_t at) {
    T value{};
    std::memcpy(&value, in.data() + at, sizeof value);
    return value;
}

// Every step is a bijection of the word, so that one damaged bit always shows. One multiplication
// per word: every record that is written or read passes here.
std::uint64_t checksum(Bytes value) {
    std::uint64_t sum = value.size();
    const auto add = [&sum](std::uint64_t word) {
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
        sum ^= sum >> 29;
    };
    std::size_t i = 0;
    for (; i + 8 <= value.size(); i += 8) {
        if (i != kSumAt) add(get<std::uint64_t>(value, i));
    }
    std::uint64_t tail = 0;
    std::memcpy(&tail, value.data() + i, value.size() - i);
    add(tail);
    return mix64(sum);
}
}  // namespace

std::string make_payload(const Payload& payload, std::size_t size) {
    FL_ASSERT(size >= kPayloadSize);
    std::string out(size, '\0');
    put(out, 0, kMagic);
    put(out, 4, payload.client);
    put(out, 8, payload.record);
    put(out, 16, payload.run);
    put(out, 32, static_cast<std::uint64_t>(size));
    // Compressible, as real records are, but different from record to record.
    unsigned letter = static_cast<std::uint64_t>(payload.record) % 26;
    for (std::size_t i = kPayloadSize; i < size; ++i) {
        out[i] = static_cast<char>('a' + letter);
        if (i % 4 == 3 && ++letter == 26) letter = 0;
    }
    put(out, kSumAt, checksum(as_bytes(out)));
    return out;
}

std::optional<Payload> read_payload(Bytes value) {
    if (value.size() < kPayloadSize || get<std::uint32_t>(value, 0) != kMagic ||
        get<std::uint64_t>(value, 32) != value.size() ||
        get<std::uint64_t>(value, kSumAt) != checksum(value)) {
        return std::nullopt;
    }
    return Payload{get<std::int32_t>(value, 4), get<std::int64_t>(value, 8),
                   get<std::uint64_t>(value, 16)};
}
}  // namespace faultline::sim
