// No answer ends the process: one that cannot be encoded costs its connection, and what clients are
// told can be encoded at every version, however long the names are that they sent.
#include "core/broker/handlers/respond.h"
#include "gen/wire/alter_configs_request.h"
#include "gen/wire/alter_configs_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/describe_producers_request.h"
#include "gen/wire/describe_producers_response.h"
#include "gen/wire/elect_leaders_request.h"
#include "gen/wire/elect_leaders_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"
#include "gen/wire/metadata_response.h"
#include "gen/wire/update_features_request.h"
#include "gen/wire/update_features_response.h"
#include "tests/unit/broker/ask_everything.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
// A server whose handler answers ElectLeaders with `answer`, whatever the version.
struct Answerer {
    explicit Answerer(wire::ElectLeadersResponse answer) : world(1, recorder) {
        recorder.add_listener(unwritten);
        server = world.add_node("n1", 1, [answer](Env& env, fiber::StopToken stop) {
            auto listener = env.net.listen({"", 9092});
            rpc::ServerBudget budget(1U << 20, 100);
            const rpc::ServerLimits limits;
            fiber::Group group(env.fibers);
            while (true) {
                auto conn = (*listener)->accept(stop);
                if (!conn.ok()) break;
                group.spawn({}, [&, c = *std::move(conn)](fiber::StopToken inner) mutable {
                    rpc::ServerConnection served(std::move(c), limits, env.clock, env.fibers,
                                                 budget, env.probe, env.log);
                    served.run(
                        [&](rpc::Request r, rpc::Responder to, fiber::Group&) {
                            respond(to, r, answer);
                            return true;
                        },
                        inner);
                });
            }
            group.request_stop();
            group.join();
        });
        world.start(server);
    }
    Unwritten unwritten;
    sim::Recorder recorder;
    sim::World world;
    NodeId server{};
};
}  // namespace

TEST_CASE("respond: an answer that cannot be encoded costs its connection and nothing else") {
    wire::ElectLeadersResponse answer;
    answer.error_code = KafkaError::not_controller;  // which version 0 does not have
    Answerer a(answer);
    bool finished = false;
    const auto main = [&](Env& env, fiber::StopToken) {
        const wire::ElectLeadersRequest q;
        Client other(env);
        CHECK(other.call<wire::ElectLeadersResponse>(1, q).error_code ==
              KafkaError::not_controller);
        Client c(env);
        CHECK(c.call<wire::ElectLeadersResponse>(1, q).error_code == KafkaError::not_controller);
        c.send(0, q);
        c.send(1, q);  // has no answer: it could only come out of turn
        CHECK(c.closed(1s));
        CHECK(other.call<wire::ElectLeadersResponse>(1, q).error_code ==
              KafkaError::not_controller);
        Client fresh(env);
        CHECK(fresh.call<wire::ElectLeadersResponse>(2, q).error_code ==
              KafkaError::not_controller);
        finished = true;
        a.world.halt();
    };
    a.world.start(a.world.add_node("c", 1, main));
    a.world.run_until(MonoTime{} + 600s);
    CHECK(finished);
    CHECK(a.world.running(a.server));
    CHECK(a.unwritten.count == 1);
}

