// Snapshots of the metadata log: their bytes, and what a crash leaves of writing and beginning from
// one.
#include "core/controller/control_records.h"
#include "tests/unit/controller/quorum_rig.h"

using namespace faultline;
using namespace faultline::test;
using namespace faultline::controller;

namespace {
const std::string kDir = "data/__cluster_metadata-0/";

MetadataSnapshot small_snapshot(int topics) {
    MetadataSnapshot s;
    s.id = {Epoch{3}, Offset{40}};
    s.last_timestamp_ms = 1'700'000'000'123;
    for (int i = 0; i < topics; ++i) {
        wire::TopicRecord r;
        r.name = "t" + std::to_string(i);
        r.topic_id = {.hi = 1, .lo = static_cast<std::uint64_t>(i)};
        s.records.emplace_back(std::move(r));
    }
    return s;
}
}  // namespace

TEST_CASE("snapshot file: its name says epoch and end") {
    const SnapshotId id{Epoch{7}, Offset{1234}};
    CHECK(snapshot_file_name(id) == "00000000000000001234-0000000007.checkpoint");
    CHECK(parse_snapshot_file_name(snapshot_file_name(id)) == id);
    for (const char* bad :
         {"", "00000000000000001234-0000000007.checkpoint.part", "00000000000000001234.log",
          "0000000000000000123x-0000000007.checkpoint", "0000000000000001234-0000000007.checkpoint",
          "-0000000000000001234-0000000007.checkpoint"})
        CHECK(!parse_snapshot_file_name(bad));
}

TEST_CASE("snapshot file: what was encoded is decoded") {
    MetadataSnapshot s = small_snapshot(3);
    for (const bool with_voters : {false, true}) {
        if (with_voters) {
            s.voters = logic::raft::VoterSet(
                {{NodeId{1}, {.hi = 1, .lo = 1}}, {NodeId{2}, {.hi = 2, .lo = 2}}},
                {{NodeId{1}, {{"CONTROLLER", "c1", 9093}}}});
        }
        const auto back = decode_snapshot(s.id, encode_snapshot(s, WallTime{5}));
        REQUIRE(back.ok());
        CHECK(back->id == s.id);
        CHECK(back->last_timestamp_ms == s.last_timestamp_ms);
        CHECK(back->records == s.records);
        CHECK(back->voters == s.voters);
    }
}

TEST_CASE("snapshot file: every part of one, and every flipped bit, is refused") {
    const MetadataSnapshot s = small_snapshot(2);
    const std::string whole = encode_snapshot(s, WallTime{5}).copy_string();
    for (std::size_t n = 0; n < whole.size(); ++n)
        REQUIRE(!decode_snapshot(s.id, IoBuf::copy_of(as_bytes(whole.substr(0, n)))).ok());
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string rotten = whole;
        rotten[at] = static_cast<char>(rotten[at] ^ 1);
        INFO("byte " << at);
        REQUIRE(!decode_snapshot(s.id, IoBuf::copy_of(as_bytes(rotten))).ok());
    }
    REQUIRE(!decode_snapshot(s.id, IoBuf::copy_of(as_bytes(whole + whole))).ok());
    REQUIRE(!decode_snapshot({Epoch{4}, Offset{40}}, IoBuf::copy_of(as_bytes(whole))).ok());
}

TEST_CASE("quorum: it writes snapshots, cuts its log and begins from the newest") {
    TestWorld world;
    Offset start;
    Uuid digest;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        for (int i = 1; i <= 40; ++i) REQUIRE(rig.append_topic(i).ok());
        start = rig.quorum->raft().log().start;
        CHECK(start > Offset{10});
        digest = rig.keeper.image.digest();
        rig.stop();
    });
    CHECK(world.sink.all<probe::LogStartMoved>().size() > 3);
    // Only the newest is kept, and no segment below it.
    int snapshots = 0;
    for (const std::string& path : world.disk.paths()) {
        if (path.ends_with(".checkpoint") && path.starts_with(kDir)) ++snapshots;
        CHECK(path != kDir + "00000000000000000000.log");
    }
    CHECK(snapshots == 1);
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        CHECK(rig.keeper.loads == 1);
        REQUIRE(rig.append_topic(41).ok());
        CHECK(rig.keeper.image.topics.size() == 41);
        rig.stop();
    });
}

