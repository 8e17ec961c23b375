// What a log knows of its producers: over restarts, retention, cuts, damage and crashes.
#include "core/base/crc32c.h"
#include "core/logic/producer/producer_snapshot.h"
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;
using logic::ProducerCheck;
using logic::ProducerStates;

namespace {
void put_be(std::string& out, std::size_t at, std::int64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
        out[at + static_cast<std::size_t>(i)] =
            static_cast<char>(value >> (8 * (bytes - 1 - i)) & 0xff);
}

// Two records of `producer`, numbered from `sequence` on.
IoBuf numbered(std::int64_t producer, std::int32_t sequence, int bytes, std::int64_t timestamp) {
    std::string raw = make_batch(2, bytes, timestamp).copy_string();
    put_be(raw, 43, producer, 8);
    put_be(raw, 51, 0, 2);
    put_be(raw, 53, sequence, 4);
    put_be(raw, 17, crc32c(as_bytes(std::string_view(raw).substr(kCrcFrom))), 4);
    return IoBuf::copy_of(as_bytes(raw));
}

void note(ProducerStates& states, const BatchHeader& h) {
    states.appended({h.producer_id, h.producer_epoch, h.base_sequence, h.last_delta + 1}, h.base,
                    h.last(), h.max_timestamp, WallTime{0});
}

// All that decides answers, as text: when a producer was heard of is left out.
std::string told(const ProducerStates& states) {
    std::string out;
    for (const auto& [id, s] : states.states()) {
        out += std::to_string(id) + "/" + std::to_string(s.epoch);
        for (const auto& b : s.batches)
            out += " " + std::to_string(b.base_sequence) + "-" + std::to_string(b.last_sequence) +
                   "@" + std::to_string(b.first.v) + "-" + std::to_string(b.last.v) + "t" +
                   std::to_string(b.timestamp);
        out += "\n";
    }
    return out;
}

// Three producers take turns; what was written at which offset is remembered.
struct Writers {
    std::map<Offset, BatchHeader> written;
    int count = 0;
    Offset recovery_point{0};  // of the checkpoint that the next start finds
    Result<void> put(PartitionLog& log, int bytes = 100) {
        const std::int64_t id = 7 + count % 3;
        const IoBuf batch = numbered(id, count / 3 * 2, bytes, 1000 + count);
        std::array<std::byte, kBatchHeaderBytes> raw;
        batch.copy_out(0, raw);
        BatchHeader h = parse_batch_header(raw);
        h.base = log.log_end();
        written[h.base] = h;
        ++count;
        auto done = log.append(batch, Epoch{1});
        return done.ok() ? Result<void>{} : done.error();
    }
    // What a log must know: of what retention took by what was written, else by what is there.
    std::string expected(PartitionLog& log) const {
        ProducerStates states;
        const auto there = read_all(log);
        const Offset first = there.empty() ? log.log_end() : there.front().base;
        for (const auto& [at, h] : written) {
            if (at < first) note(states, h);
        }
        for (const BatchHeader& h : there) {
            if (h.producer_id >= 0) note(states, h);
        }
        return told(states);
    }
};

std::vector<std::string> snapshots_of(LogRig& rig) {
    std::vector<std::string> names;
    for (const std::string& path : rig.disk.paths()) {
        if (path.ends_with(".snapshot")) names.push_back(path);
    }
    return names;
}
}  // namespace

