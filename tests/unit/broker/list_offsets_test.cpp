#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
using Partition = wire::ListOffsetsResponse::ListOffsetsPartitionResponse;

wire::ListOffsetsRequest asking(
    const std::vector<std::pair<std::string, std::vector<std::pair<std::int32_t, std::int64_t>>>>&
        topics) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    for (const auto& [name, partitions] : topics) {
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        for (const auto& [index, timestamp] : partitions)
            topic.partitions.push_back({index, -1, timestamp, {}});
    }
    return request;
}

Partition ask(Client& c, std::int16_t version, const std::string& topic, std::int64_t timestamp) {
    return c.call<wire::ListOffsetsResponse>(version, asking({{topic, {{0, timestamp}}}}))
        .topics.at(0)
        .partitions.at(0);
}
}  // namespace

TEST_CASE("list offsets: each sentinel from its version on") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const std::int64_t now = env.clock.wall().ms;
        wire::BatchBuilder three;
        for (const std::int64_t after : {-100, 5'000, -50})
            three.add(now + after, std::nullopt, as_bytes("v"));
        produce(c, "t", 0, three.finish(wire::Codec::none));
        produce(c, "t", 0, batch(env, {"d"}, -1, -1, now + 5'000));
        struct Case {
            std::int64_t sentinel;
            std::int16_t since;
            std::int64_t offset, timestamp;
            std::int32_t epoch;
        };
        const Case cases[] = {{-1, 1, 4, -1, 0},          {-2, 1, 0, -1, 0},
                              {-3, 7, 1, now + 5'000, 0}, {-4, 8, 0, -1, 0},
                              {-5, 9, -1, -1, -1},        {-6, 11, -1, -1, -1},
                              {-7, 99, 0, 0, 0},          {INT64_MIN, 99, 0, 0, 0}};
        for (const Case& wanted : cases) {
            for (std::int16_t v = 1; v <= 11; ++v) {
                INFO(wanted.sentinel << " at version " << v);
                const auto p = ask(c, v, "t", wanted.sentinel);
                const bool known = v >= wanted.since;
                CHECK(p.error_code == (known ? KafkaError::none : KafkaError::unsupported_version));
                CHECK(p.offset == (known ? wanted.offset : -1));
                CHECK(p.timestamp == (known ? wanted.timestamp : -1));
                CHECK(p.leader_epoch == (known && v >= 4 ? wanted.epoch : -1));
            }
        }
        // Where there is no such topic, the version is still what is wrong first.
        CHECK(ask(c, 6, "none", -3).error_code == KafkaError::unsupported_version);
        CHECK(ask(c, 7, "none", -3).error_code == KafkaError::unknown_topic_or_partition);
    });
}

TEST_CASE("list offsets: of an empty log") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        for (const std::int64_t end : {-1, -2, -4}) {
            const auto p = ask(c, 11, "t", end);
            CHECK(p.error_code == KafkaError::none);
            CHECK(p.offset == 0);
            CHECK(p.leader_epoch == 0);
        }
        for (const std::int64_t nothing : {-3, -5, -6, 0}) {
            const auto p = ask(c, 11, "t", nothing);
            CHECK(p.error_code == KafkaError::none);
            CHECK(p.offset == -1);
            CHECK(p.leader_epoch == -1);
        }
    });
}

TEST_CASE("list offsets: the earliest offset comes with the epoch that wrote it") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a"}));
    });
    b.stop();
    b.world.start(b.server);
    b.run([](Env& env) {
        Client c(env);
        produce(c, "t", 0, batch(env, {"b"}));
        CHECK(ask(c, 11, "t", -2).leader_epoch == 0);
        CHECK(ask(c, 11, "t", -1).leader_epoch == 2);
    });
}

TEST_CASE("list offsets: partitions named twice, unknown isolation, epochs that are not") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 2);
        const auto twice = c.call<wire::ListOffsetsResponse>(
            11, asking({{"t", {{0, -1}, {1, -1}}}, {"empty", {}}, {"t", {{0, -2}}}}));
        REQUIRE(twice.topics.size() == 1);
        REQUIRE(twice.topics[0].partitions.size() == 2);
        CHECK(twice.topics[0].partitions[0].error_code == KafkaError::invalid_request);
        CHECK(twice.topics[0].partitions[0].offset == -1);
        CHECK(twice.topics[0].partitions[1].error_code == KafkaError::none);
        CHECK(c.call<wire::ListOffsetsResponse>(11, asking({})).topics.empty());

        auto request = asking({{"t", {{0, -1}}}});
        const auto error = [&] {
            return c.call<wire::ListOffsetsResponse>(11, request)
                .topics.at(0)
                .partitions.at(0)
                .error_code;
        };
        request.isolation_level = 1;
        CHECK(error() == KafkaError::none);
        request.isolation_level = 7;
        CHECK(error() == KafkaError::unknown_server_error);
        request.isolation_level = 0;
        auto& epoch = request.topics[0].partitions[0].current_leader_epoch;
        epoch = 0;
        CHECK(error() == KafkaError::none);
        epoch = 5;
        CHECK(error() == KafkaError::unknown_leader_epoch);
        epoch = -2;
        CHECK(error() == KafkaError::fenced_leader_epoch);
    });
}
}  // namespace faultline::broker::test
