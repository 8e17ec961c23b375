#include "sim/run/hashes.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "sim/run/execute.h"
#include "sim/run/load.h"
#include "sim/run/replay.h"
#include "sim/scenario/swarm.h"

namespace faultline::sim {
namespace {

constexpr int kBadInput = 2;

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
}  // namespace

int hash_command(const HashOptions& options) {
    apply_perturbation();
    struct Job {
        std::string file;
        Scenario scenario;
        std::uint64_t seed;
    };
    std::vector<Job> jobs;
    for (const std::string& file : scenario_files(options.files)) {
        Scenario scenario;
        if (const auto line = load_scenario(file, {}, scenario)) {
            print(stderr, *line + "\n");
            return kBadInput;
        }
        const std::uint64_t from = options.from.value_or(scenario.seed);
        const std::uint64_t to = std::max(from, options.to.value_or(from));
        for (std::uint64_t seed = from; seed <= to; ++seed) jobs.push_back({file, scenario, seed});
    }
    if (options.reverse) std::ranges::reverse(jobs);
    for (const Job& job : jobs) {
        const Scenario drawn = draw_swarm(job.scenario, job.seed);
        const auto ran = execute(drawn, {.seed = job.seed, .trace = "", .story = false});
        if (!ran.ok()) return kBadInput;  // only a trace file makes it fail
        print(stdout, fmt::format("{} seed={} {} events={}\n", job.file, job.seed, ran->hash_line(),
                                  ran->events));
        std::fflush(stdout);
    }
    return 0;
}
}  // namespace faultline::sim
