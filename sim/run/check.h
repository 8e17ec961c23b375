// `--check`: is a run a function of its scenario and seed alone?
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/run/event_log.h"
#include "sim/run/outcome.h"
#include "sim/run/replay.h"

namespace faultline::sim {

// Replays in one process per variant, in each of which all aspects are changed. They run beside
// this process's own run.
class Check {
public:
    // `arguments`: of the program, that print the run's last line; file names in them are absolute.
    explicit Check(std::vector<std::string> arguments);

    // Waits for the replays and compares. Nothing when they are all equal to `outcome`. Else lines
    // for a person: which process differed, the first event that did, in both, with what led there,
    // and which aspect alone makes the run differ. Takes several more runs.
    std::optional<std::string> difference(const Outcome& outcome);

private:
    std::vector<std::string> arguments_;
    std::vector<Perturbation> perturbations_;
    std::vector<std::unique_ptr<Child>> children_;
};

// Two runs of `arguments` event by event; the difference in sentences, or nothing when the two were
// equal to the end.
std::optional<std::string> first_differing_event(const std::vector<std::string>& arguments,
                                                 const Perturbation& a, const Perturbation& b);
}  // namespace faultline::sim
