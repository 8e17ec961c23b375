// DescribeQuorum is answered by who leads.
#include "core/controller/describe_quorum.h"

#include "tests/unit/controller/quorum_rig.h"

using namespace faultline;
using namespace faultline::test;

namespace {
Result<wire::DescribeQuorumResponse> describe(QuorumRig& rig) {
    wire::DescribeQuorumRequest q;
    q.topics.emplace_back().topic_name = "__cluster_metadata";
    q.topics[0].partitions.emplace_back();
    return controller::describe_quorum(*rig.quorum, q, rig.world.clock);
}
}  // namespace

// It may have lost that a moment ago, and a disk keep the controller from hearing of it.
TEST_CASE("quorum: who does not lead refuses to describe it") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        rig.config.voters.push_back({NodeId{2}, {"n2", 9093}});
        REQUIRE(rig.start().ok());
        const auto refused = describe(rig);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.code() == Errc::fenced);
        rig.stop();
    });
}

TEST_CASE("quorum: who leads describes it, its own log included") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        REQUIRE(rig.append_topic(1).ok());
        const auto told = describe(rig);
        REQUIRE(told.ok());
        const auto& p = told->topics.at(0).partitions.at(0);
        CHECK(p.leader_id == 1);
        REQUIRE(p.current_voters.size() == 1);
        CHECK(p.current_voters[0].log_end_offset == rig.quorum->raft().log().end.v);
        rig.stop();
    });
}
