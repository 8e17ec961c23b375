// How fast the simulator is, and how much memory it keeps: a table with the goals of issue 4; and
// the quorum's decisions without the simulator, as issue 5 wants them.
//
// sim_bench [DIR] [ROW...] [--gross]   DIR has the scenarios (default: tests/bench). Exit 1 when a
// goal is missed; with --gross only when one is missed by more than a factor of three, which noise
// does not do. Times are processor time of this one thread, so that others may use the machine.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <numeric>
#include <unistd.h>

#include <fmt/format.h>

#include "sim/run/execute.h"
#include "sim/run/load.h"
#include "sim/scenario/swarm.h"
#include "tests/bench/echo_load.h"
#include "tests/unit/logic/raft/world.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    in >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

// Reads the resident memory at each simulated minute.
class MemoryWatch final : public Observer {
public:
    static constexpr std::size_t kMinutes = 60;

    void begin(const TraceHead&, World& world) override {
        for (std::size_t i = 1; i <= kMinutes; ++i) {
            world.at(MonoTime{} + std::chrono::seconds(60 * i - 1), [this] {
                ::malloc_trim(0);  // what is free does not count
                mib_.push_back(resident_mib());
            });
        }
    }
    // Of ten minutes, because what retention holds swings: 0 is the first ten.
    double mean(std::size_t tenth) const {
        if (mib_.size() != kMinutes) std::exit(2);
        const auto from = mib_.begin() + static_cast<std::ptrdiff_t>(10 * tenth);
        return std::accumulate(from, from + 10, 0.0) / 10;
    }

private:
    std::vector<double> mib_;
};

struct Measured {
    double value = 0;
    std::string note;
};

struct Row {
    std::string name, goal_text;
    double goal;
    bool at_most;  // else at least
    std::string command;
    std::function<Measured(const std::string& dir)> measure;

    bool met(double value, double slack) const {
        return at_most ? value <= goal * slack : value * slack >= goal;
    }
};

Scenario load(const std::string& file) {
    Scenario scenario;
    if (const auto line = load_scenario(file, {}, scenario)) {
        std::fprintf(stderr, "%s\n", line->c_str());
        std::exit(2);
    }
    return scenario;
}

struct Run {
    Outcome outcome;
    double cpu_s;
};

Run run(const Scenario& scenario, std::uint64_t seed, Observer* observer = nullptr) {
    const Scenario drawn = draw_swarm(scenario, seed);
    const std::clock_t begin = std::clock();
    auto outcome =
        execute(drawn, {.seed = seed, .trace = "", .story = false, .observer = observer});
    if (!outcome.ok()) std::exit(2);
    return {*std::move(outcome), static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC};
}

// The fastest of five: whoever else uses the machine only makes it slower.
Run best_of_five(const Scenario& scenario) {
    Run best = run(scenario, scenario.seed);
    for (int i = 0; i < 4; ++i) {
        Run next = run(scenario, scenario.seed);
        if (next.cpu_s < best.cpu_s) best = std::move(next);
    }
    if (best.outcome.verdict() != "holds") {
        std::fprintf(stderr, "%s\n", best.outcome.last_line().c_str());
        std::exit(2);
    }
    return best;
}

double seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }

Measured event_rate(const std::string& dir) {
    const Run best = best_of_five(load(dir + "/one_broker.json"));
    return {static_cast<double>(best.outcome.events) / best.cpu_s,
            fmt::format("{} events in {:.3f} s, {} oracles", best.outcome.events, best.cpu_s,
                        best.outcome.oracles.size())};
}

Measured ratio(const std::string& dir) {
    const Run best = best_of_five(load(dir + "/one_broker.json"));
    return {seconds(best.outcome.sim_time) / best.cpu_s,
            fmt::format("{} records in {:.1f} simulated s, {:.3f} s", best.outcome.delivered,
                        seconds(best.outcome.sim_time), best.cpu_s)};
}

Measured memory(const std::string& dir) {
    MemoryWatch watch;
    const Run one = run(load(dir + "/one_hour.json"), 1, &watch);
    std::string note = "MiB, means of 10 min:";
    for (std::size_t i = 0; i < 6; ++i) note += fmt::format(" {:.1f}", watch.mean(i));
    note += fmt::format("; {} events in {:.1f} s", one.outcome.events, one.cpu_s);
    return {watch.mean(5) / watch.mean(1), note};  // what is retained has filled up by then
}

