// Logs whose topic the metadata does not know.
#include <algorithm>

#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
// A broker whose disk is changed by hand before its starts.
struct Node {
    Node() : world(1, recorder) {
        server = world.add_node("n1", 2, [this](Env& env, fiber::StopToken stop) {
            if (before) before(env);
            BrokerConfig config;
            config.node = NodeId{1};
            config.listeners = {{"PLAINTEXT", {"", 9092}, {"n1", 9092}}};
            config.log_dirs = {"data"};
            config.snapshot_record_bytes = 300;
            config.metadata_retention_bytes = 0;
            CHECK(run_broker(env, config, stop).ok());
        });
    }
    void run(const std::function<void(Client&)>& body) {
        bool finished = false;
        const std::string name = "c" + std::to_string(++clients);
        const NodeId client = world.add_node(name, 1, [&](Env& env, fiber::StopToken) {
            Client c(env);
            body(c);
            finished = true;
            world.halt();
        });
        world.start(server);
        world.start(client);
        world.run_until(world.now() + 3600s);
        REQUIRE(finished);
        world.stop(server);
        world.run_until(world.now() + 60s);
        REQUIRE(!world.running(server));
    }
    // Files that the disk has in a directory whose name ends so.
    std::vector<std::string> files_in(const std::string& ending) {
        std::vector<std::string> found;
        for (const auto& [name, inode] : world.disk(server).names()) {
            if (name.find(ending + "/") != std::string::npos) found.push_back(name);
        }
        return found;
    }
    sim::Recorder recorder;
    sim::World world;
    NodeId server{};
    std::function<void(Env&)> before;
    int clients = 0;
};
}  // namespace

TEST_CASE("broker: the log of a topic that a snapshot does not know is set aside, not removed") {
    Node node;
    node.run([](Client& c) {
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(c.env, {"old"})).error_code == KafkaError::none);
    });
    node.before = [](Env& env) { REQUIRE(env.disk.rename("data/t-0", "t-copy").ok()); };
    node.run([](Client& c) {
        CHECK(remove(c, "t") == KafkaError::none);
        // So that a snapshot stands where the deletion stood.
        for (int i = 0; i < 30; ++i) create(c, "u" + std::to_string(i), 1);
        c.env.fibers.sleep_until(c.env.clock.in(1s));
    });
    node.before = [](Env& env) { REQUIRE(env.disk.rename("t-copy", "data/t-0").ok()); };
    node.run([](Client& c) {
        create(c, "t", 1);
        CHECK(fetch(c, "t", 0, 0).high_watermark == 0);
    });
    CHECK(node.recorder.reached_count(probe::Site::stray_log_set_aside) == 1);
    // With all that it held, and no later start minds it.
    node.before = {};
    node.run([](Client& c) { CHECK(fetch(c, "t", 0, 0).high_watermark == 0); });
    const auto kept = node.files_in("-stray");
    const auto log = std::ranges::find_if(kept, [](const std::string& name) {
        return name.starts_with("data/t-0.") && name.ends_with("/00000000000000000000.log");
    });
    REQUIRE(log != kept.end());
    CHECK(node.world.disk(node.server).names().at(*log)->platter.empty() == false);
    CHECK(node.files_in("-delete").empty());
}
}  // namespace faultline::broker::test
