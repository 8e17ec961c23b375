// What a node says that knows no controller: in words that each version has.
#include "gen/wire/elect_leaders_request.h"
#include "gen/wire/elect_leaders_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/ask_everything.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
using wire::KafkaError;

TEST_CASE("elect leaders: version 0 has no error of its own, each partition tells it") {
    Cluster cluster(3);
    cluster.run([&](Env& env) {
        cluster.cut_off(cluster.nodes[0]);
        env.fibers.sleep_until(env.clock.in(20s));
        Client c(env, 9093);
        wire::ElectLeadersRequest q;
        q.topic_partitions.emplace();
        q.topic_partitions->push_back({"t", {0, 1}, {}});
        for (std::int16_t v = 0; v <= 2; ++v) {
            const auto a = c.call<wire::ElectLeadersResponse>(v, q);
            CHECK(a.error_code == (v == 0 ? KafkaError::none : KafkaError::not_controller));
            const auto& results = a.replica_election_results.at(0);
            CHECK(results.topic == "t");
            REQUIRE(results.partition_result.size() == 2);
            for (const auto& r : results.partition_result)
                CHECK(r.error_code == KafkaError::not_controller);
            CHECK(results.partition_result[1].partition_id == 1);
        }
    });
}

TEST_CASE("respond: whatever is asked of one that knows no controller can be answered") {
    for (const bool as_controller : {false, true}) {
        Cluster cluster(7);
        Unwritten unwritten;
        cluster.recorder.add_listener(unwritten);
        cluster.run([&](Env& env) {
            Client(env).call<wire::MetadataResponse>(12, wire::MetadataRequest{});  // it has begun
            cluster.cut_off(cluster.nodes[0]);
            env.fibers.sleep_until(env.clock.in(20s));
            ask_everything(env, as_controller, 6, as_controller ? 3 : 1);
        });
        CHECK(cluster.world.running(cluster.nodes[0]));
        CHECK(unwritten.count == 0);
    }
}
}  // namespace faultline::broker::test
