// What a producer with several requests in flight meets when its leader is cut off: some of them
// went there, and the next leader sees the rest first.
#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
using wire::KafkaError;

TEST_CASE("new reign: the next leader waits a moment for what went to the one before") {
    Cluster c(11);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        REQUIRE(admin.create_topic({"t", 1, 3, {}}, env.clock.in(120s)).ok());
        auto old = admin.cluster().leader("t", 0, env.clock.in(60s));
        REQUIRE(old.ok());
        env.fibers.sleep_until(env.clock.in(6s));
        CHECK(produce(env, *old, 7, 0) == KafkaError::none);
        const std::int32_t first = admin.cluster().view().partition("t", 0)->leader;
        const std::string other = "n" + std::to_string(first % 3 + 1);
        client::Admin elsewhere(env, Cluster::client({other}));
        REQUIRE(elsewhere.cluster().leader("t", 0, env.clock.in(60s)).ok());

        c.cut_off(c.nodes.at(static_cast<std::size_t>(first - 1)));
        env.fibers.sleep_until(env.clock.in(10ms));
        // This one waits for followers. Who leads instead is known long before its time is over.
        const MonoTime sent = env.clock.now();
        std::optional<KafkaError> told;
        MonoTime told_at{};
        fiber::Group asking(env.fibers);
        asking.spawn({.name = "ask"}, [&](fiber::StopToken) {
            told = produce(env, *old, 7, 1);
            told_at = env.clock.now();
        });
        Result<client::Leader> next = *old;
        while (env.clock.now() < sent + 60s) {
            REQUIRE(elsewhere.cluster().refresh("t", env.clock.in(30s)).ok());
            const auto* p = elsewhere.cluster().view().partition("t", 0);
            if (p != nullptr && p->leader > 0 && p->leader != first) break;
            env.fibers.sleep_until(env.clock.in(50ms));
        }
        next = elsewhere.cluster().leader("t", 0, env.clock.in(30s));
        REQUIRE(next.ok());
        CHECK(produce(env, *next, 7, 2) == KafkaError::not_enough_replicas);
        CHECK(produce(env, *next, 8, 3) == KafkaError::not_enough_replicas);
        CHECK(c.recorder.reached_count(probe::Site::earlier_batch_awaited) == 2);
        CHECK(produce(env, *next, 7, 1) == KafkaError::none);
        CHECK(produce(env, *next, 7, 2) == KafkaError::none);
        env.fibers.sleep_until(env.clock.in(6s));
        CHECK(produce(env, *next, 7, 9) == KafkaError::out_of_order_sequence_number);
        CHECK(produce(env, *next, 8, 3) == KafkaError::none);  // as in Kafka
        CHECK(told == KafkaError::not_leader_or_follower);
        CHECK(told_at - sent < 10s);
        admin.close();
        elsewhere.close();
    });
}
}  // namespace faultline::broker::test