TEST_CASE("producers: five batches are recognised after every kind of restart", "[storage]") {
    for (const int how : {0, 1, 2}) {  // a stop, a kill, a kill with a checkpoint in between
        LogRig rig;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 6; ++i) must_append(*log, numbered(7, i * 2, 50, 100 + i));
            REQUIRE(log->flush().ok());
            if (how == 2) REQUIRE(log->checkpoint().ok());
            for (int i = 6; i < 8; ++i) must_append(*log, numbered(7, i * 2, 50, 100 + i));
            REQUIRE(log->flush().ok());
            if (how == 0) REQUIRE(log->close().ok());
            if (how != 0) log->abandon();
            log = *rig.open(how == 0);
            for (int i = 3; i < 8; ++i) {
                const auto v = log->producers().check({7, 0, i * 2, 2});
                CHECK(v.check == ProducerCheck::duplicate);
                CHECK(v.first == Offset{i * 2});
                CHECK(v.timestamp == 101 + i);
            }
            CHECK(log->producers().check({7, 0, 4, 2}).check ==
                  ProducerCheck::out_of_order_sequence);
            CHECK(log->producers().check({7, 0, 16, 2}).check == ProducerCheck::append);
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("producers: who retention has taken all batches of is known, after restarts too",
          "[storage]") {
    for (const bool clean : {false, true}) {
        LogRig rig;
        rig.config.segment_bytes = 900;
        rig.run([&] {
            Writers writers;
            auto log = *rig.open();
            for (int i = 0; i < 12; ++i) REQUIRE(writers.put(*log).ok());
            must_append(*log, make_batch(1, 20, 2000));
            REQUIRE(log->roll().ok());
            REQUIRE(log->delete_records_before(log->log_end()).ok());
            CHECK(log->producers().size() == 3);
            if (clean) REQUIRE(log->close().ok());
            if (!clean) log->abandon();
        });
        rig.disk.crash(MemoryDisk::Survives::synced_only);
        rig.run([&] {
            auto log = *rig.open(clean);
            CHECK(log->log_start() == Offset{25});
            CHECK(log->producers().size() == 3);
            CHECK(log->producers().check({8, 0, 6, 2}).check == ProducerCheck::duplicate);
            CHECK(log->producers().check({8, 0, 8, 2}).check == ProducerCheck::append);
            REQUIRE(log->close().ok());
        });
        CHECK(snapshots_of(rig).size() == 1);
    }
}

TEST_CASE("producers: snapshots stand where segments begin, and the newest; no other stays",
          "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 900;
    rig.run([&] {
        Writers writers;
        auto log = *rig.open();
        for (int i = 0; i < 11; ++i) {
            REQUIRE(writers.put(*log).ok());
            REQUIRE(log->flush().ok());
            REQUIRE(log->checkpoint().ok());
        }
        const std::size_t segments = log->stats().segments;
        REQUIRE(segments >= 3);
        CHECK(snapshots_of(rig).size() == segments);  // the first segment has none
        REQUIRE(log->checkpoint().ok());
        REQUIRE(log->truncate_to(Offset{5}).ok());
        CHECK(told(log->producers()) == writers.expected(*log));
        for (const std::string& path : snapshots_of(rig))
            CHECK(path <= "d/t-0/00000000000000000004.snapshot");
        REQUIRE(writers.put(*log).ok());
        REQUIRE(log->close().ok());
        log = *rig.open(true);
        CHECK(told(log->producers()) == writers.expected(*log));
        REQUIRE(log->truncate_fully_and_start_at(Offset{100}).ok());
        CHECK(snapshots_of(rig).empty());
        CHECK(log->producers().size() == 0);
        REQUIRE(log->close().ok());
        CHECK(snapshots_of(rig).empty());
    });
}

TEST_CASE("producers: a damaged snapshot goes, and what it knew is read from the log",
          "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 900;
    Writers writers;
    std::string expected, newest, good;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 11; ++i) REQUIRE(writers.put(*log).ok());
        expected = told(log->producers());
        REQUIRE(log->close().ok());
        newest = snapshots_of(rig).back();
        good = rig.disk.content(newest);
        REQUIRE(newest == "d/t-0/00000000000000000022.snapshot");
    });
    const auto with = [&](const std::string& bytes, bool clean) {
        rig.disk.put(newest, bytes);
        rig.run([&] {
            auto opened = rig.open(clean);
            REQUIRE(opened.ok());
            CHECK((*opened)->log_end() == Offset{22});
            REQUIRE(told((*opened)->producers()) == expected);
            CHECK(!rig.disk.exists(newest));
            (*opened)->abandon();
        });
    };
    for (const bool clean : {false, true}) {
        for (std::size_t i = 0; i < good.size(); ++i) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ (1 << i % 8));
            with(bad, clean);
        }
        for (const std::size_t size : {0UL, 5UL, 6UL, 40UL, good.size() - 1})
            with(good.substr(0, size), clean);
    }
}

