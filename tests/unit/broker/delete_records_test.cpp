#include "gen/wire/delete_records_request.h"
#include "gen/wire/delete_records_response.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
struct Asked {
    std::string topic;
    std::int32_t partition;
    std::int64_t offset;
};

wire::DeleteRecordsResponse delete_records(Client& c, std::int16_t version,
                                           const std::vector<Asked>& asked) {
    wire::DeleteRecordsRequest request;
    request.timeout_ms = 30'000;
    for (const Asked& a : asked) {
        auto& topic = request.topics.emplace_back();
        topic.name = a.topic;
        topic.partitions.push_back({a.partition, a.offset, {}});
    }
    return c.call<wire::DeleteRecordsResponse>(version, request);
}

using Answer = std::pair<std::int64_t, KafkaError>;
Answer delete_before(Client& c, const Asked& asked, std::int16_t version = 2) {
    const auto answer = delete_records(c, version, {asked});
    REQUIRE(answer.topics.size() == 1);
    CHECK(answer.topics[0].name == asked.topic);
    const auto& p = answer.topics[0].partitions.at(0);
    CHECK(p.partition_index == asked.partition);
    return {p.low_watermark, p.error_code};
}
}  // namespace

TEST_CASE("delete records: the log starts where it was asked to, and fetches below are refused") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        for (const char* v : {"a", "b", "c"}) produce(c, "t", 0, batch(env, {v}));
        for (std::int16_t v = 0; v <= 2; ++v) {
            CHECK(delete_before(c, {"t", 0, v}, v) == Answer{v, KafkaError::none});
        }
        CHECK(list(c, "t", 0, -2).offset == 2);
        CHECK(fetch(c, "t", 0, 1).error_code == KafkaError::offset_out_of_range);
        const auto rest = fetch(c, "t", 0, 2);
        CHECK(rest.log_start_offset == 2);
        CHECK(values_of(rest.records) == std::vector<std::string>{"c"});
        // Below the start nothing is left to do.
        CHECK(delete_before(c, {"t", 0, 0}) == Answer{2, KafkaError::none});
        CHECK(delete_before(c, {"t", 0, -1}) == Answer{3, KafkaError::none});
        CHECK(produce(c, "t", 0, batch(env, {"d"})).base_offset == 3);
        CHECK(values_of(fetch(c, "t", 0, 3).records) == std::vector<std::string>{"d"});
    });
}

TEST_CASE("delete records: what cannot be deleted is told as Kafka 4.3 tells it") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        create(c, "__consumer_offsets", 1);
        produce(c, "t", 0, batch(env, {"a", "b"}));
        CHECK(delete_before(c, {"t", 0, 3}) == Answer{-1, KafkaError::offset_out_of_range});
        CHECK(delete_before(c, {"t", 0, -2}) == Answer{-1, KafkaError::offset_out_of_range});
        const Answer unknown{-1, KafkaError::unknown_topic_or_partition};
        CHECK(delete_before(c, {"t", 1, 0}) == unknown);
        CHECK(delete_before(c, {"t", -1, 0}) == unknown);
        CHECK(delete_before(c, {"none", 0, 0}) == unknown);
        CHECK(delete_before(c, {"", 0, 0}) == unknown);
        CHECK(delete_before(c, {"__cluster_metadata", 0, 0}) == unknown);
        CHECK(delete_before(c, {"__consumer_offsets", 0, 0}) ==
              Answer{-1, KafkaError::invalid_topic_exception});
        const auto m = c.call<wire::MetadataResponse>(12, all_topics());
        for (const auto& t : m.topics) CHECK(t.is_internal == (*t.name == "__consumer_offsets"));
        // A partition that is named twice: the last offset counts.
        const auto twice = delete_records(c, 2, {{"t", 0, 99}, {"t", 0, 1}});
        REQUIRE(twice.topics.size() == 1);
        REQUIRE(twice.topics[0].partitions.size() == 1);
        CHECK(twice.topics[0].partitions[0].low_watermark == 1);
        CHECK(delete_records(c, 2, {}).topics.empty());
    });
}

