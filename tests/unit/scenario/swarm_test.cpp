#include "sim/scenario/swarm.h"

#include <algorithm>
#include <map>
#include <set>

#include "sim/scenario/scenario_json.h"
#include "sim/scenario/swarm_fault.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
Scenario base(const std::string& random) {
    Scenario s;
    const auto error = parse_scenario(
        "x.json",
        R"({"name": "x", "cluster": {"topics": [{"name": "orders", "partitions": 3}]},
        "workload": [{"producer": "orders"}, {"consumer": "orders"}], "random": )" +
            random + "}",
        {}, s);
    INFO((error ? error->text : std::string()));
    REQUIRE_FALSE(error.has_value());
    return s;
}
}  // namespace

TEST_CASE("swarm: every drawn scenario is a legal one, and the same for the same seed", "[swarm]") {
    const Scenario s =
        base(R"({"kinds": ["process", "network", "disk", "clock"], "max_faults": 12})");
    std::map<FaultKind, int> drawn;
    std::set<Trigger::Kind> triggers;
    std::set<std::size_t> sizes;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        const Scenario one = draw_swarm(s, seed);
        REQUIRE(one == draw_swarm(s, seed));
        Scenario back;
        const auto error = parse_scenario("x.json", scenario_to_json(one), {}, back);
        INFO((error ? error->text : std::string()));
        REQUIRE_FALSE(error.has_value());
        REQUIRE(back == one);
        for (const FaultSpec& f : one.faults) {
            ++drawn[f.kind];
            triggers.insert(f.when.kind);
        }
        std::set<FaultKind> kinds;
        for (const FaultSpec& f : one.faults) kinds.insert(f.kind);
        sizes.insert(kinds.size());
    }
    // What operators do is not drawn: it is no fault.
    const auto faults = std::ranges::count_if(
        fault_kinds(), [](const FaultInfo& i) { return i.group != FaultClass::operation; });
    CHECK(std::cmp_equal(drawn.size(), faults));
    CHECK(triggers.size() == 4);
    CHECK(sizes.contains(1));
    CHECK(*sizes.rbegin() > 6);
}

TEST_CASE("swarm: changes of the voters are drawn where the quorum can change", "[swarm]") {
    Scenario s = base(R"({"kinds": ["crash", "add_voter", "remove_voter"], "max_faults": 6})");
    const auto changes = [&] {
        int n = 0;
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
            for (const FaultSpec& f : draw_swarm(s, seed).faults) {
                if (!changes_voters(f.kind)) continue;
                ++n;
                REQUIRE(f.nodes.size() == 1);
                CHECK((f.nodes[0] == "controller" || f.nodes[0].starts_with('c')));
            }
        }
        return n;
    };
    CHECK(changes() == 0);
    s.cluster.brokers = 3;
    s.cluster.controllers = 5;
    s.cluster.voters = 3;
    CHECK(changes() > 50);
}

TEST_CASE("swarm: only what may be drawn is drawn", "[swarm]") {
    const Scenario some =
        base(R"({"kinds": ["crash", "clock"], "except": ["clock_drift"], "min_faults": 3})");
    const Scenario sound = base(R"({"min_faults": 4})");
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const Scenario one = draw_swarm(some, seed);
        CHECK(one.faults.size() >= 3);
        for (const FaultSpec& f : one.faults) {
            const bool may = f.kind == FaultKind::crash || f.kind == FaultKind::clock_jump ||
                             f.kind == FaultKind::clock_freeze;
            REQUIRE(may);
        }
        for (const FaultSpec& f : draw_swarm(sound, seed).faults)
            REQUIRE_FALSE(
                (info(f.kind).breaks_contract || info(f.kind).group == FaultClass::operation));
    }
}

