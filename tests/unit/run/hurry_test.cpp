// Followers that consumers read are told a higher high watermark at once (KIP-392): once, and not
// again and again.
#include "sim/run/execute.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
// Fetch requests between the three brokers while nothing is written.
class Counter final : public Observer {
public:
    void begin(const TraceHead&, World&) override {}
    void on_probe(MonoTime, NodeId, const probe::Event&) override {}
    void on_sim(MonoTime at, const SimEvent& event) override {
        constexpr std::int16_t kFetch = 1;
        if (at < MonoTime{} + 7s || at > MonoTime{} + 10s) return;
        const auto* s = std::get_if<MessageSent>(&event);
        if (s == nullptr || s->response || s->api_key != kFetch) return;
        if (s->from.v <= 3 && s->to.v <= 3) ++fetches;
    }
    int fetches = 0;
};

struct Told {
    int fetches = 0;
    Outcome outcome;
};

Told run(const std::string& config, const std::string& topic, const std::string& faults) {
    const std::string text = R"({"name": "hurry", "length": "11s", "cluster": {"brokers": 3,
        "config": {"replica.selector.class":
            "org.apache.kafka.common.replica.RackAwareReplicaSelector")" +
                             config + R"(},
        "topics": [{"name": "t", "replicas": 3, "config": {"min.insync.replicas": "2")" +
                             topic + R"(}}]},
        "workload": [{"producer": "t", "count": 200, "rate": 50, "size": 5000}],
        "faults": [)" + faults +
                             R"(]})";
    Scenario scenario;
    const auto error = parse_scenario("hurry.json", text, {}, scenario);
    INFO((error ? error->text : std::string()));
    REQUIRE_FALSE(error.has_value());
    Counter counter;
    const auto outcome =
        execute(scenario, {.seed = 1, .trace = "", .story = false, .observer = &counter});
    REQUIRE(outcome.ok());
    return {counter.fetches, *outcome};
}

// Every one of six followings asks twice a second, in each of two shards.
constexpr int kCalm = 3 * 2 * 6 * 2;
}  // namespace

TEST_CASE("hurry: a follower in a session that knows all is not answered at once") {
    const auto told = run("", "", "");
    CHECK_FALSE(told.outcome.finding.has_value());
    CHECK(told.fetches > 0);
    CHECK(told.fetches <= kCalm);
}

TEST_CASE("hurry: a follower that is held back by its rate is not answered at once") {
    const auto told = run(R"(, "leader.replication.throttled.rate": "2000",
            "replica.lag.time.max.ms": "1000")",
                          R"(, "leader.replication.throttled.replicas": "*")",
                          R"x({"do": "crash", "at": "1500ms", "node": "follower(t,0,0)",
            "restart_after": "3s"})x");
    // It never catches up: INV-148 says so in the end, and rightly.
    CHECK(told.outcome.sites.at("leader_throttles_follower") > 0);
    CHECK(told.fetches > 0);
    CHECK(told.fetches <= kCalm);
}