Measured swarm_rate(const std::string& dir) {
    const Scenario swarm = load(dir + "/../../scenarios/swarm/everything.json");
    double cpu = 0, events = 0, simulated = 0;
    constexpr int kSeeds = 40;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Run one = run(swarm, seed);
        cpu += one.cpu_s;
        events += static_cast<double>(one.outcome.events);
        simulated += seconds(one.outcome.sim_time);
    }
    return {events / cpu, fmt::format("{:.0f} seeds/s, {:.0f} simulated s/s over {} seeds",
                                      kSeeds / cpu, simulated / cpu, kSeeds)};
}

Measured echo(const std::string&) {
    EchoResult best;
    for (int i = 0; i < 5; ++i) {
        EchoResult next = run_echo(120);
        if (i == 0 || next.cpu_s < best.cpu_s) best = std::move(next);
    }
    return {best.virtual_s / best.cpu_s,
            fmt::format("{} requests, {:.1f} million scheduler events/s, no oracles", best.requests,
                        static_cast<double>(best.work) / best.cpu_s / 1e6)};
}

// A step is one input to one replica: a message, a timer, a sync, an append, a change of voters.
// What each of them says and does is compared with all that was ever said.
Measured raft_steps(const std::string&) {
    namespace raft = logic::raft::test;
    constexpr std::uint64_t kSeeds = 400;
    double best = 0;
    raft::Totals totals;
    for (int i = 0; i < 3; ++i) {
        totals = {};
        const std::clock_t begin = std::clock();
        for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
            const auto wrong = raft::run_random(raft::mixed_schedule(seed), seed, totals);
            if (!wrong.empty()) {
                std::fprintf(stderr, "raft, seed %lu: %s\n", seed, wrong.c_str());
                std::exit(2);
            }
        }
        const double cpu_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        best = std::max(best, static_cast<double>(totals.steps) / cpu_s);
    }
    return {best, fmt::format("{} schedules: {} steps, {} elections, {} batches committed", kSeeds,
                              totals.steps, totals.elections, totals.committed)};
}

const std::vector<Row>& rows() {
    static const std::vector<Row> all = {
        {"events", "500,000 events/s", 500'000, false,
         "sim_bench events  (tests/bench/one_broker.json)", event_rate},
        {"ratio", "200 simulated s/s", 200, false,
         "sim_bench ratio   (1,000 records/s, tests/bench/one_broker.json)", ratio},
        {"swarm", "500,000 events/s", 500'000, false,
         "sim_bench swarm   (scenarios/swarm/everything.json)", swarm_rate},
        {"echo", "1,000 simulated s/s", 1000, false, "sim_bench echo    (tests/bench/echo_load.h)",
         echo},
        {"memory", "minutes 51-60 / 11-20 <= 1.05", 1.05, true,
         "sim_bench memory  (tests/bench/one_hour.json)", memory},
        {"raft", "1,000,000 steps/s", 1'000'000, false,
         "sim_bench raft    (tests/unit/logic/raft/schedule.cpp, no simulator)", raft_steps},
    };
    return all;
}
}  // namespace

int main(int argc, char** argv) {
    std::string dir = "tests/bench";
    std::vector<std::string> wanted;
    bool gross = false;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool is_row =
            std::ranges::any_of(rows(), [&](const Row& r) { return r.name == word; });
        if (word == "--gross") {
            gross = true;
        } else if (is_row) {
            wanted.push_back(word);
        } else {
            dir = word;
        }
    }
    int missed = 0;
    std::printf("%-8s %-30s %12s  %-4s  %s\n", "what", "goal", "measured", "", "how");
    for (const Row& row : rows()) {
        if (!wanted.empty() && std::ranges::find(wanted, row.name) == wanted.end()) continue;
        const Measured m = row.measure(dir);
        const bool pass = row.met(m.value, 1);
        if (!row.met(m.value, gross ? 3 : 1)) ++missed;
        const std::string number =
            row.at_most ? fmt::format("{:.3f}", m.value) : fmt::format("{:.0f}", m.value);
        std::printf("%-8s %-30s %12s  %-4s  %s\n%61s%s\n", row.name.c_str(), row.goal_text.c_str(),
                    number.c_str(), pass ? "PASS" : "MISS", m.note.c_str(), "",
                    row.command.c_str());
        std::fflush(stdout);
    }
    return missed == 0 ? 0 : 1;
}
