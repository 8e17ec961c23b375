// A rolling 128-bit hash of the simulator's trace. Fast and well mixed; not for secrets.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/random.h"

namespace faultline {
class Hash128 {
public:
    void add(std::uint64_t word) noexcept {
        a_ = rotl(a_ ^ (word * 0x9e3779b97f4a7c15ULL), 29) * 0xbf58476d1ce4e5b9ULL + b_;
        b_ = rotl(b_ + word, 41) * 0x94d049bb133111ebULL ^ a_;
        ++count_;
    }
    std::uint64_t high() const noexcept { return mix64(a_ ^ mix64(count_)); }
    std::uint64_t low() const noexcept { return mix64(b_ + mix64(a_)); }
    std::string hex() const {  // 32 lower-case digits
        std::string out;
        for (const std::uint64_t half : {high(), low()}) {
            for (int shift = 60; shift >= 0; shift -= 4)
                out += "0123456789abcdef"[half >> shift & 15U];
        }
        return out;
    }

private:
    static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return x << k | x >> (64 - k); }
    std::uint64_t a_ = 0x243f6a8885a308d3ULL, b_ = 0x13198a2e03707344ULL, count_ = 0;
};
}  // namespace faultline
