// One random fault.
#pragma once
#include "core/base/random.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

// When, where and how hard; `scenario` says what there is, and which faults it already has; `where`
// may say who is struck, and at which events.
FaultSpec draw_fault(FaultKind kind, std::string id, const Scenario& scenario,
                     const RandomSpec& where, Rng& rng);
// From low to high, both included; each power of two is as likely as the next. 0 <= low <= high.
std::int64_t log_uniform(Rng& rng, std::int64_t low, std::int64_t high);
}  // namespace faultline::sim
