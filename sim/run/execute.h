// One execution of a scenario in the simulated world.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "sim/run/observer.h"
#include "sim/run/outcome.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

struct ExecuteOptions {
    std::uint64_t seed = 1;
    std::string trace;  // file to write; empty: none
    bool story = true;
    Observer* observer = nullptr;  // not owned
};

// Runs everything: cluster, workload, faults, healing, audit. invalid when the trace cannot be
// written. Nothing here depends on anything but the scenario and the seed, except wall_time.
Result<Outcome> execute(const Scenario& scenario, const ExecuteOptions& options);
}  // namespace faultline::sim