namespace {
const std::string kLong(32'760, 'x');

template <class Response, class Request>
std::string refusal_of_configs(Client& c, std::int16_t version, std::int8_t type,
                               const std::string& name, const std::string& key,
                               std::optional<std::string> value, std::int8_t operation = 0) {
    Request q;
    auto& r = q.resources.emplace_back();
    r.resource_type = type;
    r.resource_name = name;
    auto& config = r.configs.emplace_back();
    config.name = key;
    config.value = std::move(value);
    if constexpr (requires { config.config_operation; }) config.config_operation = operation;
    const auto a = c.call<Response>(version, q);
    CHECK(a.responses.at(0).error_code != KafkaError::none);
    return a.responses.at(0).error_message.value_or("");
}

std::string refusal_of_alter(Client& c, std::int8_t type, const std::string& name,
                             const std::string& key, std::optional<std::string> value) {
    return refusal_of_configs<wire::AlterConfigsResponse, wire::AlterConfigsRequest>(
        c, 1, type, name, key, std::move(value));
}
std::string refusal_of_change(Client& c, std::int8_t type, const std::string& name,
                              const std::string& key, std::optional<std::string> value,
                              std::int8_t operation = 0) {
    return refusal_of_configs<wire::IncrementalAlterConfigsResponse,
                              wire::IncrementalAlterConfigsRequest>(c, 1, type, name, key,
                                                                    std::move(value), operation);
}
}  // namespace

TEST_CASE("refusals: what a message quotes is cut, in descriptions") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        for (std::int16_t v = 1; v <= 4; ++v) {
            for (const std::int8_t type : {2, 4, 8}) {
                wire::DescribeConfigsRequest q;
                auto& r = q.resources.emplace_back();
                r.resource_type = type;
                r.resource_name = kLong;
                const auto a = c.call<wire::DescribeConfigsResponse>(v, q);
                CHECK(a.results.at(0).resource_name == kLong);
                CHECK(a.results[0].error_code != KafkaError::none);
                CHECK(a.results[0].error_message->size() < 2000);
            }
            wire::DescribeConfigsRequest q;
            q.resources.emplace_back().resource_type = 4;
            q.resources[0].resource_name = std::string(32'750, '0') + "2";  // a number
            CHECK(c.call<wire::DescribeConfigsResponse>(v, q).results.at(0).error_message->size() <
                  2000);
        }
        wire::DescribeProducersRequest producers;
        producers.topics.emplace_back().name = kLong;
        producers.topics[0].partition_indexes = {0};
        CHECK(c.call<wire::DescribeProducersResponse>(0, producers)
                  .topics.at(0)
                  .partitions.at(0)
                  .error_message->size() < 2000);
    });
}

TEST_CASE("refusals: what a message quotes is cut, in what a controller decides") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        wire::CreateTopicsRequest topics;
        topics.topics.resize(2);
        topics.topics[0].name = kLong;
        topics.topics[0].num_partitions = topics.topics[1].num_partitions = 1;
        topics.topics[0].replication_factor = topics.topics[1].replication_factor = 1;
        topics.topics[1].name = "u";
        topics.topics[1].configs.push_back({kLong, std::nullopt, {}});
        const auto made = c.call<wire::CreateTopicsResponse>(7, topics);
        for (const auto& t : made.topics) CHECK(t.error_message->size() < 2000);

        wire::ElectLeadersRequest elections;
        elections.topic_partitions.emplace();
        elections.topic_partitions->push_back({kLong, {0}, {}});
        for (std::int16_t v = 0; v <= 2; ++v) {
            const auto a = c.call<wire::ElectLeadersResponse>(v, elections);
            CHECK(a.replica_election_results.at(0).partition_result.at(0).error_message->size() <
                  2000);
        }
        wire::UpdateFeaturesRequest features;
        features.feature_updates.emplace_back().feature = kLong;
        features.feature_updates[0].max_version_level = 1;
        for (std::int16_t v = 0; v <= 2; ++v)
            CHECK(c.call<wire::UpdateFeaturesResponse>(v, features).error_message->size() < 2000);
    });
}

