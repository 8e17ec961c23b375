// The pure part of compaction: what is due, what becomes one segment, what stays of a batch.
#include <set>

#include "core/base/random.h"
#include "core/logic/storage/compaction_filter.h"
#include "core/logic/storage/compaction_plan.h"
#include "core/logic/storage/recovery_plan.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::logic::storage;

namespace {
// Sealed segments of 100 bytes and 10 offsets; records of segment i carry times i*1000..i*1000+900.
std::vector<CompactionSegment> sealed(int count) {
    std::vector<CompactionSegment> out;
    for (int i = 0; i < count; ++i) {
        out.push_back({Offset{i * 10}, Offset{i * 10 + 10}, 100, i * 1000, i * 1000 + 900});
    }
    return out;
}
Bytes key(const std::string& text) { return as_bytes(text); }
}  // namespace

TEST_CASE("compaction plan: what is clean, dirty and due", "[storage]") {
    const auto s = sealed(4);
    struct Row {
        const char* what;
        std::int64_t checkpoint, stable;
        CompactionLimits limits;
        std::int64_t now;
        std::int64_t first_dirty, end;
        std::uint64_t clean, dirty;
        bool due;
    };
    const Row rows[] = {
        {"all dirty", 0, 40, {}, 9000, 0, 40, 0, 400, true},
        {"half dirty is not more than half", 20, 40, {}, 9000, 20, 40, 200, 200, false},
        {"a lower ratio", 20, 40, {0.49}, 9000, 20, 40, 200, 200, true},
        {"everything clean", 40, 40, {0.0}, 9000, 40, 40, 400, 0, false},
        {"an unstable segment waits", 0, 39, {}, 9000, 0, 30, 0, 300, true},
        {"a young segment waits, and all behind it", 0, 40, {0.5, 7500}, 9000, 0, 10, 0, 100, true},
        {"exactly as old as asked goes", 0, 40, {0.5, 8100}, 9000, 0, 10, 0, 100, true},
        {"too old waits no longer", 30, 40, {0.5, 0, 5999}, 9000, 30, 40, 300, 100, true},
        {"exactly as old as allowed waits", 30, 40, {0.5, 0, 6000}, 9000, 30, 40, 300, 100, false},
        {"a checkpoint inside a segment: it is dirty", 35, 40, {}, 9000, 35, 40, 300, 100, false},
        {"a checkpoint behind the log: nothing is clean", 41, 40, {}, 9000, 0, 40, 0, 400, true},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const auto plan = plan_compaction(s, Offset{0}, Offset{row.checkpoint}, Offset{row.stable},
                                          row.limits, row.now);
        CHECK(plan.first_dirty == Offset{row.first_dirty});
        CHECK(plan.end == Offset{row.end});
        CHECK(plan.clean_bytes == row.clean);
        CHECK(plan.dirty_bytes == row.dirty);
        CHECK(plan.due == row.due);
    }
    const auto below = plan_compaction(s, Offset{15}, Offset{5}, Offset{40}, {}, 0);
    CHECK(below.first_dirty == Offset{15});
    CHECK(!plan_compaction({}, Offset{3}, Offset{0}, Offset{9}, {}, 0).due);
}

TEST_CASE("compaction groups: bytes, index entries and offsets bound them", "[storage]") {
    const auto groups = [](std::vector<GroupSegment> s, GroupLimits limits) {
        return group_segments(s, limits);
    };
    const GroupSegment a{Offset{0}, Offset{10}, 40, 4}, b{Offset{10}, Offset{20}, 60, 4},
        c{Offset{20}, Offset{INT32_MAX}, 1, 1}, d{Offset{INT32_MAX}, Offset{2147483648}, 1, 1},
        huge{Offset{10}, Offset{20}, 999, 99};
    using Sizes = std::vector<std::size_t>;
    CHECK(groups({}, {100, 10}).empty());
    CHECK(groups({a, b}, {100, 10}) == Sizes{2});
    CHECK(groups({a, b}, {99, 10}) == Sizes{1, 1});
    CHECK(groups({a, b}, {100, 7}) == Sizes{1, 1});
    CHECK(groups({a, b, c}, {200, 20}) == Sizes{3});
    CHECK(groups({a, b, c, d}, {200, 20}) == Sizes{3, 1});
    CHECK(groups({a, huge, c}, {100, 20}) == Sizes{1, 1, 1});
}

TEST_CASE("offset map: SipHash-2-4 with 128 bits is the published one", "[storage]") {
    // The authors' vectors for the empty message and for one byte 0, key 00 01 .. 0f.
    const std::uint64_t low = 0x0706050403020100ULL, high = 0x0f0e0d0c0b0a0908ULL;
    CHECK(siphash128({}, low, high) == SipHash128{0xe6a825ba047f81a3ULL, 0x930255c71472f66dULL});
    const std::byte zero{0};
    CHECK(siphash128({&zero, 1}, low, high) ==
          SipHash128{0x44af996bd8c187daULL, 0x45fc229b11597634ULL});
}

