// Three brokers that are the quorum too, in the simulated world, and programs that use them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/client/admin.h"
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
}  // namespace faultline::broker::test