TEST_CASE("producers: a snapshot beyond the log's end goes before anything is appended",
          "[storage]") {
    LogRig rig;
    rig.run([&] {
        Writers writers;
        auto log = *rig.open();
        for (int i = 0; i < 4; ++i) REQUIRE(writers.put(*log).ok());
        REQUIRE(log->close().ok());
        const std::string path = "d/t-0/00000000000000000000.log";
        const std::string whole = rig.disk.content(path);
        // A disk that lied about a sync: the last batch is gone.
        rig.disk.put(path, whole.substr(0, whole.size() / 4 * 3));
        log = *rig.open();
        CHECK(log->log_end() == Offset{6});
        CHECK(told(log->producers()) == writers.expected(*log));
        CHECK(!rig.disk.exists("d/t-0/00000000000000000008.snapshot"));
        writers.count = 3;
        REQUIRE(writers.put(*log, 30).ok());
        REQUIRE(writers.put(*log, 30).ok());
        REQUIRE(log->flush().ok());
        log->abandon();
        log = *rig.open();
        CHECK(log->log_end() == Offset{10});
        CHECK(told(log->producers()) == writers.expected(*log));
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("start: what is below the newest snapshot is not read again", "[storage]") {
    // How many primitives a start costs, and whether it was right.
    const auto start = [](int batches, bool clean, int behind) {
        LogRig rig;
        std::uint64_t ops = 0;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < batches; ++i)
                must_append(*log, make_batch(2, 5000, 100 + i), Epoch{i / 100});
            REQUIRE(log->flush().ok());
            REQUIRE(log->checkpoint().ok());
            for (int i = 0; i < behind; ++i) must_append(*log, make_batch(2, 5000, 100));
            if (clean) REQUIRE(log->close().ok());
            if (!clean) log->abandon();
            const std::uint64_t before = rig.disk.ops(), syncs = rig.disk.syncs();
            log = *rig.open(clean);
            ops = rig.disk.ops() - before;
            if (behind == 0 && clean) CHECK(rig.disk.syncs() == syncs);
            CHECK(rig.sink.count(probe::Site::index_rebuilt) == 0);
            CHECK(log->log_end() == Offset{(batches + behind) * 2});
            must_append(*log, make_batch(2, 10, 1'000'000));
            CHECK(read_all(*log).size() == static_cast<std::size_t>(batches + behind + 1));
            CHECK((*log->max_timestamp())->timestamp == 1'000'001);
            CHECK((*log->offset_for_timestamp(100 + batches / 2))->timestamp >= 100 + batches / 2);
            REQUIRE(log->close().ok());
        });
        return ops;
    };
    for (const bool clean : {false, true}) {
        for (const int behind : {0, 3}) {
            INFO("clean " << clean << " behind " << behind);
            CHECK(start(1000, clean, behind) == start(10, clean, behind));
        }
    }
}

TEST_CASE("start: indexes that do not fit the snapshot are made anew", "[storage]") {
    for (const bool behind : {false, true}) {
        for (const int how : {0, 1, 2, 3}) {
            LogRig rig;
            rig.config.index_interval_bytes = 200;
            rig.run([&] {
                auto log = *rig.open();
                for (int i = 0; i < 30; ++i) must_append(*log, make_batch(2, 100, 100 + i));
                REQUIRE(log->flush().ok());
                REQUIRE(log->checkpoint().ok());
                if (behind) must_append(*log, make_batch(2, 100, 130));
                REQUIRE(log->flush().ok());
                log->abandon();
                const std::string path = std::string("d/t-0/00000000000000000000.") +
                                         (how % 2 == 0 ? "index" : "timeindex");
                std::string bytes = rig.disk.content(path);
                REQUIRE(bytes.size() > 60);
                if (how < 2) bytes.resize(bytes.size() / 2);
                if (how >= 2) bytes.replace(48, 12, 12, '\0');
                rig.disk.put(path, bytes);
                log = *rig.open();
                CHECK(read_all(*log).size() == (behind ? 31 : 30));
                for (int i = 0; i < 30; ++i)
                    CHECK((*log->offset_for_timestamp(100 + i))->timestamp == 100 + i);
                CHECK(rig.sink.count(probe::Site::index_rebuilt) == 1);
                REQUIRE(log->close().ok());
            });
        }
    }
}

