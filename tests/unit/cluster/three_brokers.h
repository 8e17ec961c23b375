// Three brokers that are the quorum too, in the simulated world, and programs that use them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/client/admin.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"
#include "tests/unit/broker/bench.h"

namespace faultline::broker::test {

struct Cluster {
    explicit Cluster(std::uint64_t seed, std::function<void(BrokerConfig&)> tune = {},
                     unsigned shards = 1)
        : world(seed, recorder) {
        for (int i = 1; i <= 3; ++i) {
            const std::string host = "n" + std::to_string(i);
            const auto main = [i, host, tune](Env& env, fiber::StopToken stop) {
                BrokerConfig config;
                config.node = NodeId{i};
                for (int k = 1; k <= 3; ++k)
                    config.voters.push_back({NodeId{k}, {"n" + std::to_string(k), 9093}});
                config.controller_bind = Endpoint{"", 9093};
                config.listeners = {{"PLAINTEXT", {"", 9092}, {host, 9092}}};
                config.log_dirs = {"data"};
                if (tune) tune(config);
                (void)run_broker(env, config, stop);
            };
            nodes.push_back(world.add_node(host, shards, main));
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
    // No link between it and the other nodes from now on; clients still reach it.
    void cut_off(NodeId victim) {
        world.at(world.now() + 1ms, [this, victim] {
            for (const NodeId other : nodes) {
                if (other == victim) continue;
                world.network().partition(victim, other, sim::kNoFault);
                world.network().partition(other, victim, sim::kNoFault);
            }
        });
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

// One record of partition 0 of "t", acks=all.
inline wire::KafkaError produce(Env& env, client::Leader& leader, std::int64_t producer,
                                std::int32_t sequence) {
    wire::ProduceRequest write;
    write.acks = -1;
    write.timeout_ms = 30'000;
    auto& topic = write.topic_data.emplace_back();
    topic.name = "t";
    topic.topic_id = leader.topic_id;
    auto& part = topic.partition_data.emplace_back();
    part.index = 0;
    part.records = batch(env, {"v"}, producer, sequence);
    const auto answer = leader.conn->call<wire::ProduceResponse>(write, env.clock.in(60s));
    REQUIRE(answer.ok());
    return answer->responses.at(0).partition_responses.at(0).error_code;
}
}  // namespace faultline::broker::test
