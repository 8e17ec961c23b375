#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/faultline/commands.h"
#include "sim/run/command.h"
#include "sim/run/replay.h"
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
    o.run.render = draw;
    sim::apply_perturbation();
    return sim::run_command(o.run);
}
}  // namespace

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
        "1 violated, 2 bad input, 3 vacuous or not deterministic.");
    auto o = std::make_shared<SimOptions>();
    sub->add_option("file", o->run.file, "the scenario")->required();
    sub->add_option("--seed", o->run.seed, "else the scenario's");
    sub->add_option("--set", o->set, "POINTER=VALUE, may be given again");
    sub->add_option("--trace", o->run.trace, "write the trace here");
    sub->add_option("--timeline", o->run.timelines, "draw it, may be given again");
    sub->add_flag("--check", o->run.check, "run again in perturbed processes, compare the hashes");
    sub->add_flag("--json", o->run.json, "for programs");
    sub->add_flag("--last-line-only", o->run.last_line_only, "what --check asks of its children")
        ->group("");
    commands.push_back({sub, [o] { return run(*o); }});
}
}  // namespace faultline::binary