TEST_CASE("swarm: what is always there is never left out", "[swarm]") {
    const Scenario some = base(
        R"({"kinds": ["process", "slow_disk"], "except": ["wipe"], "always": ["power_loss"], "min_faults": 8})");
    int seen = 0, alone = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::set<FaultKind> kinds;
        for (const FaultSpec& f : draw_swarm(some, seed).faults) kinds.insert(f.kind);
        seen += kinds.contains(FaultKind::power_loss) ? 1 : 0;
        alone += kinds.size() == 1 ? 1 : 0;
        CHECK_FALSE(kinds.contains(FaultKind::wipe));
    }
    CHECK(seen > 250);  // eight draws of at most six kinds
    CHECK(alone > 0);
    CHECK(alone < 250);
}

TEST_CASE("swarm: faults are aimed at nodes and events", "[swarm]") {
    const Scenario anywhere = base(R"({"kinds": ["crash", "partition"], "min_faults": 4})");
    const Scenario aimed = base(
        R"j({"kinds": ["crash", "partition"], "min_faults": 4, "to": {"partition": "clients"},
             "nodes": {"crash": "n1", "partition": "leader(orders,1)"}, "events": ["isr.changed"]})j");
    int waits = 0, others = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const Scenario drawn = draw_swarm(aimed, seed);
        Scenario back;
        REQUIRE_FALSE(parse_scenario("x.json", scenario_to_json(drawn), {}, back).has_value());
        const auto& faults = drawn.faults;
        CHECK(faults.size() == draw_swarm(anywhere, seed).faults.size());
        for (const FaultSpec& f : faults) {
            const bool crash = f.kind == FaultKind::crash;
            REQUIRE((crash ? f.nodes : f.from).at(0) == (crash ? "n1" : "leader(orders,1)"));
            REQUIRE((crash || f.to.at(0) == "clients"));
            (f.when.event == "isr.changed" ? waits : others) += 1;
        }
    }
    CHECK(waits > others / 4);
    CHECK(others > waits / 4);
    Scenario bad;
    const auto said = [&](const std::string& random) {
        const auto error =
            parse_scenario("x.json", R"({"name": "x", "random": )" + random + "}", {}, bad);
        return error ? error->text : std::string();
    };
    CHECK(said(R"({"events": ["isr.chnged"]})").find("isr.changed") != std::string::npos);
    CHECK(said(R"({"kinds": "crash", "nodes": {"crash": "n9"}})").find("n9") != std::string::npos);
    CHECK(said(R"({"kinds": "crash", "to": {"clog": "n1"}})").find("/random/to/clog") !=
          std::string::npos);
    CHECK(said(R"({"kinds": "crash", "to": {"crash": "n1"}})").find("no fault between") !=
          std::string::npos);
    CHECK(said(R"({"kinds": "add_voter", "nodes": {"add_voter": "n1"}})").find("own choice") !=
          std::string::npos);
}

TEST_CASE("swarm: a scenario without the section stays as it is", "[swarm]") {
    Scenario s = base("{}");
    s.random = {};
    Scenario drawn = draw_swarm(s, 99);
    CHECK(drawn.seed == 99);
    drawn.seed = s.seed;
    CHECK(drawn == s);
}

TEST_CASE("swarm: each part has a stream of its own", "[swarm]") {
    const Scenario all = base(R"({"min_faults": 2})");
    const Scenario no_knobs = base(R"({"min_faults": 2, "knobs": false, "schedule": false})");
    bool differed = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const Scenario a = draw_swarm(all, seed), b = draw_swarm(no_knobs, seed);
        CHECK(a.faults == b.faults);
        CHECK(a.producers == b.producers);
        differed = differed || a.cluster != b.cluster;
    }
    CHECK(differed);
}

TEST_CASE("swarm: log_uniform stays within its bounds and reaches both ends", "[swarm]") {
    Rng rng(5);
    std::set<std::int64_t> small;
    for (int i = 0; i < 2000; ++i) {
        const auto v = log_uniform(rng, 3, 9);
        REQUIRE(v >= 3);
        REQUIRE(v <= 9);
        small.insert(v);
        const auto big = log_uniform(rng, 0, INT64_MAX);
        REQUIRE(big >= 0);
    }
    CHECK(small.size() == 7);
    CHECK(log_uniform(rng, 4, 4) == 4);
}