TEST_CASE(
    "delete records: where only compaction may remove records it is a violation of the policy") {
    for (const bool also_delete : {false, true}) {
        Bench b([also_delete](BrokerConfig& c) {
            c.topic_defaults.cleanup_compact = true;
            c.topic_defaults.cleanup_delete = also_delete;
        });
        b.run([also_delete](Env& env) {
            Client c(env);
            create(c, "t", 1);
            CHECK(delete_before(c, {"t", 0, -1}) ==
                  (also_delete ? Answer{0, KafkaError::none}
                               : Answer{-1, KafkaError::policy_violation}));
        });
    }
}

TEST_CASE("delete records: what was answered as deleted stays so over kill and power loss") {
    for (const bool power : {false, true}) {
        for (const bool flush : {true, false}) {
            Bench b({}, 2);
            b.run([&](Env& env) {
                Client c(env);
                create(c, "t", 4, {{"flush.before.ack", flush ? "true" : "false"}});
                for (std::int32_t p = 0; p < 4; ++p) {
                    for (const char* v : {"a", "b", "c"}) produce(c, "t", p, batch(env, {v}));
                }
                const auto answer =
                    delete_records(c, 2, {{"t", 0, 1}, {"t", 1, 2}, {"t", 2, 3}, {"t", 3, 9}});
                REQUIRE(answer.topics.at(0).partitions.size() == 4);
            });
            if (power) {
                b.world.lose_power(b.server, {});
            } else {
                b.world.crash(b.server);
            }
            b.world.start(b.server);
            b.run([&](Env& env) {
                Client c(env);
                CHECK(list(c, "t", 0, -2).offset == 1);
                CHECK(list(c, "t", 1, -2).offset == 2);
                CHECK(list(c, "t", 2, -2).offset == 3);
                CHECK(list(c, "t", 2, -1).offset == 3);
                CHECK(list(c, "t", 3, -2).offset == 0);
                CHECK(values_of(fetch(c, "t", 1, 2).records) == std::vector<std::string>{"c"});
            });
        }
    }
}

TEST_CASE("delete records: a start that cannot be written down is not answered as deleted") {
    Bench b;
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a"}));
        b.world.disk(b.server).fail_syncs("*log-start-offset-checkpoint*", 1, sim::kNoFault);
        CHECK(delete_before(c, {"t", 0, 1}).second == KafkaError::kafka_storage_error);
    });
}

TEST_CASE(
    "delete records: a topic of the same name does not begin where the old one's logs began") {
    Bench b({}, 3);
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 6);  // some on each shard
        for (std::int32_t p = 0; p < 6; ++p) {
            for (const char* v : {"a", "b", "c", "d"}) produce(c, "t", p, batch(env, {v}));
            CHECK(delete_before(c, {"t", p, 4}) == Answer{4, KafkaError::none});
        }
        CHECK(remove(c, "t") == KafkaError::none);
        env.fibers.sleep_until(env.clock.in(1s));
        create(c, "t", 6);
        for (std::int32_t p = 0; p < 6; ++p) {
            CHECK(list(c, "t", p, -2).offset == 0);
            CHECK(produce(c, "t", p, batch(env, {"new"})).base_offset == 0);
        }
    });
    b.world.crash(b.server);
    b.world.start(b.server);
    b.run([&](Env& env) {
        Client c(env);
        for (std::int32_t p = 0; p < 6; ++p)
            CHECK(values_of(fetch(c, "t", p, 0).records) == std::vector<std::string>{"new"});
    });
}

TEST_CASE("delete records: by a connection of any shard, of partitions of any shard") {
    Bench b({}, 3);
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 6);
        std::vector<std::unique_ptr<Client>> clients;  // the connections go round the shards
        for (std::int64_t round = 0; round < 6; ++round) {
            clients.push_back(std::make_unique<Client>(env));
            for (std::int32_t p = 0; p < 6; ++p) {
                produce(c, "t", p, batch(env, {"a"}));
                CHECK(delete_before(*clients.back(), {"t", p, -1}) ==
                      Answer{round + 1, KafkaError::none});
            }
        }
        b.world.disk(b.server).fail_syncs("*log-start-offset-checkpoint*", 1, sim::kNoFault);
        produce(c, "t", 0, batch(env, {"a"}));
        CHECK(delete_before(c, {"t", 0, -1}).second == KafkaError::kafka_storage_error);
    });
}
}  // namespace faultline::broker::test
