// What a crash leaves: at every byte of the last batch, at every primitive of every operation.
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

namespace {
const std::string kFirst = "d/t-0/00000000000000000000.log";

// Five durable batches, written by a log that is gone.
std::string five_batches(LogRig& rig) {
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 5; ++i) must_append(*log, make_batch(2, 300, 100 + i));
        REQUIRE(log->flush().ok());
    });
    rig.disk.crash(MemoryDisk::Survives::synced_only);
    return rig.disk.content(kFirst);
}
}  // namespace

TEST_CASE("recovery: a tail torn at every byte of the last batch is cut, and only it",
          "[storage]") {
    LogRig rig;
    const std::string whole = five_batches(rig);
    const std::size_t last = whole.size() - whole.size() / 5;
    for (const bool zeros_behind : {false, true}) {
        for (std::size_t cut = last; cut < whole.size(); ++cut) {
            std::string torn = whole.substr(0, cut);
            if (zeros_behind) torn.resize(whole.size(), '\0');
            const bool unharmed = torn == whole;  // the batch ends with a zero
            rig.disk.put(kFirst, torn);
            rig.sink.events.clear();
            rig.run([&] {
                auto opened = rig.open();
                REQUIRE(opened.ok());
                auto log = *opened;
                const Offset end{unharmed ? 10 : 8};
                REQUIRE(log->log_end() == end);
                REQUIRE(log->durable_end() == end);
                REQUIRE(rig.disk.content(kFirst) ==
                        whole.substr(0, unharmed ? whole.size() : last));
                REQUIRE(rig.sink.all<probe::TornTailCut>().size() ==
                        (unharmed || torn.size() == last ? 0 : 1));
                REQUIRE(must_append(*log, make_batch(1, 20, 7)).first == end);
                REQUIRE(read_all(*log).size() == (unharmed ? 6 : 5));
                log->abandon();
            });
        }
    }
    CHECK(rig.sink.count(probe::Site::segment_torn_tail_repaired) > 1000);
}

TEST_CASE("recovery: one flipped bit anywhere keeps the log offline and cuts nothing",
          "[storage]") {
    LogRig rig;
    const std::string whole = five_batches(rig);
    const std::size_t batch = whole.size() / 5;
    for (const std::size_t which : {0UL, 2UL, 4UL}) {
        for (std::size_t byte = 0; byte < batch; ++byte) {
            if (byte >= 12 && byte < 16) continue;  // the leader epoch is outside the CRC
            std::string rotten = whole;
            rotten[which * batch + byte] =
                static_cast<char>(rotten[which * batch + byte] ^ (1 << byte % 8));
            rig.disk.put(kFirst, rotten);
            rig.sink.events.clear();
            rig.run([&] { REQUIRE(rig.open().code() == Errc::corrupt); });
            REQUIRE(rig.disk.content(kFirst) == rotten);
            const auto found = rig.sink.all<probe::CorruptionFound>();
            REQUIRE(found.size() == 1);
            REQUIRE(found[0].at == Offset{static_cast<std::int64_t>(which) * 2});
        }
    }
}

TEST_CASE("recovery: damage below the recovery point or in a sealed segment is never cut",
          "[storage]") {
    LogRig rig;
    const std::string whole = five_batches(rig);
    std::string holed = whole;
    holed.replace(whole.size() / 5 * 2, 512, 512, '\0');
    rig.disk.put(kFirst, holed);
    rig.run([&] {
        CHECK(rig.open(false, Offset{10}).code() == Errc::corrupt);
        CHECK(rig.disk.content(kFirst) == holed);
        CHECK(rig.open(true).code() == Errc::corrupt);  // no index: a clean start reads all of it
        CHECK(rig.disk.content(kFirst) == holed);
        rig.disk.put("d/t-0/00000000000000000010.log", "");
        CHECK(rig.open().code() == Errc::corrupt);
        CHECK(rig.disk.content(kFirst) == holed);
    });
}

TEST_CASE("read: rot below the log end is detected after a clean start and never served",
          "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 3000;
    rig.config.index_interval_bytes = 0;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 20; ++i) must_append(*log, make_batch(2, 300, 100 + i));
        REQUIRE(log->close().ok());
        rig.disk.flip_bit(kFirst, 900, 3);  // inside the second batch
        log = *rig.open(true);
        auto before = log->read({.from = Offset{0}});
        REQUIRE(before.ok());
        CHECK(before->next == Offset{2});
        CHECK(batches_of(bytes_of(*before)).size() == 1);
        CHECK(log->read({.from = Offset{2}}).code() == Errc::corrupt);
        CHECK(log->read({.from = Offset{3}}).code() == Errc::corrupt);
        CHECK(rig.sink.all<probe::CorruptionFound>().size() >= 1);
        auto behind = log->read({.from = Offset{4}, .max_bytes = 700});
        REQUIRE(behind.ok());
        CHECK(batches_of(bytes_of(*behind)).size() == 1);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("index: a missing, short, wrong or padded index is rebuilt", "[storage]") {
    for (int how = 0; how < 5; ++how) {
        LogRig rig;
        rig.config.segment_bytes = 3000;
        rig.config.index_interval_bytes = 0;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 20; ++i) must_append(*log, make_batch(2, 300, 100 + i));
            REQUIRE(log->close().ok());
            const std::string path = "d/t-0/00000000000000000000.index";
            std::string index = rig.disk.content(path);
            REQUIRE(index.size() >= 16);
            if (how == 0) index.resize(index.size() - 3);
            if (how == 1) index += std::string(80, '\0');
            if (how == 2) index[0] = '\x7f';
            if (how == 3) index[7] = static_cast<char>(index[7] + 1);
            if (how == 4) index.clear();
            if (how != 4) rig.disk.put(path, index);
            if (how == 4) REQUIRE(rig.disk.remove(path).ok());
            rig.sink.sites[static_cast<std::size_t>(probe::Site::index_rebuilt)] = 0;
            log = *rig.open(true);
            CHECK(read_all(*log).size() == 20);
            for (int at = 0; at < 40; ++at) {
                auto r = log->read({.from = Offset{at}, .max_bytes = 1});
                REQUIRE(r.ok());
                CHECK(r->first == Offset{at / 2 * 2});
            }
            CHECK(rig.sink.count(probe::Site::index_rebuilt) == 1);
            REQUIRE(log->close().ok());
        });
    }
}

