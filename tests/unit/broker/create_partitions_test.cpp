#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
KafkaError grow(Client& c, const std::string& topic, std::int32_t count, std::int16_t version = 3,
                bool validate_only = false, std::int32_t timeout_ms = 30'000) {
    wire::CreatePartitionsRequest request;
    auto& t = request.topics.emplace_back();
    t.name = topic;
    t.count = count;
    t.assignments.reset();
    request.timeout_ms = timeout_ms;
    request.validate_only = validate_only;
    const auto answer = c.call<wire::CreatePartitionsResponse>(version, request);
    CHECK(answer.results.at(0).name == topic);
    return answer.results.at(0).error_code;
}
}  // namespace

TEST_CASE("create partitions: a topic grows at every version, and is so after a restart") {
    for (const bool crash : {false, true}) {
        Bench b({}, 2);
        b.run([](Env& env) {
            Client c(env);
            create(c, "t", 1);
            produce(c, "t", 0, batch(env, {"old"}));
            CHECK(grow(c, "t", 2, 3, true) == KafkaError::none);
            CHECK(produce(c, "t", 1, batch(env, {"x"})).error_code ==
                  KafkaError::unknown_topic_or_partition);
            for (std::int16_t v = 0; v <= 3; ++v) CHECK(grow(c, "t", 2 + v, v) == KafkaError::none);
            CHECK(grow(c, "t", 5) == KafkaError::invalid_partitions);
            CHECK(grow(c, "none", 5) == KafkaError::unknown_topic_or_partition);
            CHECK(grow(c, "t", 6, 3, false, 0) == KafkaError::request_timed_out);
            CHECK(grow(c, "t", 6, 3, true, -1) == KafkaError::request_timed_out);
            for (std::int32_t p = 1; p < 5; ++p)
                CHECK(produce(c, "t", p, batch(env, {"new"})).error_code == KafkaError::none);
            CHECK(fetch(c, "t", 5, 0).error_code == KafkaError::unknown_topic_or_partition);
        });
        if (crash) {
            b.world.lose_power(b.server, {});
        } else {
            b.stop();
        }
        b.world.start(b.server);
        b.run([](Env& env) {
            Client c(env);
            CHECK(values_of(fetch(c, "t", 0, 0).records) == std::vector<std::string>{"old"});
            for (std::int32_t p = 1; p < 5; ++p)
                CHECK(values_of(fetch(c, "t", p, 0).records) == std::vector<std::string>{"new"});
            CHECK(grow(c, "t", 6) == KafkaError::none);
        });
    }
}
}  // namespace faultline::broker::test
