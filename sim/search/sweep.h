// `faultline sim sweep` and `merge`: many seeds of many scenarios.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "sim/scenario/scenario.h"
#include "sim/search/pool.h"
#include "sim/search/report.h"

namespace faultline::sim {

struct SweepOptions {
    std::vector<std::string> paths;  // scenario files, or directories of them
    Share share;
    std::optional<Duration> time;  // ends after so long, finished or not
    std::string out;               // the report; read and gone on with when it is there
    bool json = false;
    Limits limits;
};

// Prints to stdout, progress and complaints to stderr. 0 everything holds, 1 something failed, 2
// bad input, a report of another sweep at `out` too, 3 nothing ran, or every run was vacuous.
// Interrupted (SIGINT, SIGTERM) it saves the report, says how to go on, and returns what
// it has found so far.
int sweep_command(const SweepOptions& options);
// Joins reports of parts of one sweep into one. 0 to 3 as a sweep; 2 also for reports that are not
// of one build and scenario, or that have a seed in common. The same one twice counts once.
int merge_command(const std::vector<std::string>& reports, const std::string& out);

// The *.json files of a directory and below, sorted, without *.schema.json; the file itself.
std::vector<std::string> scenario_files(const std::string& path);
}  // namespace faultline::sim
