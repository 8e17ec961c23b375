#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "sim/run/files.h"
#include "sim/run/load.h"
#include "sim/scenario/scenario_json.h"
#include "sim/scenario/swarm.h"
#include "sim/search/shrink.h"

namespace faultline::sim {
namespace {

using Json = nlohmann::ordered_json;

struct Start {
    Scenario scenario;
    RunResult result;
};

// The failing run to begin with; else the exit code.
std::optional<Start> failing(const ShrinkOptions& o, int& code) {
    Scenario loaded;
    code = 2;
    if (const auto line = load_scenario(o.file, o.set, loaded)) {
        fmt::print(stderr, "{}\n", *line);
        return std::nullopt;
    }
    Start start;
    start.scenario = draw_swarm(loaded, o.seed.value_or(loaded.seed));
    start.result = run_isolated(start.scenario, o.limits);
    code = 1;
    if (start.result.verdict == "violated" || start.result.verdict == "died") return start;
    fmt::print(stderr,
               "{} with seed {} does not fail (verdict={}); name a seed that does: faultline sim "
               "sweep finds them\n",
               o.file, start.scenario.seed, start.result.verdict);
    return std::nullopt;
}

// What a run without one of the faults came to.
std::string without_it(const RunResult& r, const RunResult& with) {
    if (same_failure(r, with))
        return r.verdict == "died" ? "it dies in the same way" : "the same violation";
    if (r.verdict == "died") return fmt::format("the run dies: {}", r.sentence);
    if (r.invariant == 0) return "the run holds";
    if (r.invariant == with.invariant) return fmt::format("it breaks elsewhere: {}", r.sentence);
    return fmt::format("another one: {}", what_broke(r.invariant, r.name));
}

// "violated INV-80 ...", "died: ...".
std::string violation(const RunResult& r) {
    if (r.verdict == "died") return "died: " + r.sentence;
    return "violated " + fmt::format("{} at {}: {}", what_broke(r.invariant, r.name),
                                     format_seconds(Duration{r.at_ns}), r.sentence);
}
}  // namespace

int shrink_command(const ShrinkOptions& o) {
    int code = 0;
    auto start = failing(o, code);
    if (!start) return code;
    const auto say = [&](const std::string& line) { fmt::print(stderr, "shrink: {}\n", line); };
    say(fmt::format("{} elements, {}", count_elements(start->scenario), violation(start->result)));
    Shrinker shrinker(start->scenario, start->result, o.limits, o.time, say);
    Shrunk shrunk = shrinker.run();
    if (!same_failure(shrunk.result, start->result)) {
        fmt::print(stderr,
                   "shrink: the smaller scenario does not fail again; nothing was written\n");
        return 1;
    }
    Scenario& s = shrunk.scenario;
    s.name = fmt::format("{}-{}-min", start->scenario.name, s.seed);
    s.about =
        fmt::format("Shrunk from {} with seed {}. {}", o.file, s.seed, violation(shrunk.result));
    if (!write_text(o.out, scenario_to_json(s))) {
        fmt::print(stderr, "{}: cannot be written; name a file in a directory that exists\n",
                   o.out);
        return 2;
    }
    if (!shrunk.finished) say("the time was over; --for gives it more");
    if (o.json) {
        const Json j{{"out", o.out},
                     {"before", shrunk.before},
                     {"after", shrunk.after},
                     {"runs", shrunk.runs},
                     {"finished", shrunk.finished},
                     {"invariant", shrunk.result.invariant}};
        fmt::print("{}\n", j.dump());
        return 0;
    }
    fmt::print("{}{}\nshrunk={} elements_before={} elements={} faults={} runs={} seed={}\n",
               scenario_to_json(s), violation(shrunk.result), o.out, shrunk.before, shrunk.after,
               s.faults.size(), shrunk.runs, s.seed);
    return 0;
}

int explain_command(const ShrinkOptions& o) {
    int code = 0;
    const auto start = failing(o, code);
    if (!start) return code;
    const Scenario& s = start->scenario;
    std::vector<RunResult> results(s.faults.size());
    std::size_t given = 0;
    run_pool(
        o.limits,
        [&]() -> std::optional<Job> {
            if (given == s.faults.size()) return std::nullopt;
            Job job{given, s};
            job.scenario.faults.erase(job.scenario.faults.begin() +
                                      static_cast<std::ptrdiff_t>(given++));
            std::erase_if(job.scenario.faults, [&](const FaultSpec& f) {
                return f.when.kind == Trigger::Kind::after && f.when.after == s.faults[job.id].id;
            });
            return job;
        },
        [&](std::uint64_t id, const RunResult& r) {
            results[id] = r;
            return true;
        });
    Json told = Json::array();
    std::vector<std::string> necessary;
    std::string text;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const FaultSpec& f = s.faults[i];
        const RunResult& r = results[i];
        const std::uint64_t effects =
            start->result.effects.contains(f.id) ? start->result.effects.at(f.id) : 0;
        const bool needed = !same_failure(r, start->result);
        if (needed) necessary.push_back(f.id);
        const std::string then = without_it(r, start->result);
        told.push_back({{"fault", f.id},
                        {"do", to_string(f.kind)},
                        {"necessary", needed},
                        {"effects", effects},
                        {"without_it", then}});
        text += fmt::format("{:<10} {:<18} {:<18} {} effect{}; without it {}\n",
                            needed ? "necessary" : "incidental", f.id, to_string(f.kind), effects,
                            effects == 1 ? "" : "s", then);
    }
    if (o.json) {
        const Json j{{"seed", s.seed},
                     {"invariant", start->result.invariant},
                     {"sentence", start->result.sentence},
                     {"faults", told}};
        fmt::print("{}\n", j.dump(1));
        return 0;
    }
    fmt::print("{}\n{}", violation(start->result), text);
    if (necessary.empty())
        fmt::print("no single fault is necessary: several of them suffice, or none is needed\n");
    fmt::print("necessary={} incidental={} seed={}\n", necessary.size(),
               results.size() - necessary.size(), s.seed);
    return 0;
}
}  // namespace faultline::sim
