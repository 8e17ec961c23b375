#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"
#include "gen/wire/list_config_resources_request.h"
#include "gen/wire/list_config_resources_response.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {

TEST_CASE("describe: a topic's configuration, with where each value comes from") {
    Bench b([](BrokerConfig& c) { c.topic_defaults.segment_ms = 77; });
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1, {{"retention.ms", "5"}, {"preallocate", "true"}});
        for (std::int16_t v = 1; v <= 4; ++v) {
            wire::DescribeConfigsRequest request;
            request.include_synonyms = true;
            request.resources.resize(4);
            request.resources[0].resource_type = 2;
            request.resources[0].resource_name = "t";
            request.resources[0].configuration_keys.reset();
            request.resources[1] = request.resources[0];
            request.resources[1].configuration_keys = {"segment.ms", "no.such.key"};
            request.resources[2].resource_type = 2;
            request.resources[2].resource_name = "none";
            request.resources[3].resource_type = 4;
            request.resources[3].resource_name = "2";
            const auto answer = c.call<wire::DescribeConfigsResponse>(v, request);
            REQUIRE(answer.results.size() == 4);
            std::map<std::string, std::pair<std::string, int>> keys;
            for (const auto& k : answer.results[0].configs) {
                keys[k.name] = {k.value.value_or("-"), k.config_source};
            }
            CHECK(keys.at("retention.ms") == std::pair<std::string, int>{"5", 1});
            CHECK(keys.at("segment.ms") == std::pair<std::string, int>{"77", 5});
            CHECK(keys.at("preallocate") == std::pair<std::string, int>{"true", 1});
            CHECK(keys.at("cleanup.policy") == std::pair<std::string, int>{"delete", 5});
            CHECK(keys.size() == 34);  // Kafka's 33 and flush.before.ack
            REQUIRE(answer.results[1].configs.size() == 1);
            CHECK(*answer.results[1].configs[0].value == "77");
            CHECK(answer.results[2].error_code == KafkaError::unknown_topic_or_partition);
            CHECK(answer.results[3].error_code == KafkaError::invalid_request);
        }
    });
}

namespace {
KafkaError set(Client& c, std::int8_t type, std::string name, std::string key,
               std::optional<std::string> value) {
    wire::IncrementalAlterConfigsRequest q;
    auto& r = q.resources.emplace_back();
    r.resource_type = type;
    r.resource_name = std::move(name);
    const std::int8_t operation = value ? 0 : 1;
    r.configs.push_back({std::move(key), operation, std::move(value), {}});
    return c.call<wire::IncrementalAlterConfigsResponse>(1, q).responses.at(0).error_code;
}

std::optional<std::string> shown(Client& c, std::int8_t type, std::string name, std::string key) {
    wire::DescribeConfigsRequest q;
    auto& r = q.resources.emplace_back();
    r.resource_type = type;
    r.resource_name = std::move(name);
    r.configuration_keys = {std::move(key)};
    const auto answer = c.call<wire::DescribeConfigsResponse>(4, q);
    REQUIRE(answer.results.at(0).configs.size() == 1);
    return answer.results[0].configs[0].value;
}

// The code that a record of `bytes` bytes gets.
KafkaError produce_of(Client& c, const std::string& topic, std::size_t bytes) {
    return produce(c, topic, 0, batch(c.env, {std::string(bytes, 'x')})).error_code;
}
}  // namespace

TEST_CASE("describe: an answer is no larger than it may be, whatever is asked") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        wire::DescribeConfigsRequest q;
        q.include_documentation = q.include_synonyms = true;
        for (int i = 0; i < 60'000; ++i) {
            auto& r = q.resources.emplace_back();
            r.resource_type = i % 2 == 0 ? 32 : 2;
            r.resource_name = i % 2 == 0 ? std::to_string(i) : "t";  // that nobody knows, and twice
            r.configuration_keys.reset();
        }
        const auto a = c.call<wire::DescribeConfigsResponse>(4, q);
        REQUIRE(a.results.size() == q.resources.size());
        for (std::size_t i = 0; i < 4; ++i) {
            CHECK(a.results[i].error_code == KafkaError::none);
            CHECK(!a.results[i].configs.empty());
        }
        CHECK(a.results.back().error_code == KafkaError::policy_violation);
        CHECK(a.results.back().configs.empty());
    });
}

TEST_CASE("configuration: what is altered acts at once, on every shard, and outlives a restart") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        create(c, "u", 1);
        CHECK(produce_of(c, "t", 2000) == KafkaError::none);
        CHECK(set(c, 2, "t", "max.message.bytes", "1000") == KafkaError::none);
        CHECK(produce_of(c, "t", 2000) == KafkaError::message_too_large);
        CHECK(produce_of(c, "u", 2000) == KafkaError::none);
        CHECK(set(c, 4, "", "message.max.bytes", "500") == KafkaError::none);
        CHECK(produce_of(c, "u", 700) == KafkaError::message_too_large);
        CHECK(produce_of(c, "t", 700) == KafkaError::none);
        CHECK(set(c, 4, "1", "message.max.bytes", "1500") == KafkaError::none);
        CHECK(produce_of(c, "u", 700) == KafkaError::none);
        CHECK(produce_of(c, "u", 2000) == KafkaError::message_too_large);
        CHECK(shown(c, 2, "u", "max.message.bytes") == "1500");
        CHECK(shown(c, 4, "1", "message.max.bytes") == "1500");
    });
    b.stop();
    b.world.start(b.server);
    b.run([](Env& env) {
        Client c(env);
        CHECK(shown(c, 2, "t", "max.message.bytes") == "1000");
        CHECK(produce_of(c, "u", 2000) == KafkaError::message_too_large);
        CHECK(set(c, 4, "1", "message.max.bytes", std::nullopt) == KafkaError::none);
        CHECK(set(c, 4, "", "message.max.bytes", std::nullopt) == KafkaError::none);
        CHECK(produce_of(c, "u", 2000) == KafkaError::none);
        CHECK(produce_of(c, "t", 2000) == KafkaError::message_too_large);
    });
}

