// A slow link is slow in the direction that it names.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "sim/run/execute.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

// The longest that a message was under way to the broker, and from it, while the link is slow.
class Watcher final : public Observer {
public:
    void begin(const TraceHead&, World&) override {}
    void on_probe(MonoTime, NodeId, const probe::Event&) override {}
    void on_sim(MonoTime at, const SimEvent& event) override {
        if (at < MonoTime{} + 2s || at > MonoTime{} + 8s) return;
        if (const auto* s = std::get_if<MessageSent>(&event)) {
            sent_[s->message] = {at, s->to == NodeId{1}};
        } else if (const auto* d = std::get_if<MessageDelivered>(&event)) {
            const auto it = sent_.find(d->message);
            if (it == sent_.end()) return;
            Duration& longest = it->second.second ? to_broker : from_broker;
            longest = std::max(longest, at - it->second.first);
        }
    }
    Duration to_broker{}, from_broker{};

private:
    std::map<std::uint64_t, std::pair<MonoTime, bool>> sent_;
};

Watcher watch(const std::string& from, const std::string& to) {
    const std::string text =
        R"({"name": "slow", "length": "9s", "cluster": {"topics": [{"name": "t"}]},
        "workload": [{"id": "p1", "producer": "t", "count": 50, "rate": 10}],
        "faults": [{"do": "slow_link", "at": "2s", "from": ")" +
        from + R"(", "to": ")" + to + R"(", "by": "200ms", "for": "6s"}]})";
    Scenario scenario;
    REQUIRE_FALSE(parse_scenario("slow.json", text, {}, scenario));
    Watcher watcher;
    const auto outcome =
        execute(scenario, {.seed = 1, .trace = "", .story = false, .observer = &watcher});
    REQUIRE(outcome.ok());
    return watcher;
}
}  // namespace

TEST_CASE("slow_link: only what goes from one side to the other takes longer") {
    const Watcher requests = watch("p1", "n1");
    CHECK(requests.to_broker >= 200ms);
    CHECK(requests.from_broker < 10ms);
    const Watcher answers = watch("n1", "p1");
    CHECK(answers.to_broker < 10ms);
    CHECK(answers.from_broker >= 200ms);
}
