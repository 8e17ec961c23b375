// How long what goes from one node to another takes, and how much fits on the way.
#pragma once
#include <cstdint>

#include "core/base/time.h"

namespace faultline::sim {

// Of one way. All of it in whole numbers: equal draws give equal times on every machine.
struct Latency {
    enum class Shape : std::uint8_t {
        constant,     // min
        uniform,      // min to max
        exponential,  // min and more, on average an eighth of the span to max, where it is cut
        bimodal,      // uniform, but for slow_per_mille of a thousand: from max to slow
    };
    Shape shape = Shape::uniform;
    Duration min = std::chrono::microseconds(200), max = std::chrono::microseconds(800);
    std::uint32_t slow_per_mille = 1;
    Duration slow = std::chrono::milliseconds(100);
    // Of 64 random bits.
    Duration draw(std::uint64_t random) const;
};

struct LinkOptions {
    Latency latency;
    std::uint64_t bandwidth = 0;  // bytes a second, shared by the link's connections; 0: no limit
    std::uint64_t queue = 0;      // bytes under way, all its connections; writers park. 0: no limit
};

// By where two nodes stand. Nodes that were never placed share a rack.
struct Distances {
    LinkOptions same_rack, same_dc, between_dcs;
};
Distances lan();      // 200 to 800 us everywhere
Distances wan();      // data centres are 20 to 160 ms apart, the racks of one up to 2 ms
Distances hostile();  // long tails everywhere, little bandwidth and short queues between centres
}  // namespace faultline::sim
