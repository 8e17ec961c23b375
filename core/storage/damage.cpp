#include "core/storage/damage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "core/base/crc32c.h"
#include "core/storage/batch_header.h"

namespace faultline::storage {
namespace {
constexpr std::uint64_t kWindow = 1U << 20U;

// Whether changing one bit of `bytes` bytes changes their CRC by `difference`. A CRC is linear:
// what a flipped bit adds depends on its place alone, so the places are tried from the last one
// back.
bool one_bit_explains(std::uint32_t difference, std::size_t bytes) {
    std::array<std::uint32_t, 256> table;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const std::byte value{static_cast<unsigned char>(i)};
        table[i] = ~crc32c_extend(~0U, Bytes{&value, 1});
    }
    std::array<std::uint32_t, 8> adds;
    for (std::size_t bit = 0; bit < adds.size(); ++bit) adds[bit] = table[1U << bit];
    for (std::size_t n = 0; n < bytes; ++n) {
        for (std::uint32_t& add : adds) {
            if (add == difference) return true;
            add = table[add & 0xffU] ^ (add >> 8U);
        }
    }
    return false;
}

// The batch at the start of `raw`, as it would be with `header`: good up to one bit in what the CRC
// covers, or in the CRC itself, when `spare`.
Result<bool> nearly_good(File& file, std::uint64_t position, std::uint64_t file_bytes,
                         const BatchHeader& header, Offset expected, bool spare) {
    if (header.base != expected || header.size() > file_bytes - position) return false;
    FL_TRY(const IoBuf batch, file.read(position, header.size()));
    if (batch.size() != header.size()) return false;
    const std::uint32_t difference = crc32c(batch, kCrcFrom) ^ header.crc;
    if (difference == 0) return true;
    if (!spare) return false;
    return std::popcount(difference) == 1 || one_bit_explains(difference, batch.size() - kCrcFrom);
}

Result<bool> is_one_bit_off(File& file, std::uint64_t position, std::uint64_t file_bytes,
                            Offset expected) {
    if (file_bytes - position < kBatchHeaderBytes) return false;
    FL_TRY(const IoBuf head, file.read(position, kBatchHeaderBytes));
    if (head.size() != kBatchHeaderBytes) return false;
    std::array<std::byte, kBatchHeaderBytes> raw;
    head.copy_out(0, raw);
    if (const auto header = plausible_header(raw)) {
        FL_TRY(const bool near, nearly_good(file, position, file_bytes, *header, expected, true));
        if (near) return true;
    }
    // A bit of the header that makes the rest unreadable: each is tried.
    for (std::size_t bit = 0; bit < kBatchHeaderBytes * 8; ++bit) {
        const std::byte mask{static_cast<unsigned char>(1U << bit % 8)};
        raw[bit / 8] ^= mask;
        const auto header = plausible_header(raw);
        raw[bit / 8] ^= mask;
        if (!header || header->base != expected) continue;
        // Behind the CRC field a flipped bit also shows in the CRC of what was read.
        const bool covered = bit / 8 >= kCrcFrom;
        FL_TRY(const bool near,
               nearly_good(file, position, file_bytes, *header, expected, covered));
        if (near) return true;
        if (covered) break;  // the same bytes and length: the other bits say the same
    }
    return false;
}

// Any valid batch behind `from` with an offset above `expected`. The magic byte and the offset make
// nearly every position fail at once; only then a CRC is computed.
Result<bool> find_batch(File& file, std::uint64_t from, std::uint64_t file_bytes, Offset expected) {
    while (from + kBatchHeaderBytes <= file_bytes) {
        FL_TRY(const IoBuf read, file.read(from, std::min(kWindow, file_bytes - from)));
        const Slice window = read.coalesce_copy();
        if (window.size() < kBatchHeaderBytes) return false;
        const std::uint64_t starts = window.size() - kBatchHeaderBytes + 1;
        for (std::uint64_t i = 0; i < starts; ++i) {
            const auto header = plausible_header(window.bytes().subspan(i));
            if (!header || header->base <= expected) continue;
            if (header->base - expected > INT32_MAX || header->size() > file_bytes - from - i) {
                continue;
            }
            FL_TRY(const IoBuf batch, file.read(from + i, header->size()));
            if (batch.size() == header->size() && crc_matches(*header, batch)) return true;
        }
        from += starts;
    }
    return false;
}
}  // namespace

Result<DamageSigns> inspect_damage(File& file, std::uint64_t position, std::uint64_t file_bytes,
                                   Offset expected) {
    DamageSigns signs;
    FL_TRY(signs.one_bit_off, is_one_bit_off(file, position, file_bytes, expected));
    FL_TRY(signs.good_batch_follows, find_batch(file, position + 1, file_bytes, expected));
    return signs;
}
}  // namespace faultline::storage