namespace {
// Runs `op` on a log of which retention has taken the beginning, with the power going off after
// each number of primitives, under each way of losing what was not synced. Whatever is left, the
// log knows exactly what the producers of its batches did.
using Op = std::function<Result<void>(LogRig&, LogRef&, Writers&)>;

void check_producers(LogRig& rig, const Writers& writers) {
    rig.reboot();
    rig.run([&] {
        auto opened = rig.open(false, writers.recovery_point);
        REQUIRE(opened.ok());
        auto log = *opened;
        REQUIRE(told(log->producers()) == writers.expected(*log));
        must_append(*log, numbered(99, 0, 10, 5));
        REQUIRE(log->close().ok());
        log = *rig.open(true);
        REQUIRE(told(log->producers()) == writers.expected(*log));
        REQUIRE(log->close().ok());
    });
}

void crash_everywhere(const Op& op) {
    bool finished = false;
    for (std::uint64_t k = 0; !finished; ++k) {
        REQUIRE(k < 600);
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            INFO("primitive " << k << " seed " << seed);
            LogRig rig;
            rig.config.segment_bytes = 900;
            rig.config.index_interval_bytes = 100;
            rig.config.retention_ms = -1;
            Writers writers;
            rig.run([&] {
                auto log = *rig.open();
                for (int i = 0; i < 12; ++i) REQUIRE(writers.put(*log).ok());
                REQUIRE(log->delete_records_before(Offset{12}).ok());
                REQUIRE(log->checkpoint().ok());
                for (int i = 0; i < 2; ++i) REQUIRE(writers.put(*log).ok());
                REQUIRE(log->flush().ok());
                if (seed % 2 == 1) writers.recovery_point = Offset{20};
                rig.disk.stop_after(k);
                const auto result = op(rig, log, writers);
                finished = !rig.disk.stopped();
                if (finished) REQUIRE(result.ok());
                if (log) log->abandon();
            });
            using S = MemoryDisk::Survives;
            rig.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
            check_producers(rig, writers);
        }
    }
}
}  // namespace

TEST_CASE("producers: a crash at each step of appends, rolls and checkpoints", "[storage]") {
    crash_everywhere([](LogRig&, LogRef& log, Writers& writers) -> Result<void> {
        for (int i = 0; i < 7; ++i) {
            FL_CHECK(writers.put(*log));
            FL_CHECK(log->flush());
            if (i % 3 == 1) FL_CHECK(log->checkpoint());
        }
        return {};
    });
}

TEST_CASE("producers: a crash at each step of a roll", "[storage]") {
    crash_everywhere([](LogRig&, LogRef& log, Writers&) { return log->roll(); });
}

TEST_CASE("producers: a crash at each step of a truncation and what comes behind it", "[storage]") {
    for (const int to : {14, 21, 26}) {
        crash_everywhere([to](LogRig&, LogRef& log, Writers& writers) -> Result<void> {
            writers.recovery_point = std::min(writers.recovery_point, Offset{to / 2 * 2});
            FL_CHECK(log->truncate_to(Offset{to}));
            writers.written.erase(writers.written.lower_bound(log->log_end()),
                                  writers.written.end());
            for (int i = 0; i < 3; ++i) FL_CHECK(writers.put(*log, 60));
            FL_CHECK(log->flush());
            return log->checkpoint();
        });
    }
}

TEST_CASE("producers: a crash at each step of retention", "[storage]") {
    crash_everywhere([](LogRig&, LogRef& log, Writers& writers) -> Result<void> {
        LogConfig config = log->config();
        config.retention_bytes = 0;
        log->update_config(config);
        auto removed = log->apply_retention(log->log_end());
        if (!removed.ok()) return removed.error();
        return writers.put(*log);
    });
}

