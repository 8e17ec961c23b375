// Many runs, each in a process of its own: one that aborts, hangs or eats memory is a result, and
// no run can leave anything behind for the next.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>

#include "sim/scenario/scenario.h"
#include "sim/search/result.h"

namespace faultline::sim {

struct Limits {
    unsigned jobs = 1;
    unsigned cpu_seconds = 60;        // of one run; it is killed then
    std::uint64_t memory_mib = 4096;  // of one run's address space; 0: no limit
};

struct Job {
    std::uint64_t id = 0;
    Scenario scenario;  // runs with scenario.seed
};

// Takes jobs from `next` until it has none, runs up to limits.jobs at a time, and gives each result
// to `done` in the order in which runs end. `done` returns false to stop: what still runs is killed
// and has no result. `idle` is called about ten times a second.
void run_pool(const Limits& limits, const std::function<std::optional<Job>()>& next,
              const std::function<bool(std::uint64_t id, const RunResult&)>& done,
              const std::function<void()>& idle = {});

// One run in a process of its own.
RunResult run_isolated(const Scenario& scenario, const Limits& limits);

// The results of all scenarios in their order; when `enough` says so of the results so far (in
// order, without gaps) the rest is not waited for.
std::optional<std::size_t> first_that(const std::vector<Scenario>& scenarios, const Limits& limits,
                                      const std::function<bool(const RunResult&)>& good);
}  // namespace faultline::sim
