// How long a client waits before it tries again.
#pragma once
#include <cstdint>

#include "core/base/random.h"
#include "core/base/time.h"

namespace faultline::client {

// Doubles from `first` to `most`, each wait moved by up to a fifth either way, so that clients that
// failed together do not return together (KIP-580).
struct RetryPolicy {
    Duration first = std::chrono::milliseconds(100);
    Duration most = std::chrono::seconds(1);

    // Before attempt `attempt` + 1; `attempt` counts from 1.
    Duration wait(std::uint32_t attempt, Rng& rng) const {
        Duration d = first;
        for (std::uint32_t i = 1; i < attempt && d < most; ++i) d *= 2;
        if (d > most) d = most;
        const std::int64_t fifth = d.count() / 5;
        return Duration{rng.between(d.count() - fifth, d.count() + fifth)};
    }
};
}  // namespace faultline::client
