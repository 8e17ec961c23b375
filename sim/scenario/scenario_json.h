// A scenario as a file: what `sim shrink` writes, and the schema by which editors complete and
// check.
#pragma once
#include <string>

#include "sim/scenario/scenario.h"

namespace faultline::sim {

// Pretty JSON with a newline at the end; members that have their default are left out. Parsing it
// gives an equal scenario.
std::string scenario_to_json(const Scenario& scenario);
// The fault with the members that its kind does not have as by default.
FaultSpec canonical(const FaultSpec& fault);
// JSON Schema (draft 7, which editors and valijson read) of everything that parse_scenario takes.
std::string scenario_schema();
}  // namespace faultline::sim
