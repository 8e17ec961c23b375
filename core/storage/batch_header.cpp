#include "core/storage/batch_header.h"

#include "core/base/assert.h"
#include "core/base/crc32c.h"

namespace faultline::storage {
namespace {

template <class T>
T load_be(const std::byte* p) {
    std::make_unsigned_t<T> v = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        v = static_cast<std::make_unsigned_t<T>>(v << 8U | std::to_integer<std::uint8_t>(p[i]));
    }
    return static_cast<T>(v);
}

template <class T>
void store_be(std::byte* p, T value) {
    auto v = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = sizeof(T); i-- > 0; v >>= 8U) p[i] = static_cast<std::byte>(v & 0xffU);
}
}  // namespace

std::int32_t load_be32(const std::byte* p) { return load_be<std::int32_t>(p); }
std::int64_t load_be64(const std::byte* p) { return load_be<std::int64_t>(p); }
void store_be32(std::byte* p, std::int32_t v) { store_be(p, v); }
void store_be64(std::byte* p, std::int64_t v) { store_be(p, v); }

BatchHeader parse_batch_header(Bytes b) {
    FL_ASSERT(b.size() >= kBatchHeaderBytes);
    const std::byte* p = b.data();
    BatchHeader h;
    h.base = Offset{load_be64(p)};
    h.length = load_be32(p + 8);
    h.epoch = Epoch{load_be32(p + 12)};
    h.magic = load_be<std::int8_t>(p + 16);
    h.crc = static_cast<std::uint32_t>(load_be32(p + 17));
    h.attributes = load_be<std::int16_t>(p + 21);
    h.last_delta = load_be32(p + 23);
    h.base_timestamp = load_be64(p + 27);
    h.max_timestamp = load_be64(p + 35);
    h.producer_id = load_be64(p + 43);
    h.producer_epoch = load_be<std::int16_t>(p + 51);
    h.base_sequence = load_be32(p + 53);
    h.count = load_be32(p + 57);
    return h;
}

std::optional<BatchHeader> plausible_header(Bytes b) {
    if (b.size() < kBatchHeaderBytes) return {};
    const BatchHeader h = parse_batch_header(b);
    const bool good = h.magic == 2 && h.base.v >= 0 && h.last_delta >= 0 && h.count >= 0 &&
                      h.length >= static_cast<std::int32_t>(kBatchHeaderBytes - kBatchOverhead) &&
                      h.base.v <= INT64_MAX - h.last_delta - 1;
    if (!good) return {};
    return h;
}

bool crc_matches(const BatchHeader& header, Bytes batch) {
    FL_ASSERT(batch.size() == header.size());
    return crc32c(batch.subspan(kCrcFrom)) == header.crc;
}

bool crc_matches(const BatchHeader& header, const IoBuf& batch) {
    FL_ASSERT(batch.size() == header.size());
    return crc32c(batch, kCrcFrom) == header.crc;
}
}  // namespace faultline::storage
