// The trace as JSON: for programs.
#pragma once
#include <string>

#include "visualize/run_model.h"

namespace faultline::visualize {
// {"head": ..., "complete": bool, "hash": "...", "events": [{"n": 9, "at_ns": 5, "cause": 7,
// "type": "LogFlushed", "node": "n1", ...}]}: every event with its number, the number of the event
// that led to it (absent when nothing recorded did) and its fields by name; nodes, partitions,
// labels and choices as texts. Obeys the run's span of time and its lanes.
std::string timeline_json(const Run& run, bool full);
// The same as JSON lines: first {"head", "complete", "hash"}, then an event a line.
std::string timeline_jsonl(const Run& run, bool full);
}  // namespace faultline::visualize
