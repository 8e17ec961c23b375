// A broker that no controller reaches does not name itself as a leader: a client that it keeps busy
// asks nobody else.
#include <algorithm>
#include <map>
#include <memory>
#include <ranges>
#include <vector>

#include <fmt/format.h>

#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {
namespace {
// A client that asks one node and nobody else.
struct OneNode {
    OneNode(Env& e, std::int32_t node, Duration longest)
        : env(e), patience(longest), admin(env, config(node, patience)) {
        const auto to = admin.cluster().any(env.clock.in(10s));
        REQUIRE(to.ok());
        conn = *to;
    }
    // By partition of "t", who leads it as that node says.
    std::map<std::int32_t, std::int32_t> leaders() {
        wire::MetadataRequest request;
        request.topics->emplace_back().name = "t";
        const auto told = conn->call<wire::MetadataResponse>(request, env.clock.in(patience));
        REQUIRE(told.ok());
        std::map<std::int32_t, std::int32_t> leaders;
        for (const auto& p : told->topics.at(0).partitions)
            leaders[p.partition_index] = p.leader_id;
        return leaders;
    }
    static client::ClientConfig config(std::int32_t node, Duration longest) {
        client::ClientConfig out = Cluster::client({fmt::format("n{}", node)});
        out.request_timeout = longest;
        return out;
    }
    Env& env;
    Duration patience;
    client::Admin admin;
    std::shared_ptr<rpc::ClientConn> conn;
};

void create(client::Admin& admin, Env& env, int partitions) {
    const auto made = admin.create_topic({"t", partitions, 3, {}}, env.clock.in(120s));
    REQUIRE(made.ok());
    REQUIRE(made->ok());
}
}  // namespace

TEST_CASE("metadata: a leader that is cut off does not name itself when its lease is over") {
    Cluster c(7);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        create(admin, env, 6);
        const auto told_by = [&](std::int32_t node) {
            OneNode one(env, node, 30s);
            const auto leaders = one.leaders();
            one.admin.close();
            return leaders;
        };
        const auto before = told_by(1);
        const std::int32_t victim = before.at(0);
        REQUIRE(victim > 0);
        c.cut_off(c.nodes.at(static_cast<std::size_t>(victim - 1)));
        env.fibers.sleep_until(env.clock.in(30s));
        const auto old = told_by(victim), next = told_by(victim % 3 + 1);
        for (const auto& [partition, leader] : before) {
            CAPTURE(partition);
            CHECK(next.at(partition) > 0);
            CHECK(next.at(partition) != victim);
            // Of the others it knows nothing newer.
            CHECK(old.at(partition) == (leader == victim ? -1 : leader));
        }
        // Whichever it asks first, a client that comes now finds all leaders.
        for (int i = 0; i < 8; ++i) {
            client::Admin fresh(env, Cluster::client({"n1", "n2", "n3"}));
            for (const auto& [partition, leader] : next) {
                const auto found = fresh.cluster().leader("t", partition, env.clock.in(5s));
                CHECK(found.ok());
            }
            fresh.close();
        }
        admin.close();
    });
}

TEST_CASE("metadata: a controller that stood still does not let its own broker lead on") {
    // Both in one process: the heartbeat is answered by who does not know yet that it has a
    // successor. One of the three is that controller.
    Cluster c(21);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        create(admin, env, 12);
        for (std::int32_t n = 1; n <= 3; ++n) {
            env.fibers.sleep_until(env.clock.in(15s));
            const NodeId node = c.nodes.at(static_cast<std::size_t>(n - 1));
            OneNode one(env, n, 60s);
            CAPTURE(n);
            c.world.at(c.world.now() + 1ms, [&c, node] { c.world.pause(node); });
            env.fibers.sleep_until(env.clock.in(8s));
            c.world.at(c.world.now() + 1ms, [&c, node] { c.world.resume(node); });
            // It waits to be read when the node goes on; the next ones come soon after that.
            for (int i = 0; i < 20; ++i) {
                CHECK(std::ranges::count(one.leaders() | std::views::values, n) == 0);
                env.fibers.sleep_until(env.clock.in(1ms));
            }
            one.admin.close();
        }
        admin.close();
    });
}

// Each of the three in turn is cut off from the other two; one of them is the active controller,
// which answers the heartbeats of its own broker.
TEST_CASE("leases: who is cut off leads no more when another begins to") {
    const std::size_t victim = GENERATE(0U, 1U, 2U);
    const std::uint64_t seed = GENERATE(3U, 4U, 5U);
    CAPTURE(victim, seed);
    Cluster c(seed);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        create(admin, env, 12);
        env.fibers.sleep_until(env.clock.in(5s));
        std::vector<std::unique_ptr<OneNode>> nodes;
        for (int n = 1; n <= 3; ++n) nodes.push_back(std::make_unique<OneNode>(env, n, 30s));
        const auto self = static_cast<std::int32_t>(victim + 1);
        c.cut_off(c.nodes.at(victim));
        bool followed = false;
        for (const Deadline end = env.clock.in(15s); env.clock.now() < end.at;) {
            // First the successor, then who may not have heard of it.
            const auto next = nodes[(victim + 1) % 3]->leaders(), old = nodes[victim]->leaders();
            for (const auto& [partition, leader] : next) {
                if (leader == self || leader < 0) continue;
                followed = true;
                CHECK(old.at(partition) != self);
            }
            env.fibers.sleep_until(env.clock.in(5ms));
        }
        CHECK(followed);
        for (const auto& one : nodes) one->admin.close();
        admin.close();
    });
}
}  // namespace faultline::broker::test
