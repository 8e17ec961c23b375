#include "core/wire/murmur2.h"

namespace faultline::wire {

std::uint32_t murmur2(Bytes data) noexcept {
    constexpr std::uint32_t m = 0x5bd1e995U;
    std::uint32_t h = 0x9747b28cU ^ static_cast<std::uint32_t>(data.size());
    const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(data[i]); };
    std::size_t i = 0;
    for (; i + 4 <= data.size(); i += 4) {
        std::uint32_t k = at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    const std::size_t rest = data.size() - i;
    if (rest >= 3) h ^= at(i + 2) << 16;
    if (rest >= 2) h ^= at(i + 1) << 8;
    if (rest >= 1) h = (h ^ at(i)) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}
}  // namespace faultline::wire
