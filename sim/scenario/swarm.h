// Random mixes of faults, and of everything around them (swarm testing: Groce et al., ISSTA 2012).
// The seed draws the parameters themselves, and leaves each class of faults, and each kind within a
// class, out with probability one half: a run with few kinds goes deeper into them.
#pragma once
#include <cstdint>

#include "sim/scenario/scenario.h"

namespace faultline::sim {

// The scenario with its `random` section turned into explicit faults, configuration, workload and
// schedule, and with this seed; one without that section is returned as it is, but for the seed.
// Each part draws from a labelled stream of its own, each fault from one of its own.
Scenario draw_swarm(const Scenario& scenario, std::uint64_t seed);
}  // namespace faultline::sim
