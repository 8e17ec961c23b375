// Voters that stand in the metadata log (KIP-853), on a quorum of one.
#include "core/controller/control_records.h"
#include "core/storage/checkpoint_file.h"
#include "tests/unit/controller/quorum_rig.h"

using namespace faultline;
using namespace faultline::test;
using namespace faultline::controller;
using raft::ChangeRefusal;

TEST_CASE("voters: what was encoded is decoded, with addresses") {
    const raft::VoterSet voters({{NodeId{3}, {.hi = 3, .lo = 1}}, {NodeId{1}, {.hi = 1, .lo = 1}}},
                                {{NodeId{3}, {{"CONTROLLER", "c3", 9093}}}});
    const Slice bytes = voters_record(voters).value.coalesce_copy();
    const auto back = parse_voters(bytes.bytes());
    REQUIRE(back.ok());
    CHECK(*back == voters);
    CHECK(back->in_log());
    for (std::size_t n = 0; n < bytes.size(); ++n)
        CHECK(!parse_voters(bytes.bytes().first(n)).ok());
}

TEST_CASE("voters: a set changes by one, and keeps addresses") {
    const raft::ReplicaKey one{NodeId{1}, {.hi = 1, .lo = 1}}, two{NodeId{2}, {.hi = 2, .lo = 2}};
    const raft::VoterSet voters({one}, {{NodeId{1}, {{"CONTROLLER", "c1", 9093}}}});
    const auto more = voters.with(two, {{"CONTROLLER", "c2", 9093}});
    REQUIRE(more);
    CHECK(more->addresses(NodeId{1})->front().host == "c1");
    CHECK(more->addresses(NodeId{2})->front().host == "c2");
    CHECK(!more->with(two));
    const auto moved = more->updated(two, {{"CONTROLLER", "elsewhere", 9093}});
    REQUIRE(moved);
    CHECK(moved->addresses(NodeId{2})->front().host == "elsewhere");
    CHECK(moved->all() == more->all());
    // A replica with another directory is another one.
    CHECK(!more->updated({NodeId{2}, {.hi = 9, .lo = 9}}, {}));
    const auto fewer = moved->without(one);
    REQUIRE(fewer);
    CHECK(fewer->addresses(NodeId{1}) == nullptr);
    CHECK(!fewer->without(two));
}

TEST_CASE("quorum: a static list of voters is moved into the log, and stays there") {
    TestWorld world;
    raft::ReplicaKey self;
    world.run([&] {
        QuorumRig rig(world);
        rig.config.advertised = Endpoint{"c1", 9093};
        REQUIRE(rig.start().ok());
        REQUIRE(rig.append_topic(1).ok());
        self = rig.quorum->raft().self();
        CHECK(!rig.quorum->raft().voters().current().in_log());
        const auto done = rig.quorum->begin_dynamic_voters(world.clock.in(1s));
        REQUIRE(done.ok());
        CHECK(*done == ChangeRefusal::none);
        const auto& voters = rig.quorum->raft().voters().current();
        CHECK(voters.in_log());
        CHECK(voters.all() == std::vector{self});
        REQUIRE(voters.addresses(NodeId{1}) != nullptr);
        CHECK(voters.addresses(NodeId{1})->front().host == "c1");
        // What oracles and pictures are told of it: the same voter, and that it is committed.
        const auto changes = world.sink.all<probe::VotersChanged>();
        REQUIRE(changes.size() == 1);
        CHECK(changes[0].at == rig.quorum->raft().voters().current_offset());
        CHECK(changes[0].before == 0b10);
        CHECK(changes[0].members == 0b10);
        const auto watermarks = world.sink.all<probe::HighWatermark>();
        REQUIRE(watermarks.size() > 2);
        CHECK(watermarks.front().hw == Offset{0});
        CHECK(watermarks.back().hw == rig.quorum->raft().high_watermark());
        // Whom nobody knows cannot be added, the last one not be removed.
        const raft::ReplicaKey stranger{NodeId{2}, {.hi = 2, .lo = 2}};
        const auto added = rig.quorum->add_voter(stranger, {}, world.clock.in(100ms));
        REQUIRE(added.ok());
        CHECK(*added == ChangeRefusal::not_caught_up);
        const auto removed = rig.quorum->remove_voter(self, world.clock.in(100ms));
        REQUIRE(removed.ok());
        CHECK(*removed == ChangeRefusal::last_voter);
        // So that the voters stand in a snapshot.
        for (int i = 2; i <= 20; ++i) REQUIRE(rig.append_topic(i).ok());
        CHECK(rig.quorum->raft().log().start > Offset{5});
        rig.stop();
    });
    world.run([&] {
        QuorumRig rig(world);
        rig.config.voters.clear();
        rig.config.advertised = Endpoint{"c1-moved", 9093};
        REQUIRE(rig.start().ok());
        CHECK(rig.quorum->raft().voters().current().all() == std::vector{self});
        REQUIRE(rig.append_topic(21).ok());
        // It listens elsewhere now, and says so.
        world.scheduler.sleep_until(world.clock.in(3s));
        CHECK(rig.quorum->raft().voters().current().addresses(NodeId{1})->front().host ==
              "c1-moved");
        rig.stop();
    });
}

TEST_CASE("quorum: a formatted directory holds the first voters") {
    TestWorld world;
    const raft::ReplicaKey self{NodeId{1}, {.hi = 5, .lo = 6}};
    const auto format = [&](std::vector<raft::ReplicaKey> voters) {
        const std::string dir = "data/__cluster_metadata-0";
        MetadataSnapshot first;
        first.voters = raft::VoterSet(std::move(voters), {});
        SnapshotStore store(world.disk);
        REQUIRE(create_dirs(world.disk, dir).ok());
        REQUIRE(store.open(dir).ok());
        REQUIRE(store.save(first, WallTime{5}).ok());
        REQUIRE(storage::write_text(world.disk, dir + "/partition.metadata",
                                    storage::print_partition_metadata(kMetadataTopicId))
                    .ok());
        REQUIRE(storage::write_text(
                    world.disk, "data/meta.properties",
                    storage::print_meta({{.hi = 1, .lo = 1}, NodeId{1}, self.directory}))
                    .ok());
    };
    SECTION("alone") {
        world.run([&] {
            format({self});
            QuorumRig rig(world);
            rig.config.voters.clear();
            REQUIRE(rig.start().ok());
            CHECK(rig.quorum->raft().self() == self);
            REQUIRE(rig.append_topic(1).ok());
            CHECK(rig.quorum->raft().voters().current().in_log());
            rig.stop();
        });
    }
    SECTION("another disk of that node has forgotten what it voted") {
        world.run([&] {
            format({{NodeId{1}, {.hi = 7, .lo = 7}}});
            QuorumRig rig(world);
            rig.config.voters.clear();
            REQUIRE(rig.start().ok());
            world.scheduler.sleep_until(world.clock.in(30s));
            CHECK(!rig.quorum->raft().leads());
            rig.stop();
        });
    }
}