namespace {
// What must hold of the log after any crash, given what was promised before it.
struct Promise {
    Offset durable{0};  // nothing below it may be missing, down to `start`
    Offset start{0};    // no record below it may come back once it is durable
    Offset written{0};  // nothing at or above it may exist
};

void check_after_crash(LogRig& rig, const Promise& promise, std::uint64_t seed) {
    rig.reboot();
    rig.run([&] {
        auto opened = rig.open();
        INFO("seed " << seed);
        REQUIRE(opened.ok());
        auto log = *opened;
        REQUIRE(log->log_end() >= promise.durable);
        REQUIRE(log->log_end() <= promise.written);
        REQUIRE(log->log_start() <= std::max(promise.start, promise.durable));
        const auto all = read_all(*log);
        if (!all.empty()) REQUIRE(all.back().last() + 1 == log->log_end());
        const auto r = must_append(*log, make_batch(1, 30, 1));
        REQUIRE(log->wait_durable(r.end(), Deadline::never()).ok());
        REQUIRE(read_all(*log).size() == all.size() + 1);
        REQUIRE(log->close().ok());
    });
}

// Runs `op` on a log of twelve durable batches in several segments, with the power going off after
// each number of primitives, under each way of losing what was not synced.
void crash_everywhere(const std::function<Result<void>(PartitionLog&, Promise&)>& op) {
    bool finished = false;
    std::uint64_t runs = 0;
    for (std::uint64_t k = 0; !finished; ++k) {
        REQUIRE(k < 400);
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            LogRig rig;
            rig.config.segment_bytes = 900;
            rig.config.index_interval_bytes = 100;
            rig.config.retention_ms = -1;
            Promise promise;
            rig.run([&] {
                auto log = *rig.open();
                for (int i = 0; i < 12; ++i)
                    must_append(*log, make_batch(2, 100, 50 + i), Epoch{i / 4});
                REQUIRE(log->flush().ok());
                promise = {log->log_end(), Offset{0}, log->log_end()};
                rig.disk.stop_after(k);
                const auto result = op(*log, promise);
                finished = !rig.disk.stopped();
                if (finished) REQUIRE(result.ok());
                log->abandon();
            });
            using S = MemoryDisk::Survives;
            rig.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
            check_after_crash(rig, promise, seed);
            ++runs;
        }
    }
    CHECK(runs > 24);
}
}  // namespace

TEST_CASE("crash: at each step of appends, rolls and syncs nothing durable is lost", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        for (int i = 0; i < 8; ++i) {
            p.written = log.log_end() + 2;
            FL_CHECK(log.append(make_batch(2, 150, 90 + i), Epoch{5 + i / 3}));
            if (i % 3 != 2) continue;
            FL_CHECK(log.wait_durable(log.log_end(), Deadline::never()));
            p.durable = log.log_end();
        }
        return {};
    });
}

TEST_CASE("crash: at each step of a roll", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise&) { return log.roll(); });
}

TEST_CASE("crash: at each step of a truncation", "[storage]") {
    for (const int to : {3, 10, 23}) {
        crash_everywhere([to](PartitionLog& log, Promise& p) -> Result<void> {
            p.durable = Offset{to / 2 * 2};
            FL_CHECK(log.truncate_to(Offset{to}));
            p.written = log.log_end();
            REQUIRE(log.log_end() == p.durable);
            return {};
        });
    }
}

TEST_CASE("crash: at each step of a truncation and appends behind it", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        p.durable = Offset{10};
        FL_CHECK(log.truncate_to(Offset{10}));
        for (int i = 0; i < 3; ++i) {
            FL_CHECK(log.append(make_batch(2, 80, 500 + i), Epoch{7}));
            FL_CHECK(log.wait_durable(log.log_end(), Deadline::never()));
            p.durable = log.log_end();
        }
        return {};
    });
}

TEST_CASE("crash: at each step of deleting old segments", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        p.start = Offset{17};
        return log.delete_records_before(Offset{17});
    });
}

TEST_CASE("crash: at each step of retention, the active segment among them", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        LogConfig config = log.config();
        config.retention_bytes = 0;
        log.update_config(config);
        p.start = log.log_end();
        auto removed = log.apply_retention(log.log_end());
        if (!removed.ok()) return removed.error();
        return {};
    });
}

TEST_CASE("crash: at each step of starting again elsewhere", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        p.durable = Offset{0};
        p.written = p.start = Offset{1000};
        FL_CHECK(log.truncate_fully_and_start_at(Offset{1000}));
        p.durable = Offset{1000};
        return {};
    });
}

TEST_CASE("crash: at each step of a close", "[storage]") {
    crash_everywhere([](PartitionLog& log, Promise& p) -> Result<void> {
        FL_CHECK(log.append(make_batch(2, 10, 90), Epoch{5}));
        p.written = log.log_end();
        FL_CHECK(log.close());
        p.durable = log.log_end();
        return {};
    });
}
