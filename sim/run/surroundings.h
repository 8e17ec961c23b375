// What a scenario says about its world, in the world's words.
#pragma once
#include "sim/run/roles.h"
#include "sim/scenario/scenario.h"
#include "sim/world/world.h"

namespace faultline::sim {

WorldOptions world_options(const Scenario& scenario);
// Racks, data centres and clocks of nodes, and links with options of their own. Before the world
// runs; `names` has every node.
void furnish(World& world, const Scenario& scenario, const std::map<std::string, NodeId>& names,
             const Roles& roles);
}  // namespace faultline::sim
