#include "core/wire/plain_records.h"

#include <algorithm>

namespace faultline::wire {
namespace {

// Before a record is looked at so many bytes must be there, and behind it kBehind: then the varints
// below need no check of their own.
constexpr std::ptrdiff_t kAhead = 32, kBehind = 8;

// A zigzag varint of at most three bytes; false when it has more. Reads three.
[[gnu::always_inline]] inline bool take_short(const std::byte*& at, std::int64_t& out) {
    auto x = std::to_integer<std::uint32_t>(at[0]);
    if (x < 0x80) [[likely]] {
        at += 1;
    } else {
        const auto second = std::to_integer<std::uint32_t>(at[1]);
        x = (x & 0x7f) | (second & 0x7f) << 7;
        if (second < 0x80) [[likely]] {
            at += 2;
        } else {
            const auto third = std::to_integer<std::uint32_t>(at[2]);
            if (third >= 0x80) return false;
            x |= third << 14;
            at += 3;
        }
    }
    out = static_cast<std::int64_t>(x >> 1) ^ -static_cast<std::int64_t>(x & 1);
    return true;
}
}  // namespace

PlainRun take_plain(Bytes bytes, std::int32_t first, std::int32_t most) {
    PlainRun run;
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    std::int64_t least = INT64_MAX, largest = INT64_MIN;
    while (run.records < most && end - at >= kAhead) {
        const std::byte* p = at;
        std::int64_t length = 0, time = 0, offset = 0, key = 0, value = 0;
        if (!take_short(p, length) || length < 0 || length > end - p - kBehind) break;
        const std::byte* const next = p + length;
        ++p;  // attributes: unused
        if (!take_short(p, time) || !take_short(p, offset) || !take_short(p, key)) break;
        if (offset != std::int64_t{first} + run.records || key < -1) break;
        if (std::max<std::int64_t>(key, 0) > next - p) break;
        p += std::max<std::int64_t>(key, 0);
        if (!take_short(p, value) || value < -1) break;
        // The value, and a zero: no headers.
        if (next - p != std::max<std::int64_t>(value, 0) + 1 || next[-1] != std::byte{0}) break;
        run.null_key |= key < 0;
        least = std::min(least, time);
        largest = std::max(largest, time);
        ++run.records;
        at = next;
    }
    run.bytes = static_cast<std::size_t>(at - bytes.data());
    if (run.records > 0) {
        run.least_delta = least;
        run.most_delta = largest;
    }
    return run;
}
}  // namespace faultline::wire