TEST_CASE("quorum: a damaged snapshot is passed over for an older one, and told") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        rig.config.snapshots.retention_bytes = -1;
        rig.config.snapshots.retention_ms = -1;
        REQUIRE(rig.start().ok());
        for (int i = 1; i <= 40; ++i) REQUIRE(rig.append_topic(i).ok());
        rig.stop();
    });
    std::string newest;
    for (const std::string& path : world.disk.paths()) {
        if (path.ends_with(".checkpoint")) newest = std::max(newest, path);
    }
    REQUIRE(!newest.empty());
    world.disk.flip_bit(newest, 100);
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        CHECK(rig.keeper.loads == 1);
        REQUIRE(rig.append_topic(41).ok());
        CHECK(rig.keeper.image.topics.size() == 41);
        rig.stop();
    });
}

TEST_CASE("quorum: a log without its snapshot is corrupt") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        for (int i = 1; i <= 20; ++i) REQUIRE(rig.append_topic(i).ok());
        rig.stop();
    });
    for (const std::string& path : world.disk.paths()) {
        if (path.ends_with(".checkpoint")) REQUIRE(world.disk.remove(path).ok());
    }
    world.run([&] {
        QuorumRig rig(world);
        CHECK(rig.start().code() == Errc::corrupt);
        rig.stop();
    });
}

namespace {
// A process that appends topics until the disk stops at primitive `k`; how many were acknowledged.
int run_until_crash(TestWorld& world, std::uint64_t k, bool& finished) {
    int acked = 0;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        for (int i = 1; i <= 3; ++i) {
            REQUIRE(rig.append_topic(i).ok());
            acked = i;
        }
        world.disk.stop_after(k);
        for (int i = 4; i <= 9; ++i) {
            if (!rig.append_topic(i).ok()) break;
            acked = i;
        }
        finished = !world.disk.stopped();
        rig.stop();
    });
    return acked;
}

void check_after_crash(TestWorld& world, int acked) {
    world.run([&] {
        QuorumRig rig(world);
        const auto started = rig.start();
        INFO(to_string(started.ok() ? Error{} : started.error()));
        REQUIRE(started.ok());
        REQUIRE(rig.append_topic(100).ok());
        const auto& topics = rig.keeper.image.topics;
        for (int i = 1; i <= acked; ++i) REQUIRE(topics.contains("t" + std::to_string(i)));
        const Offset start = rig.quorum->raft().log().start;
        REQUIRE((start == Offset{0} || rig.quorum->raft().log().snapshot.end == start));
        for (const std::string& path : world.disk.paths()) REQUIRE(!path.ends_with(".part"));
        rig.stop();
    });
}
}  // namespace

TEST_CASE("crash: at each step of snapshots and of cutting the log nothing is lost") {
    using S = MemoryDisk::Survives;
    bool finished = false;
    int with_snapshots = 0;
    for (std::uint64_t k = 0; !finished; ++k) {
        REQUIRE(k < 2000);
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            TestWorld world;
            const int acked = run_until_crash(world, k, finished);
            world.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
            with_snapshots += world.sink.all<probe::LogStartMoved>().empty() ? 0 : 1;
            INFO("primitive " << k << " seed " << seed << " acknowledged " << acked);
            check_after_crash(world, acked);
        }
    }
    CHECK(with_snapshots > 20);
}

TEST_CASE("crash: a snapshot that was fetched, but not yet begun from, is begun from") {
    using S = MemoryDisk::Survives;
    // The log of a follower that had ten records when its leader's log began at 40; and one with a
    // longer log, of an epoch that nothing was committed in.
    for (const int had : {3, 60}) {
        bool finished = false;
        for (std::uint64_t k = 0; !finished; ++k) {
            REQUIRE(k < 500);
            for (std::uint64_t seed = 0; seed < 4; ++seed) {
                TestWorld world;
                world.run([&] {
                    QuorumRig rig(world);
                    rig.config.snapshots.record_bytes = 1 << 20;
                    REQUIRE(rig.start().ok());
                    for (int i = 1; i <= had; ++i) REQUIRE(rig.append_topic(1000 + i).ok());
                    rig.stop();
                });
                const MetadataSnapshot s = small_snapshot(5);
                world.disk.put(kDir + snapshot_file_name(s.id),
                               encode_snapshot(s, WallTime{5}).copy_string());
                world.disk.stop_after(k);
                world.run([&] {
                    QuorumRig rig(world);
                    (void)rig.start();  // it fails where the disk stops
                    finished = !world.disk.stopped();
                    rig.stop();
                });
                world.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
                world.run([&] {
                    QuorumRig rig(world);
                    INFO("primitive " << k << " seed " << seed << " had " << had);
                    REQUIRE(rig.start().ok());
                    REQUIRE(rig.append_topic(100).ok());
                    REQUIRE(rig.quorum->raft().log().start == Offset{40});
                    const auto& topics = rig.keeper.image.topics;
                    REQUIRE(topics.size() == 6);
                    REQUIRE(topics.contains("t4"));
                    rig.stop();
                });
            }
        }
    }
}
