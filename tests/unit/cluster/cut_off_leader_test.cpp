// A broker that no controller reaches does not name itself as a leader: a client that it keeps busy
// asks nobody else.
#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {

TEST_CASE("metadata: a leader that is cut off does not name itself when its lease is over") {
    Cluster c(7);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        const auto made = admin.create_topic({"t", 1, 3, {}}, env.clock.in(120s));
        REQUIRE(made.ok());
        REQUIRE(made->ok());
        const auto leader_told_by = [&](std::int32_t node) {
            client::Admin one(env, Cluster::client({"n" + std::to_string(node)}));
            const auto conn = one.cluster().any(env.clock.in(10s));
            REQUIRE(conn.ok());
            wire::MetadataRequest request;
            request.topics->emplace_back().name = "t";
            const auto told = (*conn)->call<wire::MetadataResponse>(request, env.clock.in(30s));
            REQUIRE(told.ok());
            const std::int32_t leader = told->topics.at(0).partitions.at(0).leader_id;
            one.close();
            return leader;
        };
        const std::int32_t leader = leader_told_by(1);
        REQUIRE(leader > 0);
        c.cut_off(c.nodes.at(static_cast<std::size_t>(leader - 1)));
        env.fibers.sleep_until(env.clock.in(30s));
        CHECK(leader_told_by(leader) == -1);
        const std::int32_t next = leader_told_by(leader % 3 + 1);
        CHECK(next > 0);
        CHECK(next != leader);
        admin.close();
    });
}

TEST_CASE("metadata: a controller that stood still does not let its own broker lead on") {
    // Both in one process: the heartbeat is answered by who does not know yet that it has a
    // successor. One of the three is that controller.
    Cluster c(21);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2", "n3"}));
        const auto made = admin.create_topic({"t", 12, 3, {}}, env.clock.in(120s));
        REQUIRE(made.ok());
        REQUIRE(made->ok());
        for (std::int32_t n = 1; n <= 3; ++n) {
            env.fibers.sleep_until(env.clock.in(15s));
            const NodeId node = c.nodes.at(static_cast<std::size_t>(n - 1));
            client::ClientConfig patient = Cluster::client({"n" + std::to_string(n)});
            patient.request_timeout = 60s;
            client::Admin one(env, patient);
            const auto conn = one.cluster().any(env.clock.in(10s));
            REQUIRE(conn.ok());
            const auto led = [&] {
                wire::MetadataRequest request;
                request.topics->emplace_back().name = "t";
                const auto told = (*conn)->call<wire::MetadataResponse>(request, env.clock.in(60s));
                REQUIRE(told.ok());
                return std::ranges::count(
                    told->topics.at(0).partitions, n,
                    &wire::MetadataResponse::MetadataResponsePartition::leader_id);
            };
            CAPTURE(n);
            c.world.at(c.world.now() + 1ms, [&c, node] { c.world.pause(node); });
            env.fibers.sleep_until(env.clock.in(8s));
            c.world.at(c.world.now() + 1ms, [&c, node] { c.world.resume(node); });
            // It waits to be read when the node goes on; the next ones come soon after that.
            for (int i = 0; i < 20; ++i) {
                CHECK(led() == 0);
                env.fibers.sleep_until(env.clock.in(1ms));
            }
            one.close();
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
        const auto made = admin.create_topic({"t", 12, 3, {}}, env.clock.in(120s));
        REQUIRE(made.ok());
        REQUIRE(made->ok());
        env.fibers.sleep_until(env.clock.in(5s));
        struct Asked {
            std::unique_ptr<client::Admin> admin;
            std::shared_ptr<rpc::ClientConn> conn;
        };
        std::vector<Asked> nodes;
        for (int n = 1; n <= 3; ++n) {
            Asked& a = nodes.emplace_back();
            a.admin =
                std::make_unique<client::Admin>(env, Cluster::client({fmt::format("n{}", n)}));
            const auto conn = a.admin->cluster().any(env.clock.in(10s));
            REQUIRE(conn.ok());
            a.conn = *conn;
        }
        // By partition, who leads it as that node says.
        const auto leaders_by = [&](std::size_t node) {
            wire::MetadataRequest request;
            request.topics->emplace_back().name = "t";
            const auto told =
                nodes[node].conn->call<wire::MetadataResponse>(request, env.clock.in(30s));
            REQUIRE(told.ok());
            std::map<std::int32_t, std::int32_t> leaders;
            for (const auto& p : told->topics.at(0).partitions)
                leaders[p.partition_index] = p.leader_id;
            return leaders;
        };
        const auto self = static_cast<std::int32_t>(victim + 1);
        c.cut_off(c.nodes.at(victim));
        bool followed = false;
        for (const Deadline end = env.clock.in(15s); env.clock.now() < end.at;) {
            // First the successor, then who may not have heard of it.
            const auto next = leaders_by((victim + 1) % 3), old = leaders_by(victim);
            for (const auto& [partition, leader] : next) {
                if (leader == self || leader < 0) continue;
                followed = true;
                CHECK(old.at(partition) != self);
            }
            env.fibers.sleep_until(env.clock.in(5ms));
        }
        CHECK(followed);
        for (Asked& a : nodes) a.admin->close();
        admin.close();
    });
}
}  // namespace faultline::broker::test
