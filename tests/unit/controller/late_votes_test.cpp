// Votes that the disk keeps back for longer than their askers wait.
#include "tests/unit/controller/quorum_rig.h"

using namespace faultline;
using namespace faultline::test;

namespace {
wire::VoteRequest vote(std::int32_t epoch) {
    wire::VoteRequest q;
    q.voter_id = 1;
    auto& topic = q.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    auto& p = topic.partitions.emplace_back();
    p.replica_id = 2;
    p.replica_epoch = epoch;
    return q;
}
}  // namespace

// It would count as the voter's word on another question: two leaders of an epoch, in the worst
// case.
TEST_CASE(
    "quorum: an answer that comes too late is not taken for the answer to the next question") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        rig.config.voters.push_back({NodeId{2}, {"n2", 9093}});
        rig.config.raft.election_timeout = 600s;
        REQUIRE(rig.start().ok());
        world.disk.set_capacity(1);
        const MonoTime asked = world.clock.now();
        const auto first = rig.quorum->vote(vote(5));  // the promise finds no space
        REQUIRE_FALSE(first.ok());
        CHECK(first.code() == Errc::timed_out);
        CHECK(world.clock.now() - asked >= rig.config.raft.request_timeout);
        fiber::Group later(world.scheduler);
        later.spawn({.name = "space"}, [&](fiber::StopToken) {
            world.scheduler.sleep_until(world.clock.in(300ms));
            world.disk.set_capacity(1 << 30);
        });
        const auto second = rig.quorum->vote(vote(4));  // that epoch is over
        REQUIRE(second.ok());
        const auto& p = second->topics.at(0).partitions.at(0);
        CHECK_FALSE(p.vote_granted);
        CHECK(p.leader_epoch == 5);
        const auto third = rig.quorum->vote(vote(5));
        REQUIRE(third.ok());
        CHECK(third->topics.at(0).partitions.at(0).vote_granted);
        later.join();
        rig.stop();
    });
}

// Then it has been given, and nothing is still to come that would be taken from the next one.
TEST_CASE("quorum: an answer in the moment in which its time is over is one") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        TestWorld world(seed);
        world.run([&] {
            QuorumRig rig(world);
            rig.config.voters.push_back({NodeId{2}, {"n2", 9093}});
            rig.config.raft.election_timeout = 600s;
            // A multiple of what a full disk is tried again after.
            rig.config.raft.request_timeout = 12 * controller::kFullDiskRetry - 500ms;
            REQUIRE(rig.config.raft.fetch_wait == 500ms);
            REQUIRE(rig.start().ok());
            world.disk.set_capacity(1);
            fiber::Group later(world.scheduler);
            later.spawn({.name = "space"}, [&](fiber::StopToken) {
                world.scheduler.sleep_until(world.clock.in(12 * controller::kFullDiskRetry - 1ms));
                world.disk.set_capacity(1 << 30);
            });
            (void)rig.quorum->vote(vote(5));
            for (const std::int32_t epoch : {6, 7}) {
                const auto next = rig.quorum->vote(vote(epoch));
                REQUIRE(next.ok());
                CHECK(next->topics.at(0).partitions.at(0).leader_epoch == epoch);
            }
            later.join();
            rig.stop();
        });
    }
}

TEST_CASE("quorum: an epoch that no election can have reached is refused") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        for (const std::int32_t epoch : {2'000'000, INT32_MAX - 1, INT32_MAX}) {
            const auto refused = rig.quorum->vote(vote(epoch));
            REQUIRE_FALSE(refused.ok());
            CHECK(refused.code() == Errc::invalid);
        }
        CHECK(rig.quorum->raft().state().epoch < Epoch{10});
        CHECK(rig.append_topic(1).ok());
        rig.stop();
    });
}
