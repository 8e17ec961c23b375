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
    bool check = false;  // run again in two perturbed processes and compare the hashes
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

// Runs this program again with `arguments` under two sets of perturbations (another address space
// layout, allocator fill, stack fill, hash salt, locale, time zone, directory) and returns what
// each printed last on stdout. Nothing when a child could not be started or died by a signal.
struct Replay {
    std::string perturbation;  // for the message
    std::string last_line;
};
std::vector<Replay> replay_perturbed(const std::vector<std::string>& arguments);
// What a child does first: applies FAULTLINE_STACK_FILL and FAULTLINE_HASH_SALT.
void apply_perturbation();
// "hash=..." of a last line; empty when there is none.
std::string hash_of(const std::string& last_line);
}  // namespace faultline::sim
