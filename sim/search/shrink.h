// A smaller scenario that still fails in the same way: what a person reads, and what stays as the
// regression test. Removing one fault leaves the decisions of the others as they were (their draws
// are keyed by their names), so small steps are fair steps.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "sim/scenario/scenario.h"
#include "sim/search/pool.h"

namespace faultline::sim {

// What a scenario consists of, for counting: each fault, client and topic, each configuration key,
// each section (network, disk, schedule, rare branches, nodes) that is not as by default.
std::size_t count_elements(const Scenario& scenario);

struct Shrunk {
    Scenario scenario;                  // expects the violation
    std::size_t before = 0, after = 0;  // elements
    std::uint64_t runs = 0;
    bool finished = true;  // false: the time was over before nothing smaller failed
    RunResult result;      // of the last run
};

class Shrinker {
public:
    // `scenario` has its swarm drawn and its seed set; it fails as `result` says (same_failure()).
    // `say` is called with a line of progress.
    Shrinker(Scenario scenario, RunResult result, Limits limits, Duration time,
             std::function<void(const std::string&)> say);
    Shrunk run();

private:
    using Candidates = std::vector<Scenario>;
    // Takes the first candidate that fails; true when there was one.
    bool take(const char* what, const Candidates& candidates);
    template <class Make>
    bool repeat(const char* what, Make make);
    void cut_tail();
    void drop_kinds();
    bool drop_faults();
    bool drop_clients();
    bool fewer_records();
    bool smaller_cluster();
    bool calm_world();
    bool plain_config();
    bool plain_faults();
    bool round_times();
    void event_triggers();
    bool over() const;

    Scenario best_;
    RunResult result_;
    Limits limits_;
    std::int64_t deadline_ns_;
    std::function<void(const std::string&)> say_;
    std::uint64_t runs_ = 0;
};

// Minimises a list by delta debugging (Zeller, Hildebrandt 2002): `test` gets candidates in order
// and returns the index of the first that still fails, or nothing. The result is 1-minimal.
template <class T, class Test>
std::vector<T> ddmin(std::vector<T> items, Test test) {
    std::size_t pieces = 2;
    while (!items.empty()) {
        pieces = std::min(pieces, items.size());
        std::vector<std::vector<T>> without;
        const std::size_t n = items.size();
        for (std::size_t p = 0; p < pieces; ++p) {
            std::vector<T> rest;
            for (std::size_t i = 0; i < n; ++i) {
                if (i < n * p / pieces || i >= n * (p + 1) / pieces) rest.push_back(items[i]);
            }
            without.push_back(std::move(rest));
        }
        if (const auto hit = test(without)) {
            items = without[*hit];
            pieces = std::max<std::size_t>(2, pieces - 1);
            continue;
        }
        if (pieces >= n) break;
        pieces = std::min(n, pieces * 2);
    }
    return items;
}

struct ShrinkOptions {
    std::string file, out;
    std::vector<Override> set;
    std::optional<std::uint64_t> seed;
    Duration time{60'000'000'000};
    Limits limits;
    bool json = false;
};
// `faultline sim shrink`: 0 a smaller scenario was written, 1 the scenario does not fail, 2 bad
// input.
int shrink_command(const ShrinkOptions& options);
// `faultline sim explain`: reruns without each fault. 0 told, 1 the scenario does not fail, 2 bad
// input.
int explain_command(const ShrinkOptions& options);
}  // namespace faultline::sim