TEST_CASE("offset map: newest offsets, growth, and a bound", "[storage]") {
    OffsetMap map(24 * 5000, {1, 2});
    REQUIRE(map.max_keys() == 4500);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 4500; ++i)
            REQUIRE(map.put(key(std::to_string(i)), Offset{round * 10'000 + i}));
    }
    CHECK(map.full());
    CHECK(map.size() == 4500);
    CHECK(!map.put(key("one more"), Offset{1}));
    CHECK(map.put(key("7"), Offset{99'999}));
    CHECK(map.find(key("one more")) == std::nullopt);
    CHECK(map.find(key("7")) == Offset{99'999});
    for (int i = 8; i < 4500; ++i) REQUIRE(map.find(key(std::to_string(i))) == Offset{10'000 + i});
}

TEST_CASE("compaction filter: the newest record of a key stays, tombstones until their horizon",
          "[storage]") {
    OffsetMap map(10'000, {3, 4});
    map.put(key("a"), Offset{5});
    map.put(key("b"), Offset{6});
    CompactionRound round;
    round.now_ms = 1000;
    round.delete_retention_ms = 50;
    round.map_end = Offset{8};
    CompactionFilter filter(map, round);
    CHECK(filter.new_horizon() == 1050);
    CompactionBatch batch{Offset{0}, Offset{9}};
    CHECK(!filter.keeps(batch, Offset{4}, key("a"), true));
    CHECK(filter.keeps(batch, Offset{5}, key("a"), true));
    CHECK(filter.keeps(batch, Offset{0}, key("unknown"), true));
    CHECK(!filter.keeps(batch, Offset{0}, std::nullopt, true));
    CHECK(filter.keeps(batch, Offset{8}, std::nullopt, true));  // not looked at in this round
    CHECK(filter.keeps(batch, Offset{6}, key("b"), false));     // no horizon yet
    batch.delete_horizon = 1001;
    CHECK(filter.keeps(batch, Offset{6}, key("b"), false));
    batch.delete_horizon = 1000;
    CHECK(!filter.keeps(batch, Offset{6}, key("b"), false));
    CHECK(filter.keeps(batch, Offset{6}, key("b"), true));
    round.now_ms = INT64_MAX - 10;
    CHECK(CompactionFilter(map, round).new_horizon() == INT64_MAX);
}

TEST_CASE("compaction filter: a producer's last batch and the last of a segment stay, empty",
          "[storage]") {
    OffsetMap map(10'000, {});
    CompactionRound round;
    round.active[7] = {Offset{9}, 0};
    round.active[8] = {std::nullopt, 3};
    CompactionFilter filter(map, round);
    using Keep = BatchRuling::Keep;
    CHECK(filter.rule({Offset{0}, Offset{9}, 7, 0}, false).keep == Keep::always);
    CHECK(filter.rule({Offset{0}, Offset{8}, 7, 0}, false).keep == Keep::with_records);
    CHECK(filter.rule({Offset{0}, Offset{9}, -1, -1}, false).keep == Keep::with_records);
    CHECK(filter.rule({Offset{0}, Offset{9}, -1, -1}, true).keep == Keep::always);
    CompactionBatch marker{Offset{1}, Offset{1}, 8, 3, true, true, Marker::commit, {}};
    CHECK(filter.rule(marker, false).keep == Keep::always);
    marker.producer_epoch = 2;
    CHECK(filter.rule(marker, false).keep == Keep::with_records);
}

TEST_CASE("compaction filter: aborted data goes at once, markers after their data and the horizon",
          "[storage]") {
    OffsetMap map(10'000, {});
    CompactionRound round;
    round.now_ms = 1000;
    round.aborted = {{7, Offset{0}, Offset{4}}};
    using Keep = BatchRuling::Keep;
    const CompactionBatch data{Offset{0}, Offset{1}, 7, 0, true};
    const CompactionBatch later{Offset{5}, Offset{6}, 7, 0, true};
    CompactionBatch abort{Offset{4}, Offset{4}, 7, 0, true, true, Marker::abort, {}};
    CompactionBatch commit{Offset{7}, Offset{7}, 7, 0, true, true, Marker::commit, {}};
    {
        CompactionFilter first(map, round);
        CHECK(first.rule(data, false).no_records);
        CHECK(first.rule(abort, false).keep == Keep::with_records);  // its data stood in the log
        CHECK(!first.rule(later, false).no_records);
        CHECK(!first.rule(commit, false).ended_marker);
    }
    {
        CompactionFilter second(map, round);
        const auto ruling = second.rule(abort, false);
        CHECK(ruling.ended_marker);
        CHECK(ruling.keep == Keep::with_records);
        CHECK(second.rule(commit, false).ended_marker);
    }
    abort.delete_horizon = 1001;
    CHECK(CompactionFilter(map, round).rule(abort, false).keep == Keep::with_records);
    abort.delete_horizon = 1000;
    CHECK(CompactionFilter(map, round).rule(abort, false).keep == Keep::no);
    CHECK(CompactionFilter(map, round).rule(abort, true).no_records);
    const CompactionBatch other{Offset{4}, Offset{4}, -1, -1, false, true, Marker::other, {}};
    CHECK(!CompactionFilter(map, round).rule(other, false).ended_marker);
    const CompactionBatch emptied{Offset{4}, Offset{4}, 7, 0, true, true, Marker::none, {}};
    CHECK(CompactionFilter(map, round).rule(emptied, false).ended_marker);
}

TEST_CASE("compaction: aborted transactions are found by their markers", "[storage]") {
    TransactionScan scan;
    const auto data = [](std::int64_t at, std::int64_t producer) {
        return CompactionBatch{Offset{at}, Offset{at}, producer, 0, true};
    };
    const auto marker = [](std::int64_t at, std::int64_t producer, Marker what) {
        return CompactionBatch{Offset{at}, Offset{at}, producer, 0, true, true, what, {}};
    };
    scan.note({Offset{0}, Offset{0}});
    CHECK(!scan.seen());
    scan.note(data(1, 7));
    scan.note(data(2, 8));
    scan.note(data(3, 7));
    scan.note(marker(4, 8, Marker::commit));
    scan.note(marker(5, 7, Marker::abort));
    CHECK(!scan.incomplete());
    REQUIRE(scan.aborted().size() == 1);
    CHECK(scan.aborted()[0].producer_id == 7);
    CHECK(scan.aborted()[0].first == Offset{1});
    CHECK(scan.aborted()[0].last == Offset{5});
    scan.note(marker(6, 8, Marker::commit));
    CHECK(!scan.incomplete());
    scan.note(marker(7, 8, Marker::abort));
    CHECK(scan.incomplete());
}

TEST_CASE("recovery: which swaps are finished, and what they replace", "[storage]") {
    using Names = std::vector<std::string>;
    const std::string n0 = "00000000000000000000", n10 = "00000000000000000010",
                      n20 = "00000000000000000020", n30 = "00000000000000000030";
    const std::vector<FoundFile> files = {{n0 + ".log", 1},        {n0 + ".index", 1},
                                          {n0 + ".timeindex", 1},  {n10 + ".log", 1},
                                          {n10 + ".index", 1},     {n20 + ".log", 1},
                                          {n30 + ".log", 1},       {n0 + ".log.swap", 1},
                                          {n0 + ".index.swap", 1}, {"partition.metadata", 1}};
    auto plan = plan_swaps(files);
    CHECK(plan.finish == std::vector<Offset>{Offset{0}});
    CHECK(plan.remove == Names{n0 + ".index.swap"});
    CHECK(replaced_by_swap(files, Offset{0}, Offset{30}) ==
          Names{n0 + ".index", n0 + ".timeindex", n10 + ".log", n10 + ".index", n20 + ".log"});
    CHECK(replaced_by_swap(files, Offset{0}, Offset{10}) ==
          Names{n0 + ".index", n0 + ".timeindex"});
    CHECK(replaced_by_swap(files, Offset{20}, Offset{20}).empty());
    // Kafka was killed while it renamed: 20 came before 10, 10 is not renamed yet.
    plan = plan_swaps(std::vector<FoundFile>{
        {n0 + ".log.swap", 1}, {n10 + ".log.cleaned", 1}, {n20 + ".log.swap", 1}});
    CHECK(plan.finish == std::vector<Offset>{Offset{0}});
    CHECK(plan.remove == Names{n20 + ".log.swap"});
}

TEST_CASE("recovery: the account of gaps", "[storage]") {
    CHECK(print_gaps(Offset{1234}) == "0\n1234\n");
    for (const std::int64_t v : {std::int64_t{0}, std::int64_t{7}, INT64_MAX})
        CHECK(parse_gaps(print_gaps(Offset{v})) == Offset{v});
    for (const char* bad : {"", "0\n", "0\n\n", "1\n5\n", "0\n5", "0\n-5\n", "0\n5x\n",
                            "0\n99999999999999999999\n", "0\n000000000000000000001\n"}) {
        INFO(bad);
        CHECK(parse_gaps(bad) == std::nullopt);
    }
}