TEST_CASE("producers: a crash at each step of a close, and of the start behind it", "[storage]") {
    for (const bool clean : {false, true}) {
        crash_everywhere([clean](LogRig& rig, LogRef& log, Writers& writers) -> Result<void> {
            FL_CHECK(writers.put(*log));
            if (clean) FL_CHECK(log->close());
            if (!clean) {
                FL_CHECK(log->flush());
                log->abandon();
            }
            log.reset();
            auto opened = rig.open(clean);
            if (!opened.ok()) return opened.error();
            log = *opened;
            FL_CHECK(writers.put(*log));
            return log->close();
        });
    }
}

TEST_CASE("producers: a snapshot where a segment begins is durable, whoever wrote it last",
          "[storage]") {
    for (const bool torn : {false, true}) {
        for (const bool stop : {false, true}) {
            INFO("torn " << torn << " stop " << stop);
            LogRig rig;
            rig.run([&] {
                Writers writers;
                auto log = *rig.open();
                for (int i = 0; i < 6; ++i) REQUIRE(writers.put(*log).ok());
                REQUIRE(log->roll().ok());
                REQUIRE(writers.put(*log).ok());
                REQUIRE(log->flush().ok());
                if (torn) {  // nothing of the second segment's first batch is left
                    log->abandon();
                    rig.disk.put("d/t-0/00000000000000000012.log", std::string(100, '\0'));
                    log = *rig.open();
                } else {
                    REQUIRE(log->checkpoint().ok());
                    REQUIRE(log->truncate_to(Offset{12}).ok());
                }
                REQUIRE(log->log_end() == Offset{12});
                if (stop) {
                    REQUIRE(log->close().ok());
                    log = *rig.open(true);
                } else {
                    REQUIRE(log->checkpoint().ok());
                }
                REQUIRE(log->delete_records_before(Offset{12}).ok());
                log->abandon();
            });
            rig.disk.crash(MemoryDisk::Survives::synced_only);
            rig.reboot();
            rig.run([&] {
                auto log = *rig.open();
                CHECK(log->log_start() == Offset{12});
                CHECK(log->producers().size() == 3);
                CHECK(log->producers().check({8, 0, 2, 2}).check == ProducerCheck::duplicate);
                REQUIRE(log->close().ok());
            });
        }
    }
}

