// Configuration in a cluster: what was answered holds on every broker, whoever leads the quorum,
// and acts while records are written.
#include "core/client/admin.h"
#include "core/client/producer.h"
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"
#include "tests/unit/broker/bench.h"

namespace faultline::broker::test {
namespace {
using wire::KafkaError;

struct Cluster {
    explicit Cluster(std::uint64_t seed) : world(seed, recorder) {
        for (int i = 1; i <= 3; ++i) {
            const std::string host = "n" + std::to_string(i);
            nodes.push_back(world.add_node(host, 1, [i, host](Env& env, fiber::StopToken stop) {
                BrokerConfig config;
                config.node = NodeId{i};
                for (int k = 1; k <= 3; ++k)
                    config.voters.push_back({NodeId{k}, {"n" + std::to_string(k), 9093}});
                config.controller_bind = Endpoint{"", 9093};
                config.listeners = {{"PLAINTEXT", {"", 9092}, {host, 9092}}};
                config.log_dirs = {"data"};
                (void)run_broker(env, config, stop);
            }));
            world.start(nodes.back());
        }
    }
    void run(std::function<void(Env&)> body) {
        bool finished = false;
        const NodeId node =
            world.add_node("c" + std::to_string(++clients), 1, [&](Env& env, fiber::StopToken) {
                body(env);
                finished = true;
                world.halt();
            });
        world.start(node);
        world.run_until(world.now() + 600s);
        REQUIRE(finished);
    }
    static client::ClientConfig client(std::vector<std::string> hosts) {
        client::ClientConfig config;
        for (auto& h : hosts) config.bootstrap.push_back({h, 9092});
        config.request_timeout = 5s;
        return config;
    }
    sim::Recorder recorder;
    sim::World world;
    std::vector<NodeId> nodes;
    int clients = 0;
};

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
}  // namespace faultline::broker::test
