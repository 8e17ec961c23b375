// Compaction of a log: what stays, where it stays, and what a crash in the middle leaves.
#include <map>

#include "core/wire/record_batch.h"
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

namespace {
struct Rec {
    std::int64_t timestamp;
    std::string key;
    std::optional<std::string> value;
    friend bool operator==(const Rec&, const Rec&) = default;
};
using Records = std::map<std::int64_t, Rec>;  // by offset

struct Producer {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;
};

IoBuf keyed(const std::vector<Rec>& records, wire::Codec codec = wire::Codec::none,
            Producer producer = {}, std::int16_t attributes = 0) {
    wire::BatchBuilder b;
    for (const Rec& r : records) {
        std::optional<Bytes> value;
        if (r.value) value = as_bytes(*r.value);
        b.add(r.timestamp, as_bytes(r.key), value, {{"h", r.key}});
    }
    b.set_producer(producer.id, producer.epoch, producer.sequence);
    b.set_attributes(attributes);
    return b.finish(codec);
}

IoBuf marker(Producer producer, bool commit) {
    wire::BatchBuilder b;
    const std::string key{'\0', '\0', '\0', commit ? '\1' : '\0'}, value(6, '\0');
    b.add(1, as_bytes(key), as_bytes(value));
    b.set_producer(producer.id, producer.epoch, -1);
    b.set_attributes(16 | 32);
    return b.finish(wire::Codec::none);
}

// Everything the log serves, batch by batch; offsets must ascend.
struct Content {
    Records records;
    std::vector<wire::BatchHeader> batches;
};
Content content_of(PartitionLog& log) {
    Content out;
    Offset at = log.log_start();
    std::int64_t before = -1;
    while (at < log.log_end()) {
        auto r = log.read({.from = at, .max_bytes = 3000});
        REQUIRE(r.ok());
        if (r->slices.empty()) break;  // the log was cut in a gap
        REQUIRE(r->next > at);
        const std::string bytes = bytes_of(*r);
        for (const IoBuf& batch : wire::split_batches(IoBuf::copy_of(as_bytes(bytes)))) {
            auto reader = wire::RecordReader::open(batch);
            REQUIRE(reader.ok());
            REQUIRE(reader->header().base_offset > before);
            before = reader->header().last_offset();
            out.batches.push_back(reader->header());
            for (;;) {
                auto record = reader->next();
                REQUIRE(record.ok());
                if (!*record) break;
                const wire::RecordView& v = **record;
                REQUIRE(v.offset <= before);
                Rec rec{v.timestamp, v.key ? std::string(as_text(*v.key)) : "", std::nullopt};
                if (v.value) rec.value = std::string(as_text(*v.value));
                REQUIRE(out.records.emplace(v.offset, rec).second);
            }
        }
        at = r->next;
    }
    return out;
}

// What may be left of `all` when everything below `cleaned_to` was cleaned: each record at its own
// offset, the newest of each key, nothing else below, everything above.
void check_compacted(const Records& all, const Records& left, std::int64_t cleaned_to,
                     bool tombstones_may_go) {
    std::map<std::string, std::int64_t> newest;
    for (const auto& [offset, rec] : all) {
        if (offset < cleaned_to) newest[rec.key] = offset;
    }
    for (const auto& [offset, rec] : left) {
        const auto it = all.find(offset);
        REQUIRE(it != all.end());
        REQUIRE(it->second == rec);
        if (offset < cleaned_to) REQUIRE(newest.at(rec.key) == offset);
    }
    for (const auto& [offset, rec] : all) {
        const bool must = offset >= cleaned_to ||
                          (newest.at(rec.key) == offset && (rec.value || !tombstones_may_go));
        if (must) REQUIRE(left.contains(offset));
    }
}

struct CompactRig : LogRig {
    explicit CompactRig(std::uint64_t seed = 0) : LogRig(seed) {
        config.cleanup_compact = true;
        config.cleanup_delete = false;
        config.segment_bytes = 700;
        config.index_interval_bytes = 100;
    }
    void put(PartitionLog& to, const std::vector<Rec>& records,
             wire::Codec codec = wire::Codec::none, Producer producer = {},
             std::int16_t attributes = 0) {
        const auto r = must_append(to, keyed(records, codec, producer, attributes));
        for (std::size_t i = 0; i < records.size(); ++i)
            all[r.first.v + static_cast<std::int64_t>(i)] = records[i];
    }
    Result<CompactionOutcome> compact(PartitionLog& to, Offset checkpoint = Offset{0}) {
        FL_CHECK(to.flush());
        CompactionTask task;
        task.checkpoint = checkpoint;
        task.stable = to.log_end();
        task.map_bytes = map_bytes;
        task.active = active;
        return to.compact(task);
    }
    Records all;
    std::size_t map_bytes = 1U << 20U;
    std::map<std::int64_t, logic::storage::LastOfProducer> active;
};
const std::string kSpread(60, 'x');
}  // namespace

