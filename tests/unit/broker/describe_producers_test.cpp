#include "gen/wire/describe_producers_request.h"
#include "gen/wire/describe_producers_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
using Partition = wire::DescribeProducersResponse::PartitionResponse;

Partition describe(Client& c, const std::string& topic, std::int32_t partition) {
    wire::DescribeProducersRequest request;
    request.topics.push_back({topic, {partition}, {}});
    const auto answer = c.call<wire::DescribeProducersResponse>(0, request);
    CHECK(answer.topics.at(0).name == topic);
    CHECK(answer.topics[0].partitions.at(0).partition_index == partition);
    return answer.topics[0].partitions[0];
}
}  // namespace

TEST_CASE("describe producers: the newest batch of each, also after a restart") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 2);
        produce(c, "t", 0, batch(env, {"plain"}));
        CHECK(describe(c, "t", 0).active_producers.empty());
        produce(c, "t", 0, batch(env, {"a", "b"}, 5, 0, 1'000));
        produce(c, "t", 0, batch(env, {"c"}, 5, 2, 2'000));
        produce(c, "t", 0, batch(env, {"x"}, 4, 7, 3'000));
    });
    for (int restarted = 0; restarted < 2; ++restarted) {
        b.run([](Env& env) {
            Client c(env);
            const auto p = describe(c, "t", 0);
            CHECK(p.error_code == KafkaError::none);
            CHECK(!p.error_message);
            REQUIRE(p.active_producers.size() == 2);
            CHECK(p.active_producers[0].producer_id == 4);
            CHECK(p.active_producers[0].last_sequence == 7);
            CHECK(p.active_producers[1].producer_id == 5);
            CHECK(p.active_producers[1].producer_epoch == 0);
            CHECK(p.active_producers[1].last_sequence == 2);
            CHECK(p.active_producers[1].last_timestamp == 2'000);
            CHECK(p.active_producers[1].coordinator_epoch == -1);
            CHECK(p.active_producers[1].current_txn_start_offset == -1);
            CHECK(describe(c, "t", 1).active_producers.empty());
        });
        if (restarted == 0) {
            b.stop();
            b.world.start(b.server);
        }
    }
}

TEST_CASE("describe producers: names that are wrong, and partitions that are not there") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        for (const std::int32_t index : {1, -1}) {
            CHECK(describe(c, "t", index).error_code == KafkaError::unknown_topic_or_partition);
            CHECK(!describe(c, "t", index).error_message);
        }
        const auto none = describe(c, "none", 0);
        CHECK(none.error_code == KafkaError::unknown_topic_or_partition);
        CHECK(*none.error_message == "This server does not host this topic-partition.");
        CHECK(describe(c, "a b", 0).error_code == KafkaError::invalid_topic_exception);
        CHECK(*describe(c, "", 0).error_message ==
              "Topic name is invalid: the empty string is not allowed");
    });
}
}  // namespace faultline::broker::test
