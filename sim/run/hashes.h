// `faultline sim hash`: the hashes of many runs, one line each, for a comparison of two builds.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace faultline::sim {

struct HashOptions {
    std::vector<std::string> files;         // scenarios, and directories of them
    std::optional<std::uint64_t> from, to;  // seeds; without them each scenario's own
    bool reverse = false;  // the last run first: a state that outlives a run would show
    bool check = false;    // the same in perturbed processes (sim/run/replay.h), and compare
};

// Prints "FILE seed=N schedule=... hash=... events=N" to stdout for each run. Returns 0, or 2 with
// a line on stderr when a scenario is not good.
int hash_command(const HashOptions& options);
}  // namespace faultline::sim
