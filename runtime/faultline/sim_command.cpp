#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/faultline/commands.h"
#include "sim/run/command.h"
#include "sim/run/hashes.h"
#include "sim/run/replay.h"
#include "sim/search/report.h"
#include "visualize/render.h"

namespace faultline::binary {
namespace {
struct SimOptions {
    sim::RunOptions run;
    std::vector<std::string> set;
};

std::optional<std::string> draw(const std::string& trace, const std::string& out) {
    visualize::RenderOptions options;
    options.trace = trace;
    options.output = out;
    const auto drawn = visualize::render(options);
    if (!drawn) return drawn.error();
    return std::nullopt;
}

int run(SimOptions& o) {
    for (const std::string& pair : o.set) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos) {
            return tools::bad_input(
                fmt::format("faultline: --set {}: not POINTER=VALUE, as /seed=7", pair));
        }
        o.run.set.push_back({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    for (const std::string& out : o.run.timelines) {
        if (const std::string why = visualize::bad_output(out); !why.empty())
            return tools::bad_input(fmt::format("faultline: --timeline {}: {}", out, why));
    }
    o.run.render = draw;
    sim::apply_perturbation();
    return sim::run_command(o.run);
}

void add_hash(CLI::App& top, std::vector<tools::Command>& commands) {
    CLI::App* sub = top.add_subcommand(
        "hash",
        "Example:  faultline sim hash scenarios --seeds 1..3\n\n"
        "The hashes of many runs, one line each: two builds must print the same. Exit 0, 2 bad "
        "input, 3 not deterministic (with --check).");
    auto o = std::make_shared<sim::HashOptions>();
    auto seeds = std::make_shared<std::string>();
    sub->add_option("files", o->files, "scenarios, or directories of them")->required();
    sub->add_option("--seeds", *seeds, "A..B, else each scenario's own");
    sub->add_flag("--reverse", o->reverse, "the last run first");
    sub->add_flag("--check", o->check, "run all again in perturbed processes and compare");
    commands.push_back({sub, [o, seeds] {
                            if (!seeds->empty()) {
                                const auto range = sim::parse_seeds(*seeds);
                                if (!range) {
                                    return tools::bad_input(fmt::format(
                                        "faultline: --seeds {}: not A..B, as 1..20", *seeds));
                                }
                                o->from = range->first;
                                o->to = range->last;
                            }
                            return sim::hash_command(*o);
                        }});
}
}  // namespace

// Read as text: the library's own reading makes a huge number of a negative one.
void add_seed(CLI::App* sub, std::optional<std::uint64_t>& seed, const std::string& help) {
    sub->add_option_function<std::string>(
        "--seed",
        [&seed](const std::string& text) {
            const auto range = sim::parse_seeds(text);
            if (!range || range->first != range->last) {
                throw CLI::ValidationError(
                    "--seed " + text, fmt::format("not a whole number from 0 to {}", INT64_MAX));
            }
            seed = range->first;
        },
        help);
}

void add_sim(CLI::App& app, std::vector<tools::Command>& commands) {
    CLI::App* top = app.add_subcommand(
        "sim",
        "Example:  faultline sim run scenarios/smoke/crash-torn-tail.json --seed 7\n\n"
        "The deterministic simulator.");
    top->require_subcommand(1);
    CLI::App* sub = top->add_subcommand(
        "run",
        "Example:  faultline sim run scenarios/smoke/crash-torn-tail.json --timeline "
        "run.svg\n\nOne execution of a scenario: story, verdict, last line. Exit 0 holds, "
        "1 violated, or not violated as expect.violates says, 2 bad input, 3 vacuous or not "
        "deterministic.");
    auto o = std::make_shared<SimOptions>();
    sub->add_option("file", o->run.file, "the scenario")->required();
    add_seed(sub, o->run.seed, "else the scenario's");
    sub->add_option("--set", o->set, "POINTER=VALUE, may be given again");
    sub->add_option("--trace", o->run.trace, "write the trace here");
    sub->add_option("--timeline", o->run.timelines, "draw it, may be given again");
    sub->add_flag("--check", o->run.check, "run again in perturbed processes, compare the hashes");
    sub->add_option("--against", o->run.against,
                    "the binary of another build: find where it differs")
        ->check(CLI::ExistingFile);
    sub->add_flag("--json", o->run.json, "for programs");
    sub->add_flag("--last-line-only", o->run.last_line_only, "what --check asks of its children")
        ->group("");
    commands.push_back({sub, [o] { return run(*o); }});
    add_hash(*top, commands);
    add_sim_search(*top, commands);
    add_sim_tables(*top, commands);
}
}  // namespace faultline::binary
