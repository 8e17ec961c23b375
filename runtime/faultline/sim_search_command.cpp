// faultline sim sweep | merge | shrink | explain.
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/text.h"
#include "runtime/faultline/commands.h"
#include "sim/search/shrink.h"
#include "sim/search/sweep.h"

namespace faultline::binary {
namespace {

struct SweepFlags {
    sim::SweepOptions sweep;
    std::string seeds = "1..100", time, part;
};
struct ShrinkFlags {
    sim::ShrinkOptions shrink;
    std::vector<std::string> set;
    std::string time = "60s";
};

unsigned cores() { return std::max(1U, std::thread::hardware_concurrency()); }

// "2/8": the second of eight.
bool read_part(const std::string& text, sim::SweepOptions& o) {
    const auto slash = text.find('/');
    const auto first = sim::parse_seeds(text.substr(0, slash));
    const auto all =
        slash == std::string::npos ? std::nullopt : sim::parse_seeds(text.substr(slash + 1));
    if (!first || !all || first->first < 1 || first->first > all->first) return false;
    o.share.part = first->first;
    o.share.parts = all->first;
    return true;
}

int sweep(SweepFlags& f) {
    const auto seeds = sim::parse_seeds(f.seeds);
    if (!seeds)
        return tools::bad_input(
            fmt::format("faultline: --seeds {}: not A..B, as 1..1000", f.seeds));
    f.sweep.share.seeds = *seeds;
    if (!f.time.empty()) {
        f.sweep.time = parse_duration(f.time);
        if (!f.sweep.time)
            return tools::bad_input(fmt::format("faultline: --for {}: not a time, as 10m", f.time));
    }
    if (!f.part.empty() && !read_part(f.part, f.sweep))
        return tools::bad_input(fmt::format("faultline: --part {}: not I/N, as 1/8", f.part));
    return sim::sweep_command(f.sweep);
}

bool prepare(ShrinkFlags& f) {
    const auto time = parse_duration(f.time);
    if (!time) {
        tools::bad_input(fmt::format("faultline: --for {}: not a time, as 60s", f.time));
        return false;
    }
    f.shrink.time = *time;
    for (const std::string& pair : f.set) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos) {
            tools::bad_input(
                fmt::format("faultline: --set {}: not POINTER=VALUE, as /seed=7", pair));
            return false;
        }
        f.shrink.set.push_back({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    return true;
}

void add_limits(CLI::App* sub, sim::Limits& limits) {
    limits.jobs = cores();
    sub->add_option("--jobs", limits.jobs, "runs at a time; default: the cores of this machine")
        ->check(CLI::Range(1, 1024));
    sub->add_option("--cpu-limit", limits.cpu_seconds, "seconds of processor time for one run")
        ->check(CLI::Range(1, 86'400));
}

void add_sweep(CLI::App& top, std::vector<tools::Command>& commands) {
    CLI::App* sub = top.add_subcommand(
        "sweep",
        "Example:  faultline sim sweep scenarios/swarm --seeds 1..10000 --out report.json\n\n"
        "Runs many seeds, each in a process of its own, and gathers what fails. An interrupted "
        "sweep "
        "goes on from its report. Exit 0 everything holds, 1 something failed, 2 bad input, 3 "
        "nothing ran or every run was vacuous.");
    auto f = std::make_shared<SweepFlags>();
    sub->add_option("paths", f->sweep.paths, "scenarios, or directories of them")->required();
    sub->add_option("--seeds", f->seeds, "A..B, both included; default 1..100");
    sub->add_option("--for", f->time, "end after this long, as 10m");
    sub->add_option("--part", f->part, "I/N: the I-th of N equal parts of the seeds");
    sub->add_option("--out", f->sweep.out, "the report; gone on with when it is there");
    sub->add_flag("--json", f->sweep.json, "print the report");
    add_limits(sub, f->sweep.limits);
    commands.push_back({sub, [f] { return sweep(*f); }});
}

void add_merge(CLI::App& top, std::vector<tools::Command>& commands) {
    struct Flags {
        std::vector<std::string> reports;
        std::string out;
    };
    CLI::App* sub = top.add_subcommand(
        "merge",
        "Example:  faultline sim merge part-*.json -o all.json\n\nJoins the reports of parts.");
    auto f = std::make_shared<Flags>();
    sub->add_option("reports", f->reports, "what `sim sweep --out` wrote")->required();
    sub->add_option("-o", f->out, "the joined report")->required();
    commands.push_back({sub, [f] { return sim::merge_command(f->reports, f->out); }});
}

void add_shrink_options(CLI::App* sub, ShrinkFlags& f) {
    sub->add_option("file", f.shrink.file, "the scenario")->required();
    add_seed(sub, f.shrink.seed, "a seed that fails; else the scenario's");
    sub->add_option("--set", f.set, "POINTER=VALUE, may be given again");
    sub->add_flag("--json", f.shrink.json, "for programs");
    add_limits(sub, f.shrink.limits);
}

void add_shrink(CLI::App& top, std::vector<tools::Command>& commands) {
    CLI::App* sub = top.add_subcommand(
        "shrink",
        "Example:  faultline sim shrink scenarios/swarm/disk.json --seed 7 -o min.json\n\n"
        "Writes a smaller scenario that violates the same invariant. Exit 0 written, 1 the "
        "scenario "
        "does not fail, 2 bad input.");
    auto f = std::make_shared<ShrinkFlags>();
    add_shrink_options(sub, *f);
    sub->add_option("-o", f->shrink.out, "the smaller scenario")->required();
    sub->add_option("--for", f->time, "the best after this long; default 60s");
    commands.push_back(
        {sub, [f] { return prepare(*f) ? sim::shrink_command(f->shrink) : tools::kBadInput; }});
}

void add_explain(CLI::App& top, std::vector<tools::Command>& commands) {
    CLI::App* sub = top.add_subcommand(
        "explain",
        "Example:  faultline sim explain min.json\n\n"
        "Runs the scenario again without each of its faults and says which are necessary. Exit 0 "
        "told, 1 the scenario does not fail, 2 bad input.");
    auto f = std::make_shared<ShrinkFlags>();
    add_shrink_options(sub, *f);
    commands.push_back(
        {sub, [f] { return prepare(*f) ? sim::explain_command(f->shrink) : tools::kBadInput; }});
}
}  // namespace

void add_sim_search(CLI::App& top, std::vector<tools::Command>& commands) {
    add_sweep(top, commands);
    add_merge(top, commands);
    add_shrink(top, commands);
    add_explain(top, commands);
}
}  // namespace faultline::binary
