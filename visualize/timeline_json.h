// The trace as JSON: for programs.
#pragma once
#include <string>

#include "visualize/run_model.h"

namespace faultline::visualize {
// {"head": ..., "complete": bool, "hash": "...", "events": [{"at_ns": 5, "type": "LogFlushed",
// "node": "n1", ...}]}: every event with its fields by name, one event a line; nodes, partitions,
// labels and choices as texts. Obeys the run's span of time and its lanes.
std::string timeline_json(const Run& run, bool full);
}  // namespace faultline::visualize
