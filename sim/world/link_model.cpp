#include "sim/world/link_model.h"

#include <algorithm>
#include <bit>

#include "core/base/assert.h"
#include "core/base/random.h"

namespace faultline::sim {
namespace {

Duration between(Duration low, Duration high, std::uint64_t random) {
    if (high <= low) return low;
    const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + Duration{static_cast<std::int64_t>(random % span)};
}

// An exponentially distributed number of mean 1, in 65536ths: -ln(u) for u uniform in (0, 1]. The
// binary logarithm is the count of leading zeros, and between powers of two a straight line.
std::uint64_t exponential(std::uint64_t random) {
    const auto zeros = static_cast<std::uint64_t>(std::countl_zero(random | 1));
    const std::uint64_t below_top = (random | 1) << zeros << 1;  // without the leading one
    const std::uint64_t log2 = ((zeros + 1) << 16) - (below_top >> 48);
    return log2 * 45426 >> 16;  // ln 2
}
}  // namespace

Duration Latency::draw(std::uint64_t random) const {
    switch (shape) {
        case Shape::constant: return min;
        case Shape::uniform: return between(min, max, random);
        case Shape::exponential: {
            const auto mean = static_cast<std::uint64_t>((max - min).count()) / 8;
            const std::uint64_t more = mean * exponential(random) >> 16;
            return std::min(max, min + Duration{static_cast<std::int64_t>(more)});
        }
        case Shape::bimodal: {
            const std::uint64_t place = mix64(random);
            if (random % 1000 < slow_per_mille) return between(max, slow, place);
            return between(min, max, place);
        }
    }
    FL_UNREACHABLE();
}

Distances lan() { return {}; }

Distances wan() {
    using enum Latency::Shape;
    Distances d;
    d.same_dc.latency = {.shape = uniform, .min = 300us, .max = 2ms};
    d.between_dcs.latency = {.shape = exponential, .min = 20ms, .max = 160ms};
    d.between_dcs.bandwidth = 12'500'000;
    return d;
}

Distances hostile() {
    using enum Latency::Shape;
    Distances d;
    d.same_rack.latency = {
        .shape = bimodal, .min = 100us, .max = 2ms, .slow_per_mille = 10, .slow = 200ms};
    d.same_dc.latency = {
        .shape = bimodal, .min = 300us, .max = 10ms, .slow_per_mille = 20, .slow = 500ms};
    d.between_dcs.latency = {.shape = exponential, .min = 20ms, .max = 1s};
    d.between_dcs.bandwidth = 1'250'000;
    d.between_dcs.queue = 256 * 1024;
    return d;
}
}  // namespace faultline::sim
