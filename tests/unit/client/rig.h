// A client and the broker in memory, in the simulated world.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/client/producer.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"
#include "tests/unit/client/tiny_broker.h"

namespace faultline::client {
using test::TinyBroker;
using wire::KafkaError;

struct Rig {
    explicit Rig(sim::WorldOptions options = {}) : world(11, recorder, options) {
        broker_node = world.add_node(
            "broker", 1, [this](Env& env, fiber::StopToken stop) { broker.serve(env, stop); });
    }
    // Runs `body` in a client node, and requires that it came to its end.
    void run(std::function<void(Env&, fiber::StopToken)> body, Duration limit = 300s) {
        bool done = false;
        const NodeId client = world.add_node("client", 1, [&](Env& env, fiber::StopToken stop) {
            body(env, stop);
            done = true;
            world.halt();
        });
        world.start(broker_node);
        world.start(client);
        world.run_until(world.now() + limit);
        REQUIRE(done);
    }
    ClientConfig config() const {
        ClientConfig c;
        c.bootstrap = {{"broker", 9092}};
        return c;
    }
    TinyBroker broker;
    sim::Recorder recorder;
    sim::World world;
    NodeId broker_node{};
};

// Sends "v0" .. "v(n-1)" and gives the answers, by tag.
inline std::vector<Delivery> produce(Rig& rig, int n, ProducerConfig config = {},
                                     std::optional<std::int32_t> partition = 0) {
    std::vector<Delivery> answers(static_cast<std::size_t>(n));
    std::vector<int> times(static_cast<std::size_t>(n));
    rig.run([&](Env& env, fiber::StopToken stop) {
        Producer producer(env, rig.config(), config, [&](const Delivery& d) {
            answers[d.tag] = d;
            ++times[d.tag];
        });
        for (int i = 0; i < n; ++i) {
            const std::string value = "v" + std::to_string(i);
            OutRecord record;
            record.topic = "t";
            record.partition = partition;
            record.value = as_bytes(value);
            record.tag = static_cast<std::uint64_t>(i);
            REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
        }
        CHECK(producer.flush(env.clock.in(200s), stop).ok());
        CHECK(producer.unanswered() == 0);
        producer.close(env.clock.in(10s));
    });
    for (const int t : times) CHECK(t == 1);
    return answers;
}
}  // namespace faultline::client
