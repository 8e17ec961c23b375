// What the active controller tells of the metadata log, for those who judge a run.
#include <set>

#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
namespace {
struct Told final : sim::Listener {
    void on_probe(MonoTime, NodeId node, const probe::Event& event) override {
        if (std::holds_alternative<probe::ControllerActive>(event)) active.insert(node);
        if (const auto* r = std::get_if<probe::RegistrationCommitted>(&event)) {
            registered.insert(r->broker);
            later(node, r->at);
            CHECK(r->epoch == r->at.v);  // a broker epoch is the offset of its record
        } else if (const auto* c = std::get_if<probe::IsrCommitted>(&event)) {
            isrs.push_back(*c);
            later(node, c->at);
        }
    }
    void later(NodeId node, Offset at) {
        CHECK(active.contains(node));
        CHECK(at > newest);
        newest = at;
    }
    std::set<NodeId> active, registered;
    std::vector<probe::IsrCommitted> isrs;
    Offset newest{-1};
};
}  // namespace

TEST_CASE("committed ISRs and registrations are told once, by the active controller") {
    Cluster c(7);
    Told told;
    c.recorder.add_listener(told);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        const auto made = admin.create_topic({"t", 1, 3, {}}, env.clock.in(120s));
        REQUIRE(made.ok());
        const auto leader = admin.cluster().leader("t", 0, env.clock.in(60s));
        REQUIRE(leader.ok());
        const std::int32_t first = admin.cluster().view().partition("t", 0)->leader;
        // Another than the controller's node, so that one controller tells of all.
        CHECK(told.active.size() == 1);
        const std::int32_t follower = first % 3 + 1;
        const bool controls =
            told.active.contains(c.nodes.at(static_cast<std::size_t>(follower - 1)));
        const std::int32_t gone = controls ? follower % 3 + 1 : follower;
        c.cut_off(c.nodes.at(static_cast<std::size_t>(gone - 1)));
        env.fibers.sleep_until(env.clock.in(60s));
        admin.close();
        CHECK(told.registered == std::set{NodeId{1}, NodeId{2}, NodeId{3}});
        REQUIRE(!told.isrs.empty());
        CHECK(told.isrs.back().members == (0b1110U & ~(1U << gone)));
        CHECK(told.isrs.back().partition == c.recorder.intern("t", PartitionIndex{0}));
    });
}
}  // namespace faultline::broker::test
