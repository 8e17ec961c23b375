// A node that is told to stop says good-bye to the quorum: nobody has to wait for a time-out.
#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
namespace {
struct Reigns final : sim::Listener {
    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (std::holds_alternative<probe::ControllerActive>(event)) began.emplace_back(node, at);
    }
    std::vector<std::pair<NodeId, MonoTime>> began;
};
}  // namespace

TEST_CASE("the active controller that is told to stop has a successor at once") {
    for (const std::uint64_t seed : {3U, 4U, 5U, 6U, 7U}) {
        Cluster c(seed);
        Reigns reigns;
        c.recorder.add_listener(reigns);
        c.run([&](Env& env) {
            client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
            REQUIRE(admin.create_topic({"t", 1, 3, {}}, env.clock.in(120s)).ok());
            env.fibers.sleep_until(env.clock.in(6s));
            REQUIRE(reigns.began.size() == 1);
            const NodeId first = reigns.began[0].first;
            const MonoTime told = env.clock.now() + 1ms;
            c.world.at(told, [&c, first] { c.world.stop(first); });
            env.fibers.sleep_until(env.clock.in(10s));
            REQUIRE(reigns.began.size() == 2);
            CHECK(reigns.began[1].first != first);
            // The brokers' leases are of less than two seconds, and this is for all of it: the
            // leaders that move, the clients that are sent away, the election.
            CHECK(reigns.began[1].second - told < 300ms);
            admin.close();
        });
    }
}

// librdkafka that has this connection alone knows nobody to ask who leads when it ends.
TEST_CASE("a leader that is told to stop ends connections twice, and serves who comes back") {
    Cluster c(5, {}, 2);  // shards
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        REQUIRE(admin.create_topic({"t", 1, 3, {}}, env.clock.in(120s)).ok());
        auto leader = admin.cluster().leader("t", 0, env.clock.in(60s));
        REQUIRE(leader.ok());
        const std::int32_t first = admin.cluster().view().partition("t", 0)->leader;
        env.fibers.sleep_until(env.clock.in(6s));
        const Endpoint at{"n" + std::to_string(first), 9092};
        const auto connect = [&](client::Leader& to) -> Result<void> {
            FL_TRY(auto stream, env.net.connect(at, env.clock.in(5s), {}));
            to.conn = std::make_shared<rpc::ClientConn>(env.fibers, std::move(stream),
                                                        rpc::ClientConnOptions{});
            return to.conn->start(env.clock.in(5s));
        };
        const auto wait_for_end = [&](const client::Leader& of) {
            const MonoTime limit = env.clock.now() + 5s;
            while (of.conn->usable() && env.clock.now() < limit)
                env.fibers.sleep_until(env.clock.in(1ms));
            CHECK_FALSE(of.conn->usable());
        };
        client::Leader one = *leader, again = *leader, third = *leader;
        REQUIRE(connect(one).ok());
        CHECK(produce(env, one, 7, 0) == wire::KafkaError::none);
        c.world.at(env.clock.now() + 1ms,
                   [&] { c.world.stop(c.nodes.at(static_cast<std::size_t>(first - 1))); });
        wait_for_end(one);
        const MonoTime ended = env.clock.now();
        REQUIRE(connect(again).ok());
        CHECK(env.clock.now() - ended >= 10ms);  // whoever knows another broker has asked it
        CHECK(produce(env, again, 7, 1) == wire::KafkaError::none);  // by the next leader
        wait_for_end(again);
        CHECK(env.clock.now() - ended < 200ms);
        CHECK_FALSE(connect(third).ok());
        for (const auto& each : {one, again, third}) each.conn->close();
        admin.close();
    });
}
}  // namespace faultline::broker::test