TEST_CASE("configuration: acknowledgements stop to wait for the disk when the topic says so") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce_of(c, "t", 10) == KafkaError::none);
        for (const char* value : {"false", "true", "false"}) {
            CHECK(set(c, 2, "t", "flush.before.ack", value) == KafkaError::none);
            CHECK(produce_of(c, "t", 10) == KafkaError::none);
        }
    });
}

TEST_CASE("configuration: compression.type is the codec of what is stored") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const std::vector<std::string> values{std::string(500, 'a'), "b"};
        const auto put = [&](wire::Codec codec) {
            const auto answer = produce(c, "t", 0, batch(env, values, -1, -1, -1, codec));
            CHECK(answer.error_code == KafkaError::none);
            return answer.base_offset;
        };
        const auto stored = [&](std::int64_t offset) {
            const auto r = c.call<wire::FetchResponse>(12, fetch_request("t", 0, offset));
            const IoBuf bytes = r.responses.at(0).partitions.at(0).records.bytes();
            const IoBuf one = wire::split_batches(bytes).at(0);
            CHECK(values_of(wire::Records(one)) == values);  // the CRC is checked, too
            std::byte head[wire::kBatchHeader];
            one.copy_out(0, head);
            return wire::parse_batch_header(head).codec();
        };
        CHECK(stored(put(wire::Codec::zstd)) == wire::Codec::zstd);
        for (const auto& [name, codec] : {std::pair{"gzip", wire::Codec::gzip},
                                          {"uncompressed", wire::Codec::none},
                                          {"lz4", wire::Codec::lz4}}) {
            CHECK(set(c, 2, "t", "compression.type", name) == KafkaError::none);
            for (const auto sent : {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy})
                CHECK(stored(put(sent)) == codec);
        }
    });
}

TEST_CASE("configuration: resources are listed, and the root logger has a level") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const auto list = [&](std::int16_t version, std::vector<std::int8_t> types) {
            wire::ListConfigResourcesRequest q;
            q.resource_types = std::move(types);
            std::string text;
            const auto r = c.call<wire::ListConfigResourcesResponse>(version, q);
            for (const auto& x : r.config_resources)
                text += x.resource_name + ":" + std::to_string(x.resource_type) + " ";
            return text + std::to_string(static_cast<int>(r.error_code));
        };
        CHECK(list(1, {}) == "1:8 1:4 t:2 0");
        CHECK(list(1, {2}) == "t:2 0");
        CHECK(list(1, {2, 4, 2, 2}) == "t:2 1:4 0");
        CHECK(list(1, {64}) == "35");
        CHECK(list(0, {}) == "0");
        CHECK(set(c, 8, "1", "root", "WARN") == KafkaError::none);
        env.fibers.sleep_until(env.clock.in(1s));
        CHECK(shown(c, 8, "1", "root") == "WARN");
        CHECK(set(c, 8, "1", "nobody", "WARN") == KafkaError::invalid_config);
    });
}

TEST_CASE("describe: the cluster is what Metadata says") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const auto m = c.call<wire::MetadataResponse>(12, all_topics());
        for (std::int16_t v = 0; v <= 2; ++v) {
            const auto d = c.call<wire::DescribeClusterResponse>(v, wire::DescribeClusterRequest{});
            CHECK(d.error_code == KafkaError::none);
            CHECK(d.cluster_id == *m.cluster_id);
            CHECK(d.controller_id == 1);
            REQUIRE(d.brokers.size() == 1);
            CHECK(d.brokers[0].host == "n1");
            CHECK(d.brokers[0].port == 9092);
        }
        wire::DescribeClusterRequest controllers;
        controllers.endpoint_type = 2;
        CHECK(c.call<wire::DescribeClusterResponse>(1, controllers).error_code ==
              KafkaError::mismatched_endpoint_type);
    });
}

TEST_CASE("describe: the quorum, in every version that a client may speak") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        wire::DescribeQuorumRequest request;
        auto& topic = request.topics.emplace_back();
        topic.topic_name = "__cluster_metadata";
        topic.partitions.emplace_back();
        for (std::int16_t v = 0; v <= 2; ++v) {
            const auto d = c.call<wire::DescribeQuorumResponse>(v, request);
            CHECK(d.error_code == KafkaError::none);
            const auto& p = d.topics.at(0).partitions.at(0);
            CHECK(p.leader_id == 1);
            CHECK(p.current_voters.size() == 1);
            CHECK(d.nodes.size() == (v >= 2 ? 1 : 0));
        }
    });
}
}  // namespace faultline::broker::test
