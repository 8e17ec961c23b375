// The pure part: tables.
#include "core/logic/storage/leader_epochs.h"
#include "core/logic/storage/recovery_plan.h"
#include "core/logic/storage/retention_policy.h"
#include "core/logic/storage/roll_policy.h"
#include "core/storage/checkpoint_file.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::logic::storage;

TEST_CASE("roll: size, age by records, age by clock, index, relative offsets", "[storage]") {
    const RollLimits limits{1000, 60'000, 100};
    struct Row {
        const char* what;
        ActiveSegment active;
        Incoming in;
        bool rolls;
    };
    const Row rows[] = {
        {"empty", {Offset{5}, 0, 0, -1, 0}, {5000, Offset{6}, 9, 999'999}, false},
        {"fits exactly", {Offset{0}, 900, 1, 1, 0}, {100, Offset{6}, 9, 10}, false},
        {"one byte over", {Offset{0}, 900, 1, 1, 0}, {101, Offset{6}, 9, 10}, true},
        {"old records replayed",
         {Offset{0}, 10, 1, 1000, 0},
         {1, Offset{6}, 61'000, 999'999},
         false},
        {"records too far apart", {Offset{0}, 10, 1, 1000, 0}, {1, Offset{6}, 61'001, 0}, true},
        {"no timestamps, young", {Offset{0}, 10, 1, -1, 500}, {1, Offset{6}, -1, 60'500}, false},
        {"no timestamps, old", {Offset{0}, 10, 1, -1, 500}, {1, Offset{6}, -1, 60'501}, true},
        {"index full", {Offset{0}, 10, 100, 1, 0}, {1, Offset{6}, 2, 2}, true},
        {"offset too far", {Offset{0}, 0, 0, -1, 0}, {1, Offset{2147483648}, 2, 2}, true},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(should_roll(limits, row.active, row.in) == row.rolls);
    }
}

TEST_CASE("retention: what goes is a prefix below the limit", "[storage]") {
    // Five segments of 100 bytes and 10 offsets, timestamps 1000, 2000, ...; the last is active.
    std::vector<SegmentSummary> s;
    for (int i = 0; i < 5; ++i) {
        s.push_back({Offset{i * 10}, Offset{i * 10 + 10}, 100, (i + 1) * 1000, 0});
    }
    struct Row {
        const char* what;
        RetentionLimits limits;
        Offset log_start, limit;
        std::int64_t now;
        std::size_t total;
        bool roll;
    };
    const Row rows[] = {
        {"for ever", {-1, -1, true}, Offset{0}, Offset{50}, 1 << 30, 0, false},
        {"time, two old", {500, -1, true}, Offset{0}, Offset{50}, 2501, 2, false},
        {"time, exactly as old as allowed stays",
         {500, -1, true},
         Offset{0},
         Offset{50},
         2500,
         1,
         false},
        {"time, all", {500, -1, true}, Offset{0}, Offset{50}, 9000, 5, true},
        {"time, limit below", {500, -1, true}, Offset{0}, Offset{29}, 9000, 2, false},
        {"size, nothing over", {-1, 500, true}, Offset{0}, Offset{50}, 0, 0, false},
        {"size, one byte short of a segment", {-1, 401, true}, Offset{0}, Offset{50}, 0, 0, false},
        {"size, one segment over", {-1, 400, true}, Offset{0}, Offset{50}, 0, 1, false},
        {"size, zero", {-1, 0, true}, Offset{0}, Offset{50}, 0, 5, true},
        {"log start", {-1, -1, true}, Offset{25}, Offset{50}, 0, 2, false},
        {"log start at the end keeps the active one",
         {-1, -1, true},
         Offset{50},
         Offset{50},
         0,
         4,
         false},
        {"compact only: no deletes but by log start",
         {0, 0, false},
         Offset{10},
         Offset{50},
         9000,
         1,
         false},
        {"both: the larger", {500, 200, true}, Offset{0}, Offset{50}, 1501, 3, false},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const auto plan = plan_retention(s, row.limits, row.log_start, row.limit, row.now);
        CHECK(plan.total == row.total);
        CHECK(plan.roll_active == row.roll);
    }
    s[0].largest_timestamp = -1;  // no timestamp: the file's time counts
    s[0].modified_ms = 5000;
    CHECK(plan_retention(s, {500, -1, true}, Offset{0}, Offset{50}, 5400).total == 0);
    for (auto& one : s) one.appended_ago_ms = 499;  // the wall clock jumped
    CHECK(plan_retention(s, {500, -1, true}, Offset{0}, Offset{50}, 1 << 30).total == 0);
    for (auto& one : s) one.appended_ago_ms = 500;
    CHECK(plan_retention(s, {500, -1, true}, Offset{0}, Offset{50}, 1 << 30).total == 5);
    CHECK(plan_retention({}, {500, 0, true}, Offset{0}, Offset{50}, 5400).total == 0);
}

TEST_CASE("recovery: what is read, what is removed", "[storage]") {
    const std::vector<FoundFile> files = {
        {"00000000000000000000.index", 8},       {"00000000000000000000.log", 100},
        {"00000000000000000010.log", 50},        {"00000000000000000020.index", 0},
        {"00000000000000000020.log", 5},         {"00000000000000000099.timeindex", 5},
        {"00000000000000000005.log.deleted", 1}, {"leader-epoch-checkpoint.tmp", 1},
        {"leader-epoch-checkpoint", 1},          {"00000000000000000020.logx", 1}};
    auto plan = plan_recovery(files, false, Offset{12});
    REQUIRE(plan.segments.size() == 3);
    CHECK(!plan.segments[0].scan);
    CHECK(plan.segments[1].scan);
    CHECK(plan.segments[2].scan);
    CHECK(plan.segments[0].has_index);
    CHECK(plan.remove == std::vector<std::string>{"00000000000000000099.timeindex",
                                                  "00000000000000000005.log.deleted",
                                                  "leader-epoch-checkpoint.tmp"});
    CHECK(plan_recovery(files, false, Offset{10}).segments[0].scan == false);
    CHECK(plan_recovery(files, false, Offset{9}).segments[0].scan == true);
    for (const auto& s : plan_recovery(files, true, Offset{0}).segments) CHECK(!s.scan);
    CHECK(parse_segment_name("99999999999999999999.log", ".log") == std::nullopt);
    CHECK(parse_segment_name("0000000000000000000a.log", ".log") == std::nullopt);
    CHECK(segment_name(Offset{INT64_MAX}, ".log") == "09223372036854775807.log");
}

TEST_CASE("recovery: which snapshots of producers stay", "[storage]") {
    const auto stray = [](std::vector<Offset> snapshots, std::vector<Offset> bases) {
        return logic::storage::stray_snapshots(snapshots, bases);
    };
    using V = std::vector<Offset>;
    CHECK(stray({}, {Offset{0}}).empty());
    CHECK(stray({Offset{7}}, {Offset{0}}).empty());
    CHECK(stray({Offset{7}, Offset{9}}, {Offset{0}}) == V{Offset{7}});
    CHECK(stray({Offset{7}, Offset{9}}, {Offset{0}, Offset{7}}).empty());
    CHECK(stray({Offset{7}, Offset{9}}, {Offset{9}}) == V{Offset{7}});
    CHECK(stray({Offset{7}}, {Offset{8}}) == V{Offset{7}});
    const std::vector<logic::storage::FoundFile> files{{"00000000000000000009.snapshot", 1},
                                                       {"00000000000000000000.log", 0},
                                                       {"00000000000000000007.snapshot", 1},
                                                       {"00000000000000000007.snapshot.tmp", 1}};
    const auto plan = logic::storage::plan_recovery(files, true, Offset{0});
    CHECK(plan.snapshots == V{Offset{7}, Offset{9}});
    CHECK(plan.remove == std::vector<std::string>{"00000000000000000007.snapshot.tmp"});
}

TEST_CASE("recovery: which names need no sync", "[storage]") {
    logic::storage::Names n{true, true, false, true};
    CHECK(names_durable(n));
    n = {true, false, true, true};
    CHECK(names_durable(n));
    n.checkpointed = false;
    CHECK_FALSE(names_durable(n));
    n = {true, false, false, true};
    CHECK_FALSE(names_durable(n));
    n = {true, true, true, false};
    CHECK_FALSE(names_durable(n));
}

TEST_CASE("recovery: the verdict on damage", "[storage]") {
    CHECK(judge({}) == Verdict::torn_tail);
    CHECK(judge({.active_segment = false}) == Verdict::corruption);
    CHECK(judge({.clean = true}) == Verdict::corruption);
    CHECK(judge({.below_recovery_point = true}) == Verdict::corruption);
    CHECK(judge({.one_bit_off = true}) == Verdict::corruption);
}

TEST_CASE("epochs: assign, ends, cuts, text", "[storage]") {
    LeaderEpochs e;
    CHECK(!e.end_of(Epoch{3}, Offset{9}));
    CHECK(e.assign(Epoch{1}, Offset{0}));
    CHECK(!e.assign(Epoch{1}, Offset{5}));
    CHECK(e.assign(Epoch{4}, Offset{10}));
    CHECK(e.assign(Epoch{6}, Offset{10}));  // epoch 4 wrote nothing
    CHECK(e.entries() == std::vector<EpochStart>{{Epoch{1}, Offset{0}}, {Epoch{6}, Offset{10}}});
    CHECK(e.assign(Epoch{7}, Offset{30}));
    CHECK(e.end_of(Epoch{6}, Offset{40})->end == Offset{30});
    CHECK(e.end_of(Epoch{9}, Offset{40})->epoch == Epoch{7});
    CHECK(e.end_of(Epoch{3}, Offset{40})->end == Offset{10});
    CHECK(!e.end_of(Epoch{0}, Offset{40}));
    CHECK(e.at(Offset{29}) == Epoch{6});
    // As a leader says it: an epoch before all that are known is empty, the current one may be too.
    CHECK(e.answer(Epoch{0}, Epoch{9}, Offset{40})->end == e.entries().front().start);
    CHECK(e.answer(Epoch{0}, Epoch{9}, Offset{40})->epoch == Epoch{0});
    CHECK(e.answer(Epoch{9}, Epoch{9}, Offset{40})->epoch == Epoch{9});
    CHECK(e.answer(Epoch{9}, Epoch{9}, Offset{40})->end == Offset{40});
    CHECK(e.answer(Epoch{8}, Epoch{9}, Offset{40})->epoch == Epoch{7});
    CHECK(!e.answer(Epoch{10}, Epoch{9}, Offset{40}));
    CHECK(!e.answer(Epoch{-1}, Epoch{9}, Offset{40}));
    CHECK(LeaderEpochs{}.answer(Epoch{1}, Epoch{2}, Offset{5})->end == Offset{5});

    // Where a follower is cut: at the leader's end of the epoch, at its own, and where it has
    // nothing of that epoch and of older ones, where its first one begins.
    CHECK(e.shared_end({Epoch{6}, Offset{20}}, Offset{40}) == Offset{20});
    CHECK(e.shared_end({Epoch{6}, Offset{35}}, Offset{40}) == Offset{30});
    CHECK(e.shared_end({Epoch{5}, Offset{20}}, Offset{40}) == Offset{10});
    CHECK(e.shared_end({Epoch{0}, Offset{7}}, Offset{40}) == Offset{0});
    CHECK(LeaderEpochs{}.shared_end({Epoch{0}, Offset{7}}, Offset{5}) == Offset{5});

    LeaderEpochs lower = e;
    CHECK(lower.forget_above(Epoch{6}));
    CHECK(lower.latest() < Epoch{7});
    CHECK(!lower.forget_above(Epoch{6}));

    LeaderEpochs read;
    CHECK(e.print() == "0\n3\n1 0\n6 10\n7 30\n");
    CHECK(read.parse(e.print()));
    CHECK(read.entries() == e.entries());
    for (const char* bad : {"", "0\n", "1\n0\n", "0\n1\n", "0\n1\n3 4", "0\n2\n3 4\n3 5\n",
                            "0\n1\n3 4\nx", "0\n-1\n"})
        CHECK(!read.parse(bad));
    CHECK(e.truncate_start(Offset{12}));
    CHECK(e.entries().front() == EpochStart{Epoch{6}, Offset{12}});
    CHECK(e.truncate_end(Offset{30}));
    CHECK(e.entries().size() == 1);
}

TEST_CASE("checkpoints: Kafka's text, and nothing else", "[storage]") {
    using namespace faultline::storage;
    const OffsetCheckpoint entries{{{"a", PartitionIndex{3}}, Offset{7}},
                                   {{"b-c", PartitionIndex{0}}, Offset{0}}};
    CHECK(print_checkpoint(entries) == "0\n2\na 3 7\nb-c 0 0\n");
    CHECK(parse_checkpoint(print_checkpoint(entries)) == entries);
    for (const char* bad : {"", "1\n0\n", "0\n1\n", "0\nx\n", "0\n1\na 3\n", "0\n1\na 3 -7\n",
                            "0\n1\na b 7\n", "0\n2\na 1 7\na 1 8\n"})
        CHECK(!parse_checkpoint(bad));
    CHECK(parse_partition_dir("a-b-12")->topic == "a-b");
    for (const char* bad :
         {"a", "-1", "a-", "a-x", "a-1-delete", "a/b-1", "a--1x", "a-1.0af-delete"})
        CHECK(!parse_partition_dir(bad));
    CHECK(is_deleted_dir(
        moved_dir({std::string(249, 't'), PartitionIndex{5}}, Uuid{1, 2}, "delete")));
    CHECK(moved_dir({std::string(249, 't'), PartitionIndex{5}}, Uuid{1, 2}, "delete").size() ==
          255);
    const MetaProperties meta{Uuid{1, 2}, NodeId{7}, Uuid{3, 4}};
    const auto back = parse_meta(print_meta(meta));
    REQUIRE(back);
    CHECK(back->cluster_id == meta.cluster_id);
    CHECK(back->node == NodeId{7});
    CHECK(back->directory_id == meta.directory_id);
    CHECK(!parse_meta("version=0\n"));
    CHECK(!parse_meta("node.id=1\n"));
    CHECK(parse_partition_metadata(print_partition_metadata(Uuid{5, 6})) == Uuid{5, 6});
    CHECK(!parse_partition_metadata("version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA"));
}

TEST_CASE("epochs of batches that their neighbours contradict are not believed", "[storage]") {
    using Batches = std::vector<std::pair<std::int32_t, std::int64_t>>;  // epoch, base offset
    const auto scan = [](const Batches& batches) {
        LeaderEpochs found;
        EpochScan walk(found);
        for (const auto& [epoch, base] : batches) walk.note(Epoch{epoch}, Offset{base});
        CHECK(walk.finish() == !found.entries().empty());
        CHECK(!walk.finish());
        return found.entries();
    };
    const auto starts = [](const Batches& batches) {
        std::vector<EpochStart> out;
        for (const auto& [epoch, base] : batches) out.push_back({Epoch{epoch}, Offset{base}});
        return out;
    };
    CHECK(scan({}).empty());
    CHECK(scan({{-1, 0}, {-1, 5}}).empty());
    CHECK(scan({{0, 0}, {0, 3}, {2, 5}, {2, 9}, {7, 12}}) == starts({{0, 0}, {2, 5}, {7, 12}}));
    // Too high and too low, first, within an epoch, at a border.
    CHECK(scan({{64, 0}, {0, 3}, {1, 5}}) == starts({{0, 3}, {1, 5}}));
    CHECK(scan({{1, 0}, {65, 3}, {1, 5}, {2, 6}}) == starts({{1, 0}, {2, 6}}));
    CHECK(scan({{4, 0}, {0, 3}, {4, 5}, {5, 6}}) == starts({{4, 0}, {5, 6}}));
    CHECK(scan({{1, 0}, {66, 3}, {2, 5}}) == starts({{1, 0}, {2, 5}}));
}