TEST_CASE("compaction: the newest record of each key stays at its offset", "[storage]") {
    for (const auto codec : {wire::Codec::none, wire::Codec::lz4, wire::Codec::zstd}) {
        CompactRig rig;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 60; ++i) {
                const std::string k = std::to_string(i % 7);
                rig.put(*log,
                        {{100 + i, "k" + k, kSpread + std::to_string(i)},
                         {200 + i, "only" + std::to_string(i), "v"}},
                        codec);
            }
            REQUIRE(log->roll().ok());
            const Offset end = log->log_end();
            const auto segments = log->stats().segments;
            const auto done = rig.compact(*log);
            REQUIRE(done.ok());
            CHECK(done->cleaned_to == end);
            CHECK(done->records_before == 120);
            CHECK(done->records_after == 67);
            CHECK(log->stats().segments <= segments);
            CHECK(log->log_end() == end);
            const Content left = content_of(*log);
            CHECK(left.records.size() == 67);
            check_compacted(rig.all, left.records, end.v, false);
            CHECK(rig.disk.exists("d/t-0/offset-gaps-checkpoint"));
            // Every offset can still be asked for.
            for (std::int64_t at = 0; at < end.v; ++at) {
                const auto r = log->read({.from = Offset{at}, .max_bytes = 1});
                REQUIRE(r.ok());
                REQUIRE(r->next > Offset{at});
            }
            // Nothing is left to do, and nothing is rewritten.
            const auto writes = rig.disk.writes();
            const auto again = rig.compact(*log, done->cleaned_to);
            REQUIRE(again.ok());
            CHECK(again->bytes_before == 0);
            CHECK(rig.disk.writes() == writes);
            const auto found = log->offset_for_timestamp(259);
            REQUIRE((found.ok() && *found));
            CHECK((*found)->offset == Offset{119});
            REQUIRE(log->close().ok());
        });
        // The policy is delete again: the gaps are no damage.
        rig.config.cleanup_compact = false;
        rig.config.cleanup_delete = true;
        for (const bool clean : {true, false}) {
            rig.run([&] {
                auto log = rig.open(clean);
                REQUIRE(log.ok());
                CHECK((*log)->log_end() == Offset{120});
                CHECK(content_of(**log).records.size() == 67);
                REQUIRE((*log)->close().ok());
            });
        }
        CHECK(rig.sink.all<probe::CorruptionFound>().empty());
    }
}

TEST_CASE("compaction: a gap above what was compacted is damage", "[storage]") {
    CompactRig rig;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 12; ++i) rig.put(*log, {{i, "k" + std::to_string(i % 2), kSpread}});
        REQUIRE(log->roll().ok());
        REQUIRE(rig.compact(*log).ok());
        rig.put(*log, {{1, "a", kSpread}});
        rig.put(*log, {{2, "b", kSpread}});
        rig.put(*log, {{3, "c", kSpread}});
        REQUIRE(log->close().ok());
    });
    const std::string active = "d/t-0/00000000000000000012.log";
    const std::string whole = rig.disk.content(active);
    const std::size_t one = whole.size() / 3;
    rig.disk.put(active, whole.substr(0, one) + whole.substr(2 * one));
    rig.run([&] { CHECK(rig.open(false, Offset{15}).code() == Errc::corrupt); });
}

