#include "sim/run/hashes.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

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

// Files as they are, directories as the scenarios in them, sorted.
std::vector<std::string> scenario_files(const std::vector<std::string>& names) {
    std::vector<std::string> all;
    for (const std::string& name : names) {
        std::error_code error;
        if (!std::filesystem::is_directory(name, error)) {
            all.push_back(name);
            continue;
        }
        std::vector<std::string> inside;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(name, error)) {
            const std::string path = entry.path().string();
            if (path.ends_with(".json") && !path.ends_with(".schema.json")) inside.push_back(path);
        }
        std::ranges::sort(inside);
        all.insert(all.end(), inside.begin(), inside.end());
    }
    return all;
}
struct Job {
    std::string file;
    Scenario scenario;
    std::uint64_t seed;
};

// One line on stderr when a scenario is not good.
std::optional<std::vector<Job>> jobs_of(const HashOptions& options) {
    std::vector<Job> jobs;
    for (const std::string& file : scenario_files(options.files)) {
        Scenario scenario;
        if (const auto line = load_scenario(file, {}, scenario)) {
            print(stderr, *line + "\n");
            return std::nullopt;
        }
        const std::uint64_t from = options.from.value_or(scenario.seed);
        const std::uint64_t to = std::max(from, options.to.value_or(from));
        for (std::uint64_t seed = from; seed <= to; ++seed) jobs.push_back({file, scenario, seed});
    }
    if (options.reverse) std::ranges::reverse(jobs);
    return jobs;
}

std::vector<std::string> child_arguments(const HashOptions& options) {
    std::vector<std::string> words = {"faultline", "sim", "hash"};
    for (const std::string& file : options.files)
        words.push_back(std::filesystem::absolute(file).string());
    if (options.from) {
        words.push_back("--seeds");
        words.push_back(fmt::format("{}..{}", *options.from, options.to.value_or(*options.from)));
    }
    if (options.reverse) words.push_back("--reverse");
    return words;
}

// What a line says beside the name of its file.
std::string_view values_of(std::string_view line) {
    const auto at = line.find(" seed=");
    return at == std::string_view::npos ? line : line.substr(at);
}

// The same runs in a process in which everything is changed; false when one differs from `lines`.
bool same_in(const Perturbation& perturbation, Child& child, const std::vector<Job>& jobs,
             const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const auto theirs = child.line();
        if (theirs && values_of(*theirs) == values_of(lines[i])) continue;
        print(stderr, fmt::format("not deterministic: this process got {}\n  another one ({}){}\n",
                                  lines[i], to_string(perturbation),
                                  theirs ? " got" + std::string(values_of(*theirs))
                                         : ": " + child.failure().value_or("ended before")));
        const std::vector<std::string> words = {"faultline",
                                                "sim",
                                                "run",
                                                std::filesystem::absolute(jobs[i].file).string(),
                                                "--seed",
                                                std::to_string(jobs[i].seed),
                                                "--last-line-only"};
        const auto where = first_differing_event(words, {kNoAspect, 0, true}, perturbation);
        print(stderr,
              where.value_or("alone, this run does not differ: what ran before it counts\n"));
        return false;
    }
    return true;
}
}  // namespace

int hash_command(const HashOptions& options) {
    apply_perturbation();
    const auto jobs = jobs_of(options);
    if (!jobs) return kBadInput;
    std::vector<Perturbation> perturbations;
    std::vector<std::unique_ptr<Child>> children;
    for (int variant = 0; options.check && variant < kVariants; ++variant) {
        perturbations.push_back({kAllAspects, variant});
        children.push_back(std::make_unique<Child>(child_arguments(options), perturbations.back()));
    }
    std::vector<std::string> lines;
    for (const Job& job : *jobs) {
        const Scenario drawn = draw_swarm(job.scenario, job.seed);
        const auto ran = execute(drawn, {.seed = job.seed, .trace = "", .story = false});
        if (!ran.ok()) return kBadInput;  // only a trace file makes it fail
        lines.push_back(fmt::format("{} seed={} {} events={}", job.file, job.seed, ran->hash_line(),
                                    ran->events));
        print(stdout, lines.back() + "\n");
        std::fflush(stdout);
    }
    int code = 0;
    for (std::size_t i = 0; i < children.size(); ++i) {
        if (!same_in(perturbations[i], *children[i], *jobs, lines)) code = kNotDeterministic;
    }
    return code;
}
}  // namespace faultline::sim
