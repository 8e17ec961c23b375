// What one run of a search came to, small enough to go through a pipe.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/run/outcome.h"

namespace faultline::sim {

struct RunResult {
    // holds, violated, vacuous as in Outcome; died: the process ended without a verdict.
    // A run that was to violate an invariant and did not failed too: it has no invariant, and
    // exit_code 1.
    std::string verdict = "died";
    int exit_code = 1;  // as `sim run` would give
    std::int32_t invariant = 0;
    std::string name, transition, sentence;          // died: the sentence says how
    std::int64_t at_ns = 0;                          // of the violation
    std::map<std::string, std::uint64_t> effects;    // by fault id; all faults of the run
    std::set<std::string> kinds;                     // of faults that had an effect
    std::map<std::int32_t, std::uint64_t> premises;  // by invariant
    std::map<std::string, std::uint64_t> sites;      // reached
    std::uint64_t events = 0;
    std::int64_t sim_ns = 0, cpu_ns = 0;
    std::string hash;

    bool failed() const { return exit_code == 1; }
    // Where it broke, when what broke does not say enough: how the process died, which assertion
    // failed. Else "".
    std::string place() const;
    // Equal for runs that show the same defect, as far as one can tell.
    std::string cluster() const;
};

// The same verdict, about the same invariant and place.
bool same_failure(const RunResult& a, const RunResult& b);

// "INV-80 acked-is-durable"; "died" for a run whose process ended without a verdict;
// "expected-violation" for one that was to violate something and did not.
std::string what_broke(std::int32_t invariant, const std::string& name);

RunResult summarize(const Outcome& outcome);
// One line of JSON and back. Nothing when the text is not one.
std::string to_line(const RunResult& result);
bool from_line(const std::string& line, RunResult& out);
}  // namespace faultline::sim
