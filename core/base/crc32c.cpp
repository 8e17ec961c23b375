#include "core/base/crc32c.h"

#include <array>

#if __has_include(<isa-l/crc.h>)
#include <isa-l/crc.h>
#define FL_HAVE_ISAL 1
#elif __has_include(<isa-l.h>)
#include <isa-l.h>
#define FL_HAVE_ISAL 1
#endif

namespace faultline {
namespace {
constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t c = i;
        for (int bit = 0; bit < 8; ++bit) c = c & 1U ? c >> 1 ^ 0x82f63b78U : c >> 1;
        table[i] = c;
    }
    return table;
}
constexpr auto kTable = make_table();
}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, Bytes data) noexcept {
    crc = ~crc;
    for (const std::byte b : data) {
        crc = crc >> 8 ^ kTable[(crc ^ static_cast<std::uint32_t>(b)) & 0xffU];
    }
    return ~crc;
}

std::uint32_t crc32c_extend(std::uint32_t crc, Bytes data) noexcept {
#ifdef FL_HAVE_ISAL
    // ISA-L takes and returns the register, not the checksum, and its pointer is not const.
    constexpr std::size_t kMost = 1U << 30;  // its length is an int
    while (!data.empty()) {
        const Bytes part = data.first(data.size() < kMost ? data.size() : kMost);
        auto* p = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));  // NOLINT
        crc = ~crc32_iscsi(p, static_cast<int>(part.size()), ~crc);
        data = data.subspan(part.size());
    }
    return crc;
#else
    return crc32c_portable(crc, data);
#endif
}

std::uint32_t crc32c(const IoBuf& data, std::size_t off) noexcept {
    std::uint32_t crc = 0;
    for (const Slice& s : data.parts()) {
        if (off >= s.size()) {
            off -= s.size();
            continue;
        }
        crc = crc32c_extend(crc, s.bytes().subspan(off));
        off = 0;
    }
    return crc;
}
}  // namespace faultline
