// Faults that overlap do not undo each other, and what they do is counted where it is done.
#include <algorithm>
#include <string>
#include <vector>

#include "sim/run/execute.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

constexpr NodeId kBroker{1};

// When the broker started, ended, was stopped and went on, in tenths of a second: "+3 -50 |60 >80".
class Watcher final : public Observer {
public:
    void begin(const TraceHead&, World& world) override { world_ = &world; }
    void on_probe(MonoTime, NodeId, const probe::Event&) override {}
    void on_sim(MonoTime at, const SimEvent& event) override {
        if (at > MonoTime{} + 14s) return;  // the faults are over
        if (const auto* s = std::get_if<NodeStarted>(&event)) note(at, s->node, '+');
        if (const auto* s = std::get_if<NodeStopped>(&event)) note(at, s->node, '-');
        if (const auto* c = std::get_if<NodeCrashed>(&event)) note(at, c->node, '-');
        if (const auto* p = std::get_if<NodePaused>(&event))
            note(at, p->node, p->paused ? '|' : '>');
    }
    std::string told;

private:
    void note(MonoTime at, NodeId node, char what) {
        if (node != kBroker) return;
        const std::string text = what + std::to_string((at - MonoTime{}) / 100ms);
        told += (told.empty() ? "" : " ") + text;
    }
    World* world_ = nullptr;
};

struct Ran {
    std::string told;
    Outcome outcome;
    std::uint64_t effects(std::string_view id) const {
        return std::ranges::find(outcome.faults, id, &FaultReport::id)->effects;
    }
};

// With these members of the fault list.
Ran run(const std::string& faults, const std::string& more = "") {
    const std::string text =
        R"({"name": "overlap", "length": "14s", "cluster": {"topics": [{"name": "t"}])" + more +
        R"(}, "workload": [{"producer": "t", "count": 100, "rate": 10}, {"consumer": "t"}],
        "expect": {"vacuous": "*"}, "faults": [)" +
        faults + "]}";
    Scenario scenario;
    const auto error = parse_scenario("overlap.json", text, {}, scenario);
    INFO((error ? error->text : ""));
    REQUIRE_FALSE(error);
    Watcher watcher;
    auto outcome =
        execute(scenario, {.seed = 1, .trace = "", .story = false, .observer = &watcher});
    REQUIRE(outcome.ok());
    return {watcher.told, std::move(*outcome)};
}
}  // namespace

TEST_CASE("overlap: a node is started when the last fault that holds it down has ended") {
    const Ran ran = run(R"(
        {"id": "long", "do": "power_loss", "at": "2s", "restart_after": "6s"},
        {"id": "short", "do": "crash", "at": "3s", "restart_after": "1s"},
        {"id": "again", "do": "restart", "at": "5s"},
        {"id": "error", "do": "sync_error", "at": "5s", "restart_after": "1s"})");
    CHECK(ran.told == "+0 -20 +80");
    CHECK(ran.effects("long") > 0);
    CHECK(ran.effects("short") == 0);
    const Ran over = run(R"(
        {"id": "first", "do": "crash", "at": "2s", "restart_after": "2s"},
        {"id": "second", "do": "crash", "at": "3s", "restart_after": "3s"})");
    CHECK(over.told == "+0 -20 +60");
    CHECK(over.effects("second") == 1);  // from 4 s on it is its doing
}

TEST_CASE("overlap: a second pause does not cut the first short") {
    const Ran inside = run(R"(
        {"id": "long", "do": "pause", "at": "2s", "for": "6s"},
        {"id": "short", "do": "pause", "at": "3s", "for": "1s"})");
    CHECK(inside.told == "+0 |20 >80");
    CHECK(inside.effects("short") == 0);
    const Ran over = run(R"(
        {"id": "first", "do": "pause", "at": "2s", "for": "2s"},
        {"id": "second", "do": "pause", "at": "3s", "for": "3s"})");
    CHECK(over.told == "+0 |20 >60");
    CHECK(over.effects("second") == 1);
    // A process that is killed is not stopped any more, nor is the next one.
    const Ran killed = run(R"(
        {"id": "long", "do": "pause", "at": "2s", "for": "8s"},
        {"id": "kill", "do": "crash", "at": "3s", "restart_after": "1s"},
        {"id": "new", "do": "pause", "at": "5s", "for": "1s"})");
    CHECK(killed.told == "+0 |20 -30 +40 |50 >60");
}

TEST_CASE("overlap: a restart leaves alone whom another fault started in the meantime") {
    // The broker stands still and cannot stop; it is killed and started before that is noticed.
    const Ran ran = run(R"(
        {"id": "still", "do": "pause", "at": "1s", "for": "12s"},
        {"id": "ask", "do": "restart", "at": "2s"},
        {"id": "kill", "do": "crash", "at": "3s", "restart_after": "1s"})");
    CHECK(ran.told == "+0 |10 -30 +40");
}

TEST_CASE("overlap: what drifts or stands goes on until the last fault has ended") {
    // What the broker's wall clock has gained after 13 s.
    const auto gained = [](const std::string& faults, const std::string& more = "") {
        struct Clock final : Observer {
            void begin(const TraceHead&, World& world) override {
                world.at(MonoTime{} + 13s, [this, &world] { wall = world.wall(kBroker).ms; });
            }
            void on_probe(MonoTime, NodeId, const probe::Event&) override {}
            void on_sim(MonoTime, const SimEvent&) override {}
            std::int64_t wall = 0;
        };
        const std::string text =
            R"({"name": "clocks", "length": "14s", "cluster": {"topics": [{"name": "t"}])" + more +
            R"(}, "workload": [{"producer": "t", "count": 5}], "faults": [)" + faults + "]}";
        Scenario scenario;
        const auto error = parse_scenario("clocks.json", text, {}, scenario);
        INFO((error ? error->text : ""));
        REQUIRE_FALSE(error);
        Clock clock;
        REQUIRE(
            execute(scenario, {.seed = 1, .trace = "", .story = false, .observer = &clock}).ok());
        // In hundredths of a second: the clock's milliseconds are rounded.
        return (clock.wall - World::kEpochMs - 13'000 + 100'005) / 10 - 10'000;
    };
    CHECK(gained(R"(
        {"id": "long", "do": "clock_drift", "at": "2s", "ppm": 100000, "for": "8s"},
        {"id": "short", "do": "clock_drift", "at": "4s", "ppm": -100000, "for": "2s"})") ==
          20 - 20 + 40);
    // Its own drift is there again when a fault's ends.
    CHECK(gained(R"({"id": "d", "do": "clock_drift", "at": "2s", "ppm": 100000, "for": "1s"})",
                 R"(, "nodes": [{"name": "n1", "clock_drift_ppm": 10000}])") == 12 + 10);
    CHECK(gained(R"(
        {"id": "long", "do": "clock_freeze", "at": "2s", "for": "20s"},
        {"id": "short", "do": "clock_freeze", "at": "4s", "for": "1s"})") == -1100);
}

TEST_CASE("overlap: a disk that is emptied while its node is down lost what it held") {
    const Ran ran = run(R"(
        {"id": "kill", "do": "crash", "at": "5s", "restart_after": "2s"},
        {"id": "wipe", "do": "wipe", "at": "6s", "restart_after": "500ms"})");
    CHECK(ran.effects("wipe") > 0);
    // What was acknowledged is gone, but that is beyond what the contract covers.
    CHECK((!ran.outcome.finding || ran.outcome.finding->invariant == kProgress));
}
