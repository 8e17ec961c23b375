#include "tests/zoo/hunt.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/random.h"
#include "sim/run/load.h"
#include "sim/scenario/swarm.h"
#include "sim/search/pool.h"

namespace faultline::zoo {

int hunt(const HuntOptions& o) {
    std::vector<sim::Scenario> profiles;
    for (const std::string& file : o.profiles) {
        sim::Scenario scenario;
        if (const auto line = sim::load_scenario(file, {}, scenario)) {
            fmt::print(stderr, "{}\n", *line);
            return 2;
        }
        profiles.push_back(std::move(scenario));
    }
    if (profiles.empty()) return 2;
    sim::Limits limits;
    limits.cpu_seconds = 30;
    const auto budget = static_cast<std::int64_t>(o.budget_s * 1e9);
    const Rng master = Rng(o.campaign).fork("zoo");
    nlohmann::ordered_json told{{"campaign", o.campaign}, {"found", false}};
    std::int64_t cpu_ns = 0;
    std::uint64_t n = o.first;
    while (cpu_ns < budget) {
        Rng rng = master.fork(n++);
        const std::size_t which = rng.below(profiles.size());
        const std::uint64_t seed = rng.below(1'000'000'000) + 1;
        const sim::RunResult r = sim::run_isolated(sim::draw_swarm(profiles[which], seed), limits);
        cpu_ns += r.cpu_ns;
        if (!r.failed()) continue;
        told["found"] = true;
        told["profile"] = o.profiles[which];
        told["seed"] = seed;
        told["invariant"] = r.invariant;
        told["name"] = r.name;
        told["sentence"] = r.sentence;
        break;
    }
    told["runs"] = n;  // the next one to run is this
    told["cpu_s"] = static_cast<double>(cpu_ns) / 1e9;
    fmt::print("{}\n", told.dump());
    return told["found"].get<bool>() ? 0 : 1;
}
}  // namespace faultline::zoo
