// What a client asks of the controller at once is bounded: all of it becomes one batch of the
// metadata log, which every replica has to receive.
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
const std::string kTooLarge = "Unable to perform excessively large batch operation.";
}

// As Kafka 4.3.1, which counts the record of the topic too.
TEST_CASE("large requests: more than 10,000 records are refused, and the next request is served") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        wire::CreateTopicsRequest q;
        auto& topic = q.topics.emplace_back();
        topic.name = "t";
        topic.num_partitions = 10'000;
        topic.replication_factor = 1;
        for (std::int16_t v = 2; v <= 7; ++v) {
            const auto a = c.call<wire::CreateTopicsResponse>(v, q);
            CHECK(a.topics.at(0).name == "t");
            CHECK(a.topics[0].error_code == KafkaError::policy_violation);
            CHECK(a.topics[0].error_message == kTooLarge);
        }
        create(c, "t", 3);
    });
}

TEST_CASE("large requests: names that make topics by themselves are bounded like others") {
    Bench b([](BrokerConfig& c) { c.num_partitions = 101; });
    b.run([](Env& env) {
        Client c(env);
        wire::MetadataRequest q;
        q.topics.emplace();
        q.allow_auto_topic_creation = true;
        for (int i = 0; i < 100; ++i) q.topics->emplace_back().name = "t" + std::to_string(i);
        const auto a = c.call<wire::MetadataResponse>(9, q);
        REQUIRE(a.topics.size() == 100);
        for (const auto& t : a.topics) CHECK(t.error_code != KafkaError::none);
        CHECK(c.call<wire::MetadataResponse>(9, all_topics()).topics.empty());
    });
}

TEST_CASE("large requests: more than 8 MiB of records are refused") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const auto subscriptions = [&](int count) {
            wire::IncrementalAlterConfigsRequest q;
            for (int i = 0; i < count; ++i) {
                auto& r = q.resources.emplace_back();
                r.resource_type = 16;
                r.resource_name = "m" + std::to_string(i);
                r.configs.push_back({"metrics", 0, std::string(32'000, 'x'), {}});
            }
            return c.call<wire::IncrementalAlterConfigsResponse>(1, q);
        };
        const auto refused = subscriptions(300);
        REQUIRE(refused.responses.size() == 300);
        for (const auto& r : refused.responses) {
            CHECK(r.error_code == KafkaError::policy_violation);
            CHECK(r.error_message == kTooLarge);
        }
        CHECK(refused.responses.back().resource_name == "m299");
        CHECK(subscriptions(2).responses.at(1).error_code == KafkaError::none);
    });
}
}  // namespace faultline::broker::test
