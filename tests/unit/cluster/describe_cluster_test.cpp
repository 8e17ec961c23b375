// Who is fenced is no broker to go to: it is told of only when asked for (KIP-1073).
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "tests/support/catch.h"
#include "tests/unit/cluster/three_brokers.h"

namespace faultline::broker::test {

TEST_CASE("describe cluster: a broker that died is not among those that serve") {
    Cluster c(5);
    c.run([&](Env& env) {
        client::Admin admin(env, Cluster::client({"n1", "n2"}));
        const auto conn = admin.cluster().any(env.clock.in(60s));
        REQUIRE(conn.ok());
        const auto ask = [&](bool all) {
            wire::DescribeClusterRequest request;
            request.include_fenced_brokers = all;
            std::vector<std::pair<std::int32_t, bool>> told;
            const auto answer =
                (*conn)->call<wire::DescribeClusterResponse>(request, env.clock.in(10s));
            REQUIRE(answer.ok());
            for (const auto& b : answer->brokers) told.emplace_back(b.broker_id, b.is_fenced);
            return told;
        };
        using Told = std::vector<std::pair<std::int32_t, bool>>;
        env.fibers.sleep_until(env.clock.in(5s));
        CHECK(ask(false) == Told{{1, false}, {2, false}, {3, false}});
        c.world.at(c.world.now() + 1s, [&c] { c.world.crash(c.nodes.at(2)); });
        env.fibers.sleep_until(env.clock.in(30s));
        CHECK(ask(false) == Told{{1, false}, {2, false}});
        CHECK(ask(true) == Told{{1, false}, {2, false}, {3, true}});
        admin.close();
    });
}
}  // namespace faultline::broker::test
