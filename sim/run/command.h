// `faultline sim run`: one execution of a scenario, told to a person or a program.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/run/outcome.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

struct RunOptions {
    std::string file;
    std::optional<std::uint64_t> seed;  // else the scenario's
    std::vector<Override> set;
    std::string trace;                   // written here when not empty
    std::vector<std::string> timelines;  // format by extension; needs `render`
    bool check = false;   // run again in perturbed processes and compare: sim/run/check.h
    std::string against;  // a binary of another build, to compare with; empty: none
    bool json = false;
    bool last_line_only = false;  // what --check asks of its children
    // Draws the trace file `trace` into `out`. Given by the binary, because sim/ does not know
    // visualize/.
    std::function<std::optional<std::string>(const std::string& trace, const std::string& out)>
        render;
};

// Prints to stdout, complaints to stderr. Returns the exit code of docs: 0 holds, 1 violated, 2 bad
// input, 3 vacuous or not deterministic.
int run_command(const RunOptions& options);
}  // namespace faultline::sim
