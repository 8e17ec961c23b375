// Configuration in a cluster: what was answered holds on every broker, whoever leads the quorum,
// and acts while records are written.
#include "core/client/producer.h"
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/describe_topic_partitions_request.h"
#include "gen/wire/describe_topic_partitions_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
namespace {
using wire::KafkaError;

// Sets a key and asks again until there is an answer, whoever gives it.
void set(Env& env, client::Cluster& cluster, std::int8_t type, std::string name, std::string key,
         std::string value) {
    wire::IncrementalAlterConfigsRequest q;
    auto& r = q.resources.emplace_back();
    r.resource_type = type;
    r.resource_name = std::move(name);
    r.configs.push_back({std::move(key), 0, std::move(value), {}});
    for (int i = 0; i < 600; ++i) {
        const auto conn = cluster.any(env.clock.in(60s));
        if (!conn.ok()) continue;
        const auto answer =
            (*conn)->call<wire::IncrementalAlterConfigsResponse>(q, env.clock.in(5s));
        if (answer.ok() && answer->responses.at(0).error_code == KafkaError::none) return;
        env.fibers.sleep_until(env.clock.in(100ms));
    }
    FAIL("nobody has decided");
}

// What one broker shows; waits until it is `wanted`, at most 30 s.
std::string shown(Env& env, const std::string& host, std::int8_t type, std::string name,
                  std::string key, const std::string& wanted) {
    client::Cluster cluster(env, Cluster::client({host}));
    wire::DescribeConfigsRequest q;
    auto& r = q.resources.emplace_back();
    r.resource_type = type;
    r.resource_name = std::move(name);
    r.configuration_keys = {std::move(key)};
    std::string value;
    for (const MonoTime end = env.clock.now() + 30s; value != wanted && env.clock.now() < end;) {
        const auto conn = cluster.any(env.clock.in(30s));
        if (conn.ok()) {
            const auto answer = (*conn)->call<wire::DescribeConfigsResponse>(q, env.clock.in(5s));
            if (answer.ok() && !answer->results.at(0).configs.empty())
                value = answer->results[0].configs[0].value.value_or("-");
        }
        env.fibers.sleep_until(env.clock.in(50ms));
    }
    cluster.close();
    return value;
}
}  // namespace

TEST_CASE("configuration: it changes under load while the controller fails, and outlives all") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Cluster c(seed);
        std::uint64_t acked = 0, failed = 0;
        int last = 0;
        c.run([&](Env& env) {
            client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
            client::NewTopic topic{"t", 1, 3, {{"min.insync.replicas", "2"}}};
            const auto made = admin.create_topic(topic, env.clock.in(120s));
            REQUIRE(made.ok());
            REQUIRE(made->ok());
            client::Producer producer(env, Cluster::client({"n1", "n2", "n3"}), {},
                                      [&](const client::Delivery& d) {
                                          ++(d.error == KafkaError::none ? acked : failed);
                                      });
            fiber::Group load(env.fibers);
            load.spawn({.name = "load"}, [&](fiber::StopToken stop) {
                while (!stop.stop_requested()) {
                    (void)producer.send({.topic = "t", .value = as_bytes(std::string_view("v"))},
                                        env.clock.in(30s), stop);
                    env.fibers.sleep_until(env.clock.in(20ms), stop);
                }
            });
            // Whoever leads the quorum then is killed in the middle of the changes.
            const auto conn = admin.cluster().any(env.clock.in(30s));
            REQUIRE(conn.ok());
            const auto now = (*conn)->call<wire::DescribeClusterResponse>(
                wire::DescribeClusterRequest{}, env.clock.in(5s));
            REQUIRE(now.ok());
            const NodeId victim = c.nodes.at(static_cast<std::size_t>(now->controller_id - 1));
            c.world.at(c.world.now() + 2s, [&c, victim] { c.world.crash(victim); });
            c.world.at(c.world.now() + 12s, [&c, victim] { c.world.start(victim); });
            for (const MonoTime end = env.clock.now() + 20s; env.clock.now() < end;) {
                ++last;
                set(env, admin.cluster(), 2, "t", "retention.ms", std::to_string(1'000'000 + last));
                set(env, admin.cluster(), 4, "", "log.segment.bytes",
                    std::to_string(2'000'000 + last));
            }
            load.request_stop();
            load.join();
            producer.close(env.clock.in(60s));
            admin.close();
        });
        CHECK(last > 20);
        CHECK(acked > 200);
        CHECK(failed == 0);
        const auto all_show = [&](Env& env) {
            for (const char* host : {"n1", "n2", "n3"}) {
                const auto retention = std::to_string(1'000'000 + last);
                const auto segment = std::to_string(2'000'000 + last);
                CHECK(shown(env, host, 2, "t", "retention.ms", retention) == retention);
                CHECK(shown(env, host, 2, "t", "segment.bytes", segment) == segment);
                CHECK(shown(env, host, 4, "", "log.segment.bytes", segment) == segment);
            }
        };
        c.run(all_show);
        for (const NodeId node : c.nodes) c.world.crash(node);
        for (const NodeId node : c.nodes) c.world.start(node);
        c.run(all_show);
        for (const NodeId node : c.nodes) c.world.crash(node);
    }
}

