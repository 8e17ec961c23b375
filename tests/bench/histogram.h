// Latencies in a fixed number of buckets (after Gil Tene's HdrHistogram): any value is known to
// within 1/64 of itself, so that percentiles of any run cost no memory and no sort.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace faultline::bench {

class Histogram {
public:
    // In ns; negative counts as 0.
    void add(std::int64_t value) {
        const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
        ++buckets_[std::min(index(v), buckets_.size() - 1)];
        ++count_;
        largest_ = std::max(largest_, v);
    }
    std::uint64_t count() const { return count_; }
    std::uint64_t largest() const { return largest_; }
    // The upper end of the bucket that holds the `per_100k`th of 100,000 parts; 0 when empty.
    std::uint64_t at(std::uint64_t per_100k) const {
        const std::uint64_t wanted = (count_ * per_100k + 99'999) / 100'000;
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen >= wanted && seen > 0) return std::min(upper_end(i), largest_);
        }
        return largest_;
    }

private:
    // Values below 128 have a bucket each; above, each power of two has 64.
    static constexpr unsigned kHalf = 64;
    static std::size_t index(std::uint64_t v) {
        if (v < 2 * kHalf) return static_cast<std::size_t>(v);
        const auto shift = static_cast<unsigned>(std::bit_width(v)) - 7;
        return kHalf * (shift + 1) + static_cast<std::size_t>((v >> shift) - kHalf);
    }
    static std::uint64_t upper_end(std::size_t i) {
        if (i < 2 * kHalf) return i;
        const std::uint64_t shift = i / kHalf - 1;
        return ((kHalf + i % kHalf + 1) << shift) - 1;
    }
    std::array<std::uint64_t, std::size_t{kHalf} * 44> buckets_{};  // up to 2^49 ns, a week
    std::uint64_t count_ = 0, largest_ = 0;
};
}  // namespace faultline::bench