TEST_CASE("compaction: tombstones stay for delete.retention.ms after they were first cleaned",
          "[storage]") {
    CompactRig rig;
    rig.config.delete_retention_ms = 1000;
    rig.run([&] {
        auto log = *rig.open();
        rig.put(*log, {{10, "gone", "old"}, {11, "here", "old"}});
        rig.put(*log, {{12, "gone", std::nullopt}, {13, "here", "new"}}, wire::Codec::gzip);
        REQUIRE(log->roll().ok());
        rig.put(*log, {{14, "tail", "t"}});
        REQUIRE(log->roll().ok());
        const Offset end = log->log_end();
        REQUIRE(rig.compact(*log).ok());
        auto left = content_of(*log);
        check_compacted(rig.all, left.records, end.v, false);
        REQUIRE(left.records.size() == 3);
        const std::int64_t horizon = rig.clock.wall().ms + 1000;
        REQUIRE(left.batches.size() == 2);  // the first one is gone as a whole
        CHECK(left.batches[0].delete_horizon() == horizon);
        CHECK(left.batches[0].base_offset == 2);
        CHECK(left.batches[1].delete_horizon() == std::nullopt);
        const auto later = [&](std::int64_t ms) {
            (void)rig.scheduler.sleep_until({rig.clock.now() + std::chrono::milliseconds(ms)});
            return rig.compact(*log);  // from the beginning: all of it is looked at again
        };
        REQUIRE(later(999).ok());
        left = content_of(*log);
        CHECK(left.records.contains(2));
        CHECK(left.batches[0].delete_horizon() == horizon);  // set once
        REQUIRE(later(1).ok());
        left = content_of(*log);
        CHECK(!left.records.contains(2));
        check_compacted(rig.all, left.records, end.v, true);
        CHECK(rig.sink.count(probe::Site::tombstone_dropped) == 1);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("compaction: what recovery needs of producers stays as empty batches", "[storage]") {
    CompactRig rig;
    rig.run([&] {
        auto log = *rig.open();
        rig.put(*log, {{1, "a", "1"}, {2, "a", "2"}}, wire::Codec::none, {7, 3, 0});
        rig.put(*log, {{3, "a", "3"}, {4, "b", "4"}}, wire::Codec::lz4, {7, 3, 2});
        rig.put(*log, {{5, "a", "5"}, {6, "b", "6"}}, wire::Codec::none, {9, 0, 0});
        REQUIRE(log->roll().ok());
        rig.active[7] = {Offset{3}, 3};
        REQUIRE(rig.compact(*log).ok());
        const Content left = content_of(*log);
        REQUIRE(left.batches.size() == 2);
        const wire::BatchHeader& empty = left.batches[0];
        CHECK(empty.count == 0);
        CHECK(empty.base_offset == 2);
        CHECK(empty.last_offset() == 3);
        CHECK(empty.producer_id == 7);
        CHECK(empty.producer_epoch == 3);
        CHECK(empty.base_sequence == 2);
        CHECK(empty.codec() == wire::Codec::none);
        CHECK(empty.base_timestamp == -1);
        CHECK(empty.max_timestamp == 4);
        CHECK(rig.sink.count(probe::Site::empty_batch_kept) == 1);
        CHECK(left.records.size() == 2);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("compaction: aborted records go, and do not hide what was committed", "[storage]") {
    CompactRig rig;
    rig.config.delete_retention_ms = 0;
    rig.run([&] {
        auto log = *rig.open();
        rig.put(*log, {{1, "k", "committed"}}, wire::Codec::none, {7, 0, 0}, 16);
        must_append(*log, marker({7, 0}, true));
        rig.put(*log, {{2, "k", "aborted"}}, wire::Codec::none, {7, 0, 1}, 16);
        REQUIRE(log->roll().ok());
        must_append(*log, marker({7, 0}, false));  // above what is cleaned
        REQUIRE(rig.compact(*log).ok());
        Content left = content_of(*log);
        CHECK(left.records.contains(0));
        CHECK(!left.records.contains(2));
        CHECK(left.batches.size() == 4);  // the data as an empty batch: the last of its segment
        REQUIRE(log->roll().ok());
        rig.put(*log, {{3, "other", "v"}});
        REQUIRE(log->roll().ok());
        for (int i = 0; i < 3; ++i) REQUIRE(rig.compact(*log).ok());
        left = content_of(*log);
        CHECK(left.records.contains(0));
        CHECK(left.records.contains(1));   // its data is still there
        CHECK(!left.records.contains(3));  // nothing is left of what it ended
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("compaction: random logs, rounds, small maps and restarts", "[storage]") {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        CompactRig rig(seed);
        Rng rng(seed);
        rig.config.segment_bytes = rng.between(300, 3000);
        rig.config.delete_retention_ms = rng.between(0, 50);
        rig.map_bytes = rng.chance(1, 2) ? 24 * 20 : 1U << 16U;
        LogRef log;
        rig.run([&] { log = *rig.open(); });
        Offset checkpoint{0};
        for (int round = 0; round < 6; ++round) {
            INFO("seed " << seed << " round " << round);
            rig.run([&] {
                for (int i = 0; i < 25; ++i) {
                    std::vector<Rec> records;
                    for (std::int64_t n = rng.between(1, 4); n > 0; --n) {
                        std::optional<std::string> value;
                        if (rng.chance(4, 5))
                            value = std::string(static_cast<std::size_t>(rng.below(60)), 'v');
                        records.push_back(
                            {rng.between(0, 5000), "k" + std::to_string(rng.below(40)), value});
                    }
                    rig.put(*log, records, static_cast<wire::Codec>(rng.below(5)));
                }
                if (rng.chance(1, 2)) REQUIRE(log->roll().ok());
                (void)rig.scheduler.sleep_until(
                    {rig.clock.now() + std::chrono::milliseconds(rng.below(40))});
                const auto done = rig.compact(*log, checkpoint);
                REQUIRE(done.ok());
                REQUIRE(done->cleaned_to >= checkpoint);
                checkpoint = done->cleaned_to;
                const Content left = content_of(*log);
                check_compacted(rig.all, left.records, checkpoint.v, true);
                if (!rng.chance(1, 2)) return;
                const bool clean = rng.chance(1, 2);
                REQUIRE(log->close().ok());
                log = *rig.open(clean);
                REQUIRE(content_of(*log).records == left.records);
            });
        }
        rig.run([&] { REQUIRE(log->close().ok()); });
        CHECK(rig.sink.all<probe::CorruptionFound>().empty());
    }
}

TEST_CASE("compaction: readers and appends go on while segments are swapped", "[storage]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CompactRig rig(seed);
        rig.disk.set_yielding(true);
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 40; ++i) rig.put(*log, {{i, "k" + std::to_string(i % 5), kSpread}});
            REQUIRE(log->roll().ok());
            fiber::Group group(rig.scheduler);
            bool done = false;
            group.spawn({.name = "compact"}, [&](fiber::StopToken) {
                REQUIRE(rig.compact(*log).ok());
                done = true;
            });
            for (int n = 0; n < 3; ++n) {
                group.spawn({.name = "read"}, [&](fiber::StopToken) {
                    for (int rounds = 0; !done && rounds < 200; ++rounds) {
                        const Content now = content_of(*log);
                        for (int k = 35; k < 40; ++k) REQUIRE(now.records.contains(k));
                        const auto at = log->offset_for_timestamp(39);
                        REQUIRE((at.ok() && *at));
                        REQUIRE((*at)->offset == Offset{39});
                    }
                });
            }
            group.spawn({.name = "append"}, [&](fiber::StopToken) {
                for (int i = 0; i < 10; ++i) rig.put(*log, {{i, "new", kSpread}});
            });
            group.join();
            CHECK(rig.sink.all<probe::CorruptionFound>().empty());
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("compaction: a log that is cut, trimmed or deleted meanwhile is left alone",
          "[storage]") {
    for (const int what : {0, 1, 2}) {
        for (std::uint64_t after = 1; after < 60; after += 4) {
            CompactRig rig(after);
            rig.disk.set_yielding(true);
            rig.run([&] {
                auto log = *rig.open();
                for (int i = 0; i < 30; ++i)
                    rig.put(*log, {{i, "k" + std::to_string(i % 3), kSpread}});
                REQUIRE(log->roll().ok());
                fiber::Group group(rig.scheduler);
                group.spawn({.name = "compact"}, [&](fiber::StopToken) {
                    const auto done = rig.compact(*log);
                    if (!done.ok())
                        REQUIRE((done.code() == Errc::fenced || done.code() == Errc::closed));
                });
                for (std::uint64_t i = 0; i < after; ++i) rig.scheduler.yield();
                if (what == 0) REQUIRE(log->truncate_to(Offset{7}).ok());
                if (what == 1) REQUIRE(log->delete_records_before(Offset{17}).ok());
                if (what == 2) log->abandon();
                group.join();
                if (what == 2) return;
                const Content left = content_of(*log);
                if (what == 0) REQUIRE(log->log_end() <= Offset{7});
                for (const auto& [offset, rec] : left.records) REQUIRE(rig.all.at(offset) == rec);
                if (what == 1) {
                    for (int k = 27; k < 30; ++k) REQUIRE(left.records.contains(k));
                }
                REQUIRE(log->close().ok());
            });
            CHECK(rig.sink.all<probe::CorruptionFound>().empty());
        }
    }
}

TEST_CASE("compaction: a crash after every primitive leaves one generation of each record",
          "[storage]") {
    bool finished = false;
    std::uint64_t runs = 0, swaps = 0;
    for (std::uint64_t k = 0; !finished; ++k) {
        REQUIRE(k < 600);
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            INFO("primitive " << k << " seed " << seed);
            CompactRig rig;
            rig.config.delete_retention_ms = 0;
            rig.run([&] {
                auto log = *rig.open();
                for (int i = 0; i < 30; ++i) {
                    std::optional<std::string> value;
                    if (i % 9 != 4) value = kSpread + std::to_string(i);
                    rig.put(*log, {{i, "k" + std::to_string(i % 4), value}});
                }
                REQUIRE(log->roll().ok());
                // Twice: once onto new ground, once over what is clean.
                REQUIRE(log->flush().ok());
                rig.disk.stop_after(k);
                auto done = rig.compact(*log);
                if (done.ok()) done = rig.compact(*log);
                finished = !rig.disk.stopped();
                if (finished) REQUIRE(done.ok());
                log->abandon();
            });
            using S = MemoryDisk::Survives;
            rig.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
            rig.reboot();
            rig.run([&] {
                auto opened = rig.open(false, Offset{seed % 2 == 0 ? 30 : 0});
                REQUIRE(opened.ok());
                auto log = *opened;
                REQUIRE(log->log_end() == Offset{30});
                // Nothing but whole generations: the newest of each key, tombstones possibly gone.
                const Records left = content_of(*log).records;
                std::map<std::string, std::int64_t> newest;
                for (const auto& [offset, rec] : rig.all) newest[rec.key] = offset;
                for (const auto& [offset, rec] : left) REQUIRE(rig.all.at(offset) == rec);
                for (const auto& [name, offset] : newest) {
                    if (rig.all.at(offset).value) REQUIRE(left.contains(offset));
                }
                for (const std::string& path : rig.disk.paths()) {
                    REQUIRE(!path.ends_with(".swap"));
                    REQUIRE(!path.ends_with(".cleaned"));
                }
                rig.put(*log, {{99, "k0", "after"}});
                REQUIRE(log->roll().ok());
                REQUIRE(rig.compact(*log).ok());
                check_compacted(rig.all, content_of(*log).records, 31, true);
                REQUIRE(log->close().ok());
            });
            REQUIRE(rig.sink.all<probe::CorruptionFound>().empty());
            swaps +=
                static_cast<std::uint64_t>(rig.sink.count(probe::Site::compaction_swap_finished));
            ++runs;
        }
    }
    CHECK(runs > 300);
    CHECK(swaps > 20);
}

TEST_CASE("compaction: a full disk or a failed sync leaves the log as it was", "[storage]") {
    for (const bool full : {true, false}) {
        CompactRig rig;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 40; ++i)
                rig.put(*log, {{i, "k" + std::to_string(i % 20), kSpread}});
            REQUIRE(log->roll().ok());
            if (full) rig.disk.set_capacity(1);
            if (!full) rig.disk.fail_syncs_of(".cleaned");
            const auto done = rig.compact(*log);
            CHECK(done.code() == (full ? Errc::no_space : Errc::io));
            CHECK(content_of(*log).records == rig.all);
            CHECK(rig.dir->failed() == !full);
            if (!full) return;
            rig.disk.set_capacity(UINT64_MAX);
            REQUIRE(rig.compact(*log).ok());
            check_compacted(rig.all, content_of(*log).records, 40, false);
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("compaction: a log that Kafka compacted is read, gaps and all", "[storage]") {
    CompactRig rig;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 30; ++i) rig.put(*log, {{i, "k" + std::to_string(i % 3), kSpread}});
        REQUIRE(log->roll().ok());
        REQUIRE(rig.compact(*log).ok());
        REQUIRE(log->close().ok());
        REQUIRE(rig.disk.remove("d/t-0/offset-gaps-checkpoint").ok());
        for (const std::string& path : rig.disk.paths()) {  // Kafka's say nothing of the log
            if (path.ends_with(".snapshot")) REQUIRE(rig.disk.remove(path).ok());
        }
        REQUIRE(rig.disk.sync_dir("d/t-0").ok());
        CHECK(rig.open().code() == Errc::corrupt);  // gaps, and nobody says why
        LogOpenOptions o;
        o.partition = {"t", PartitionIndex{0}};
        o.path = "d/t-0";
        o.compacted = true;
        auto again = PartitionLog::open(rig.context, rig.dir, o);
        REQUIRE(again.ok());
        check_compacted(rig.all, content_of(**again).records, 30, false);
        REQUIRE((*again)->close().ok());
    });
}

TEST_CASE("log: a follower takes batches with gaps where compaction is known, and is cut in a gap",
          "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        REQUIRE(log->append_assigned(make_batch(2, 10, 5, Offset{0})).ok());
        CHECK(log->append_assigned(make_batch(2, 10, 5, Offset{10})).code() == Errc::invalid);
        REQUIRE(log->allow_gaps_below(Offset{20}).ok());
        const auto r = log->append_assigned(make_batch(2, 10, 5, Offset{10}));
        REQUIRE(r.ok());
        CHECK(r->first == Offset{10});
        CHECK(log->log_end() == Offset{12});
        CHECK(log->append_assigned(make_batch(2, 10, 5, Offset{21})).code() == Errc::invalid);
        REQUIRE(log->truncate_to(Offset{5}).ok());
        CHECK(log->log_end() == Offset{5});
        // What is gone leaves no gap for what comes.
        CHECK(log->append_assigned(make_batch(2, 10, 5, Offset{6})).code() == Errc::invalid);
        REQUIRE(log->append_assigned(make_batch(2, 10, 5, Offset{5})).ok());
        REQUIRE(log->flush().ok());
        REQUIRE(log->close().ok());
    });
    rig.run([&] {
        auto log = rig.open();
        REQUIRE(log.ok());
        CHECK((*log)->log_end() == Offset{7});
        REQUIRE((*log)->close().ok());
    });
}
