#include "core/base/random.h"

#include "core/base/assert.h"

namespace faultline {
namespace {
__extension__ using u128 = unsigned __int128;
constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
}  // namespace

Rng::Rng(std::uint64_t seed) : seed_(seed) {
    for (std::uint64_t& word : s_) {
        seed = mix64(seed);
        word = seed;
    }
}

std::uint64_t Rng::next() {
    const std::uint64_t result = rotl(s_[1] * 5, 7) * 9;
    const std::uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = rotl(s_[3], 45);
    return result;
}

std::uint64_t Rng::below(std::uint64_t bound) {
    FL_ASSERT(bound > 0);
    // Lemire's multiply-shift with rejection: unbiased, one multiplication in the common case.
    u128 m = static_cast<u128>(next()) * bound;
    auto low = static_cast<std::uint64_t>(m);
    if (low < bound) {
        const std::uint64_t threshold = (0 - bound) % bound;
        while (low < threshold) {
            m = static_cast<u128>(next()) * bound;
            low = static_cast<std::uint64_t>(m);
        }
    }
    return static_cast<std::uint64_t>(m >> 64);
}

std::int64_t Rng::between(std::int64_t low, std::int64_t high) {
    FL_ASSERT(low <= high);
    const auto span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    const std::uint64_t draw = span == 0 ? next() : below(span);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + draw);
}

Rng Rng::fork(std::uint64_t label) const { return Rng{mix64(seed_ ^ mix64(label))}; }

Rng Rng::fork(std::string_view label) const {
    std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const char c : label) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return fork(h);
}
}  // namespace faultline
