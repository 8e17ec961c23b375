// A scenario from a file.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace faultline::sim {

// Reads, changes and checks it, the broker's configuration too. One line for a person when it is
// not good. Its `random` section is still to be drawn: draw_swarm.
std::optional<std::string> load_scenario(const std::string& file, const std::vector<Override>& set,
                                         Scenario& out);
}  // namespace faultline::sim