TEST_CASE("refusals: what a message quotes is cut, where configurations are altered") {
    struct Case {
        std::int8_t type;
        std::string name, key;
        std::optional<std::string> value;
    };
    const std::string far = "listener.name." + kLong.substr(100) + ".ssl.keystore.location";
    const Case cases[] = {
        {2, kLong, "retention.ms", "1"},
        {2, "t", kLong, "1"},
        {2, "t", kLong, std::nullopt},
        {2, "t", "retention.ms", kLong},
        {2, "t", "cleanup.policy", kLong},
        {2, "t", "compression.type", kLong},
        {2, "t", "preallocate", kLong},
        {2, "t", "min.cleanable.dirty.ratio", kLong},
        {2, "t", "leader.replication.throttled.replicas", kLong},
        {4, kLong, "log.retention.ms", "1"},
        {4, std::string(32'750, '0') + "2", "log.retention.ms", "1"},
        {4, "", "log.retention.ms", kLong},
        {4, "", far, "x"},
        {16, "m", kLong, "1"},
        {16, "m", "match", kLong},
        {32, "g", kLong, "1"},
        {32, "g", "share.auto.offset.reset", kLong},
    };
    Bench b;
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 1);
        for (const Case& x : cases) {
            INFO(int{x.type} << " " << x.name.substr(0, 20) << " " << x.key.substr(0, 40));
            CHECK(refusal_of_alter(c, x.type, x.name, x.key, x.value).size() < 3000);
            CHECK(refusal_of_change(c, x.type, x.name, x.key, x.value).size() < 3000);
        }
        CHECK(refusal_of_change(c, 2, "t", kLong, "x", 2).size() < 2000);
        CHECK(refusal_of_change(c, 4, "", kLong, "x", 2).size() < 2000);
        CHECK(refusal_of_change(c, 8, kLong, "root", "INFO").size() < 2000);
        CHECK(refusal_of_change(c, 8, "1", kLong, "INFO").size() < 2000);
        CHECK(refusal_of_change(c, 8, "1", "root", kLong).size() < 2000);
    });
}

TEST_CASE("fetch: a controller answers replicas in their version") {
    Bench b([](BrokerConfig& c) {
        c.controller_bind = Endpoint{"", 9093};
        c.controller_advertised = Endpoint{"n1", 9093};
    });
    b.run([](Env& env) {
        Client(env).call<wire::MetadataResponse>(12, all_topics());  // there is a leader
        Client c(env, 9093);
        // As Kafka 4.3.1; the error has a place from version 7 on.
        for (std::int16_t v = 4; v < 12; ++v) {
            auto q = fetch_request("__cluster_metadata", 0, 0);
            q.replica_id = 5;
            const auto a = c.call<wire::FetchResponse>(v, q);
            CHECK(a.error_code == (v < 7 ? KafkaError::none : KafkaError::invalid_request));
            CHECK(a.responses.empty());
        }
        std::int32_t epoch = -1;  // as it is told
        for (std::int16_t v = 12; v <= 18; ++v) {
            auto q = fetch_request("__cluster_metadata", 0, 0);
            if (v >= 13) q.topics[0].topic.clear();
            if (v >= 13) q.topics[0].topic_id = Uuid{.hi = 0, .lo = 1};
            (v < 15 ? q.replica_id : q.replica_state.replica_id) = 5;
            q.topics[0].partitions[0].current_leader_epoch = epoch;
            const auto a = c.call<wire::FetchResponse>(v, q);
            REQUIRE(a.responses.size() == 1);
            const auto& p = a.responses[0].partitions.at(0);
            CHECK(p.error_code == (epoch < 0 ? KafkaError::fenced_leader_epoch : KafkaError::none));
            CHECK(p.current_leader.leader_id == 1);
            CHECK(a.node_endpoints.empty() == (v < 16));
            epoch = p.current_leader.leader_epoch;
        }
    });
}

TEST_CASE("respond: whatever is asked, by the one who decides, can be answered") {
    for (const bool as_controller : {false, true}) {
        Bench b([](BrokerConfig& c) { c.controller_bind = Endpoint{"", 9093}; }, 2);
        Unwritten unwritten;
        b.recorder.add_listener(unwritten);
        b.run([&](Env& env) { ask_everything(env, as_controller, 5, 20); });
        CHECK(b.world.running(b.server));
        CHECK(unwritten.count == 0);
    }
}
}  // namespace faultline::broker::test
