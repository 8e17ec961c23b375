#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
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
            request.resources[3].resource_name = "1";
            const auto answer = c.call<wire::DescribeConfigsResponse>(v, request);
            REQUIRE(answer.results.size() == 4);
            std::map<std::string, std::pair<std::string, int>> keys;
            for (const auto& k : answer.results[0].configs) {
                keys[k.name] = {*k.value, k.config_source};
                CHECK(k.synonyms.size() == 1);
            }
            CHECK(keys.at("retention.ms") == std::pair<std::string, int>{"5", 1});
            CHECK(keys.at("segment.ms") == std::pair<std::string, int>{"77", 5});
            CHECK(keys.at("preallocate") == std::pair<std::string, int>{"true", 1});
            CHECK(keys.at("cleanup.policy") == std::pair<std::string, int>{"delete", 5});
            REQUIRE(answer.results[1].configs.size() == 1);
            CHECK(*answer.results[1].configs[0].value == "77");
            CHECK(answer.results[2].error_code == KafkaError::unknown_topic_or_partition);
            CHECK(answer.results[3].error_code == KafkaError::invalid_request);
        }
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