TEST_CASE("producers: a cut that could not read them leaves them unknown until that succeeds",
          "[storage]") {
    for (const bool stop : {false, true}) {
        LogRig rig;
        rig.config.index_interval_bytes = 100;
        rig.run([&] {
            Writers writers;
            auto log = *rig.open();
            for (int i = 0; i < 8; ++i) REQUIRE(writers.put(*log).ok());
            REQUIRE(log->flush().ok());
            const std::string path = "d/t-0/00000000000000000000.log";
            const std::size_t magic = rig.disk.content(path).size() / 8 * 2 + 16;
            rig.disk.flip_bit(path, magic, 6);
            CHECK(log->truncate_to(Offset{12}).code() == Errc::corrupt);
            CHECK(log->log_end() == Offset{12});
            writers.written.erase(Offset{12});
            writers.written.erase(Offset{14});
            CHECK(log->append(numbered(7, 4, 10, 5), Epoch{1}).code() == Errc::corrupt);
            CHECK(log->roll().code() == Errc::corrupt);
            CHECK(log->checkpoint().code() == Errc::corrupt);
            CHECK(log->truncate_to(Offset{12}).code() == Errc::corrupt);
            CHECK(log->log_end() == Offset{12});
            if (stop) REQUIRE(log->close().ok());
            CHECK(snapshots_of(rig).empty());
            rig.disk.flip_bit(path, magic, 6);
            if (stop) log = *rig.open(true);
            REQUIRE(log->truncate_to(Offset{12}).ok());
            CHECK(told(log->producers()) == writers.expected(*log));
            REQUIRE(writers.put(*log).ok());
            CHECK(told(log->producers()) == writers.expected(*log));
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("start: Kafka's snapshot does not stand for segments that no checkpoint calls durable",
          "[storage]") {
    for (const bool lost : {false, true}) {
        LogRig rig;
        rig.config.segment_bytes = 900;
        Writers writers;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 12; ++i) REQUIRE(writers.put(*log).ok());
            REQUIRE(log->flush().ok());
            log->abandon();
        });
        const auto snapshots = snapshots_of(rig);
        REQUIRE(snapshots.size() >= 2);
        for (const std::string& path : snapshots) {  // without what Kafka's lacks
            std::string bytes = rig.disk.content(path);
            bytes.resize(10 + static_cast<std::size_t>(bytes[9]) * 46);
            put_be(bytes, 2, crc32c(as_bytes(std::string_view(bytes).substr(6))), 4);
            rig.disk.put(path, bytes);
        }
        const std::string newest = snapshots.back().substr(0, snapshots.back().find('.'));
        const std::string before = snapshots[snapshots.size() - 2];
        const std::string sealed = before.substr(0, before.find('.')) + ".log";
        const Offset base{std::stoll(newest.substr(newest.rfind('/') + 1))};
        std::string bytes = rig.disk.content(sealed);
        if (lost) bytes.replace(bytes.size() / 2, 100, 100, '\0');
        rig.disk.put(sealed, bytes);
        rig.run([&] {
            auto all = rig.open();
            CHECK(all.ok() == !lost);
            if (lost) CHECK(all.code() == Errc::corrupt);
            if (all.ok()) (*all)->abandon();
            auto log = *rig.open(false, base);  // Kafka's checkpoint says that it was durable
            CHECK(log->log_end() == Offset{24});
            CHECK(log->producers().size() == 3);
            CHECK(log->producers().check({8, 0, 6, 2}).check == ProducerCheck::duplicate);
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("start: what a snapshot's mark says was durable is not cut as a torn tail", "[storage]") {
    for (const bool hole : {false, true}) {
        LogRig rig;
        rig.config.index_interval_bytes = 100;
        rig.run([&] {
            Writers writers;
            auto log = *rig.open();
            for (int i = 0; i < 6; ++i) REQUIRE(writers.put(*log).ok());
            REQUIRE(log->flush().ok());
            REQUIRE(log->checkpoint().ok());
            REQUIRE(writers.put(*log).ok());
            log->abandon();
            const std::string stem = "d/t-0/00000000000000000000";
            std::string bytes = rig.disk.content(stem + ".log");
            const std::size_t batch = bytes.size() / 7;
            if (hole) {  // and without its index the log is read from the beginning
                bytes.replace(batch * 3, 100, 100, '\0');
                rig.disk.put(stem + ".index", "");
            } else {
                bytes.resize(batch * 5 + 50);
            }
            rig.disk.put(stem + ".log", bytes);
            CHECK(rig.open().code() == Errc::corrupt);
            CHECK(rig.disk.content(stem + ".log") == bytes);
            const auto found = rig.sink.all<probe::CorruptionFound>();
            REQUIRE(found.size() == 1);
            CHECK(found[0].at == Offset{hole ? 6 : 10});
        });
    }
}

TEST_CASE("stop: indexes that a checkpoint wrote before a kill are durable after a clean stop",
          "[storage]") {
    LogRig rig;
    rig.config.index_interval_bytes = 200;
    const std::string stem = "d/t-0/00000000000000000000";
    std::string index, times;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 30; ++i) must_append(*log, make_batch(2, 100, 100 + i));
        REQUIRE(log->flush().ok());
        REQUIRE(log->checkpoint().ok());
        log->abandon();
        log = *rig.open();
        REQUIRE(log->close().ok());
        index = rig.disk.content(stem + ".index");
        times = rig.disk.content(stem + ".timeindex");
        REQUIRE(index.size() > 60);
        const std::uint64_t syncs = rig.disk.syncs();
        log = *rig.open(true);
        REQUIRE(log->close().ok());
        CHECK(rig.disk.syncs() == syncs);
    });
    rig.disk.crash(MemoryDisk::Survives::synced_only);
    CHECK(rig.disk.content(stem + ".index") == index);
    CHECK(rig.disk.content(stem + ".timeindex") == times);
    rig.reboot();
    rig.run([&] {
        auto log = *rig.open(true);
        CHECK(rig.sink.count(probe::Site::index_rebuilt) == 0);
        CHECK(read_all(*log).size() == 30);
        REQUIRE(log->close().ok());
    });
}
