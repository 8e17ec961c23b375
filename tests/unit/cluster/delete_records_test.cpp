// DeleteRecords in a cluster: it waits for followers, but holds up nobody.
#include "gen/wire/delete_records_request.h"
#include "gen/wire/delete_records_response.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {

TEST_CASE("delete records: who waits for a follower does not hold up the stop of a leader") {
    // On other shards than the connection's too, for a follower that counts as alive all the while.
    Cluster c(
        1, [](BrokerConfig& config) { config.session_ms = 600'000; }, 3);
    NodeId leader{0};
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        REQUIRE(admin.create_topic({"t", 6, 3, {}}, env.clock.in(120s)).ok());
        const auto first = admin.cluster().leader("t", 0, env.clock.in(60s));
        REQUIRE(first.ok());
        std::vector<std::int32_t> led;
        for (std::int32_t p = 0; p < 6; ++p) {
            const auto l = admin.cluster().leader("t", p, env.clock.in(60s));
            REQUIRE(l.ok());
            wire::ProduceRequest write;
            write.acks = -1;
            write.timeout_ms = 30'000;
            auto& topic = write.topic_data.emplace_back();
            topic.name = "t";
            auto& part = topic.partition_data.emplace_back();
            part.index = p;
            part.records = batch(env, {"v"});
            topic.topic_id = l->topic_id;
            REQUIRE(l->conn->call<wire::ProduceResponse>(write, env.clock.in(30s)).ok());
            if (l->conn == first->conn) led.push_back(p);
        }
        REQUIRE(led.size() >= 2);
        const auto* known = admin.cluster().view().partition("t", 0);
        REQUIRE(known != nullptr);
        leader = NodeId{known->leader};
        // Nobody can take over: else the wait ends when another leads.
        for (const NodeId node : c.nodes) {
            if (node == leader) continue;
            c.world.at(c.world.now(), [&c, node] { c.world.pause(node, false); });
        }
        env.fibers.sleep_until(env.clock.in(10ms));
        wire::DeleteRecordsRequest q;
        q.timeout_ms = INT32_MAX;
        auto& topic = q.topics.emplace_back();
        topic.name = "t";
        for (const std::int32_t p : led) topic.partitions.push_back({p, 1, {}});
        fiber::Group asking(env.fibers);
        asking.spawn({.name = "ask"}, [&](fiber::StopToken stop) {
            (void)first->conn->call<wire::DeleteRecordsResponse>(q, env.clock.in(3600s), stop);
        });
        env.fibers.sleep_until(env.clock.in(300ms));
        CHECK(c.recorder.reached_count(probe::Site::delete_waits_for_followers) > 0);
        c.world.at(c.world.now(), [&] { c.world.stop(leader); });
        const MonoTime asked = env.clock.now();
        while (c.world.running(leader) && env.clock.now() < asked + 500s)
            env.fibers.sleep_until(env.clock.in(100ms));
        CHECK(env.clock.now() - asked < 60s);
        asking.request_stop();
        asking.join();
        admin.close();
    });
    for (const NodeId node : c.nodes) c.world.crash(node);
}
}  // namespace faultline::broker::test
