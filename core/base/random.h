// The entropy is injected, the generator is concrete.
#pragma once
#include <cstdint>
#include <string_view>

namespace faultline {

// Mixes 64 bits; bijective (the finaliser of SplitMix64).
constexpr std::uint64_t mix64(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

// xoshiro256** (Blackman, Vigna 2018) with distributions of our own: those of the standard library
// are not specified bit for bit. Not for secrets.
class Rng {
public:
    explicit Rng(std::uint64_t seed);
    std::uint64_t next();
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
    // Uniform in [low, high], both included; low <= high.
    std::int64_t between(std::int64_t low, std::int64_t high);
    // True with probability num/den.
    bool chance(std::uint32_t num, std::uint32_t den) { return below(den) < num; }
    // A stream of its own for a purpose: drawing from it does not move this one, and this one's
    // position does not move it. Equal labels of one seed give equal streams.
    Rng fork(std::string_view label) const;
    Rng fork(std::uint64_t label) const;

private:
    std::uint64_t seed_;
    std::uint64_t s_[4];
};
}  // namespace faultline
