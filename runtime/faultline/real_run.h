// One execution of a scenario with real daemons: clients, faults, judgement.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "runtime/faultline/cluster_tool.h"
#include "sim/run/outcome.h"
#include "sim/scenario/scenario.h"

namespace faultline::binary {

struct RealRunOptions {
    std::uint64_t seed = 1;
    std::string world;      // for the story: "daemons", "kafka"
    std::string bootstrap;  // "HOST:PORT,..."
    std::string trace;      // file to write; empty: none
};

// Runs the scenario's clients in this process against the cluster of `tool`, which must be up,
// brings the faults in, heals, reads everything, and lets the oracles speak that know no more than
// what clients saw. The outcome has no hash. io when the trace cannot be written. Blocks for as
// long as the scenario says, and until the clients are done.
Result<sim::Outcome> run_real(const sim::Scenario& scenario, ClusterTool& tool,
                              const RealRunOptions& options);
}  // namespace faultline::binary
