// The run for ui.perfetto.dev: for runs too long for a picture.
#pragma once
#include <string>

#include "visualize/run_model.h"

namespace faultline::visualize {
// Perfetto's native protobuf (perfetto.dev/docs/reference/synthetic-track-event), written by hand.
// A process for each node, with tracks for its states, for requests (slices; arrows lead to the
// broker's slice between arrival and answer), for its disk (instants: a trace knows when work
// ended) and counters for its logs; a process "faults" with a slice for each fault and an instant
// for each effect and violation. Of a run that failed, tracks "why" hold its causal slice, with
// arrows along the stored causes.
std::string pftrace(const Run& run, bool full);
}  // namespace faultline::visualize
