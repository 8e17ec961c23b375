#include "sim/run/command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>

#include "sim/run/check.h"
#include "sim/run/execute.h"
#include "sim/run/load.h"
#include "sim/run/replay.h"
#include "sim/scenario/swarm.h"

namespace faultline::sim {
namespace {

constexpr int kBadInput = 2, kNotDeterministic = 3;

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

int bad_input(const std::string& line) {
    print(stderr, line + "\n");
    return kBadInput;
}

// Of this program, for the same run in another directory.
std::vector<std::string> replay_arguments(const RunOptions& options, std::uint64_t seed) {
    std::vector<std::string> arguments = {"faultline",
                                          "sim",
                                          "run",
                                          std::filesystem::absolute(options.file).string(),
                                          "--seed",
                                          std::to_string(seed),
                                          "--last-line-only"};
    for (const Override& o : options.set) {
        arguments.push_back("--set");
        arguments.push_back(o.pointer + "=" + o.value);
    }
    return arguments;
}

// 0, or 3 and on stderr where the runs part.
int finish_check(Check& check, const RunOptions& options, const Outcome& outcome) {
    if (const auto difference = check.difference(outcome)) {
        print(stderr, *difference);
        return kNotDeterministic;
    }
    if (!options.json) print(stdout, "replayed twice in perturbed processes: equal hashes\n");
    return 0;
}

// The same run in another build. 0, or 3 and on stderr where the two part.
int check_against(const RunOptions& options, std::uint64_t seed) {
    const Perturbation other{.program = std::filesystem::absolute(options.against).string()};
    const auto where = first_differing_event(replay_arguments(options, seed), {}, other);
    if (where) {
        print(stderr, "another build runs differently: " + *where);
        return kNotDeterministic;
    }
    if (!options.json) print(stdout, "replayed by another build: every event is equal\n");
    return 0;
}

// Draws the trace; a line on stderr for each picture that failed.
bool draw(const RunOptions& options, const std::string& trace) {
    bool good = true;
    for (const std::string& out : options.timelines) {
        const auto error = options.render(trace, out);
        if (error) print(stderr, *error + "\n");
        good = good && !error;
        if (!error && !options.json) print(stdout, fmt::format("timeline {}\n", out));
    }
    return good;
}
}  // namespace

int run_command(const RunOptions& options) {
    apply_perturbation();
    Scenario scenario;
    if (const auto line = load_scenario(options.file, options.set, scenario))
        return bad_input(*line);
    const bool keep_trace = !options.trace.empty();
    std::string trace = options.trace;
    if (trace.empty() && !options.timelines.empty()) {
        trace = fmt::format("{}.{}.trace", options.timelines.front(), ::getpid());
    }
    const std::uint64_t seed = options.seed.value_or(scenario.seed);
    std::optional<Check> check;
    if (options.check) check.emplace(replay_arguments(options, seed));
    scenario = draw_swarm(scenario, seed);
    const auto answer = answer_to_environment();
    const auto ran = execute(scenario, {.seed = seed,
                                        .trace = trace,
                                        .story = !options.last_line_only,
                                        .observer = answer ? &answer->observer() : nullptr});
    if (!ran.ok()) {
        return bad_input(
            fmt::format("{}: cannot be written ({}); name a file in a directory that "
                        "exists",
                        trace, to_string(ran.error())));
    }
    const Outcome& outcome = *ran;
    if (options.last_line_only) {
        if (answer) answer->finish();
        print(stdout, outcome.hash_line() + "\n");
        print(stdout, outcome.last_line() + "\n");
        return outcome.exit_code();
    }
    int code = outcome.exit_code();
    if (!draw(options, trace)) code = std::max(code, kBadInput);
    if (!keep_trace && !trace.empty()) std::remove(trace.c_str());
    if (check) code = std::max(code, finish_check(*check, options, outcome));
    if (!options.against.empty()) code = std::max(code, check_against(options, seed));
    // The verdict stays the last line.
    print(stdout, options.json ? to_json(outcome) : to_text(outcome));
    return code;
}
}  // namespace faultline::sim