TEST_CASE(
    "configuration: the controller decides by the cluster's defaults after a start from a "
    "snapshot") {
    Cluster c(1, [](BrokerConfig& config) {
        config.snapshot_record_bytes = 500;
        config.metadata_retention_bytes = 0;
    });
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        REQUIRE(admin.create_topic({"t", 1, 2, {}}, env.clock.in(120s)).ok());
        set(env, admin.cluster(), 4, "", "unclean.leader.election.enable", "true");
        // So that a snapshot holds it, and the log no more, nor any other change of a key.
        for (int i = 0; i < 30; ++i)
            REQUIRE(
                admin.create_topic({"u" + std::to_string(i), 1, 1, {}}, env.clock.in(60s)).ok());
        admin.close();
    });
    for (const NodeId node : c.nodes) c.world.crash(node);
    for (const NodeId node : c.nodes) c.world.start(node);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        wire::DescribeTopicPartitionsRequest q;
        q.topics.emplace_back().name = "t";
        const auto described = [&] {
            wire::DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition none;
            const auto conn = admin.cluster().any(env.clock.in(30s));
            if (!conn.ok()) return none;
            const auto r =
                (*conn)->call<wire::DescribeTopicPartitionsResponse>(q, env.clock.in(5s));
            if (!r.ok() || r->topics.empty() || r->topics[0].partitions.empty()) return none;
            return r->topics[0].partitions[0];
        };
        const auto until = [&](auto holds) {
            for (int i = 0; i < 600 && !holds(described()); ++i)
                env.fibers.sleep_until(env.clock.in(100ms));
            return described();
        };
        // One of two replicas dies, comes back when the other has died, and may lead: that is the
        // default of the cluster, not that of the file.
        const auto whole = until([](const auto& p) { return p.isr_nodes.size() == 2; });
        REQUIRE(whole.isr_nodes.size() == 2);
        const std::int32_t last = whole.leader_id;
        const std::int32_t other =
            whole.replica_nodes[0] == last ? whole.replica_nodes[1] : whole.replica_nodes[0];
        const auto node = [&c](std::int32_t id) {
            return c.nodes.at(static_cast<std::size_t>(id - 1));
        };
        c.world.at(c.world.now(), [&c, n = node(other)] { c.world.crash(n); });
        const auto fewer = until([](const auto& p) { return p.isr_nodes.size() == 1; });
        REQUIRE(fewer.isr_nodes == std::vector{last});
        c.world.at(c.world.now(), [&c, n = node(last)] { c.world.crash(n); });
        c.world.at(c.world.now() + 1ms, [&c, n = node(other)] { c.world.start(n); });
        CHECK(until([&](const auto& p) { return p.leader_id == other; }).leader_id == other);
        admin.close();
    });
    for (const NodeId node : c.nodes) c.world.crash(node);
}
}  // namespace faultline::broker::test
