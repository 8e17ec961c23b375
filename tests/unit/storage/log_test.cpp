#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

TEST_CASE("log: what was appended is read back at once, from every offset", "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 20; ++i) {
            const AppendResult r = must_append(*log, make_batch(3, 50, 1000 + i * 10));
            CHECK(r.first == Offset{i * 3});
            CHECK(r.last == Offset{i * 3 + 2});
            CHECK(log->log_end() == Offset{i * 3 + 3});
            auto tail = log->read({.from = r.first});
            REQUIRE(tail.ok());
            CHECK(batches_of(bytes_of(*tail)).size() == 1);
        }
        for (int from = 0; from < 60; ++from) {
            auto r = log->read({.from = Offset{from}, .max_bytes = 1});
            REQUIRE(r.ok());
            const auto got = batches_of(bytes_of(*r));
            REQUIRE(got.size() == 1);
            CHECK(got[0].base <= Offset{from});
            CHECK(got[0].last() >= Offset{from});
            CHECK(r->first == got[0].base);
        }
        CHECK(log->read({.from = Offset{60}})->slices.empty());
        CHECK(log->read({.from = Offset{61}}).code() == Errc::not_found);
        CHECK(log->read({.from = Offset{0}, .max_bytes = 1, .min_one = false})->slices.empty());
        const auto below = log->read({.from = Offset{0}, .up_to = Offset{10}});
        CHECK(below->next == Offset{9});  // whole batches alone
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: malformed appends are refused and change nothing", "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        const IoBuf good = make_batch(1, 10, 5);
        CHECK(log->append(IoBuf{}, Epoch{0}).code() == Errc::invalid);
        CHECK(log->append(good.sub(0, good.size() - 1), Epoch{0}).code() == Errc::invalid);
        CHECK(log->append(good.sub(0, 60), Epoch{0}).code() == Errc::invalid);
        CHECK(log->append_assigned(make_batch(1, 10, 5, Offset{7})).code() == Errc::invalid);
        CHECK(log->append_assigned(make_batch(2, 10, 5, Offset{0})).ok());
        CHECK(log->log_end() == Offset{2});
        rig.config.segment_bytes = 100;
        log->update_config(rig.config);
        CHECK(log->append(make_batch(1, 200, 5), Epoch{0}).code() == Errc::too_large);
        CHECK(read_all(*log).size() == 1);
        REQUIRE(log->close().ok());
        CHECK(log->append(good, Epoch{0}).code() == Errc::closed);
    });
}

TEST_CASE("log: an index lookup equals a scan, over random logs and restarts", "[storage]") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        LogRig rig;
        Rng rng(seed);
        rig.config.segment_bytes = 4000;
        rig.config.index_interval_bytes = static_cast<std::int64_t>(rng.below(600));
        rig.run([&] {
            auto log = *rig.open();
            std::vector<BatchHeader> expected;
            for (int i = 0; i < 150; ++i) {
                const auto r =
                    must_append(*log, make_batch(static_cast<int>(1 + rng.below(5)),
                                                 static_cast<int>(rng.below(80)),
                                                 static_cast<std::int64_t>(rng.below(100000))));
                expected.push_back({});
                expected.back().base = r.first;
                expected.back().last_delta = static_cast<std::int32_t>(r.last - r.first);
            }
            CHECK(log->stats().segments > 3);
            for (int round = 0; round < 3;
                 ++round) {  // live, after a clean start, after an unclean one
                for (const BatchHeader& want : expected) {
                    for (const Offset at : {want.base, want.last()}) {
                        auto r = log->read({.from = at, .max_bytes = 1 + rng.below(3000)});
                        REQUIRE(r.ok());
                        const auto got = batches_of(bytes_of(*r));
                        REQUIRE(!got.empty());
                        REQUIRE(got[0].base == want.base);
                        REQUIRE(got.back().last() + 1 == r->next);
                    }
                }
                REQUIRE(read_all(*log, 2000).size() == expected.size());
                REQUIRE(log->close().ok());
                if (round == 1) rig.disk.crash(MemoryDisk::Survives::synced_only);
                log = *rig.open(round == 0);
            }
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("log: a time lookup equals a scan", "[storage]") {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        LogRig rig;
        Rng rng(seed);
        rig.config.segment_bytes = 3000;
        rig.config.index_interval_bytes = 200;
        rig.run([&] {
            auto log = *rig.open();
            std::vector<std::int64_t> times;
            for (int i = 0; i < 60; ++i) {
                std::vector<TestRecord> records;
                for (std::uint64_t n = 1 + rng.below(4); n > 0; --n) {
                    times.push_back(1000 + i * 5 + rng.between(-40, 40));
                    records.push_back({times.back(), "value"});
                }
                must_append(*log, make_batch(records));
            }
            for (int round = 0; round < 2; ++round) {
                for (std::int64_t ts = 900; ts < 1400; ts += 3) {
                    std::int64_t want = -1;
                    for (std::size_t i = 0; want < 0 && i < times.size(); ++i) {
                        if (times[i] >= ts) want = static_cast<std::int64_t>(i);
                    }
                    auto got = log->offset_for_timestamp(ts);
                    REQUIRE(got.ok());
                    REQUIRE((*got ? (*got)->offset.v : -1) == want);
                    if (*got) CHECK((*got)->timestamp == times[static_cast<std::size_t>(want)]);
                }
                const auto newest = std::max_element(times.begin(), times.end());
                auto max = log->max_timestamp();
                REQUIRE((max.ok() && *max));
                CHECK((*max)->offset.v == newest - times.begin());
                CHECK((*max)->timestamp == *newest);
                REQUIRE(log->close().ok());
                log = *rig.open(true);
            }
            CHECK(!*log->offset_for_timestamp(1000, Offset{0}));
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("log: many appends go out in few writes and few syncs", "[storage]") {
    LogRig rig;
    rig.disk.set_yielding(true);
    rig.disk.set_sync_time(5ms);
    rig.run([&] {
        auto log = *rig.open();
        const auto writes = rig.disk.writes(), syncs = rig.disk.syncs();
        fiber::Group group(rig.scheduler);
        std::vector<bool> seen(100, false);
        for (int i = 0; i < 100; ++i) {
            group.spawn({}, [&, i](fiber::StopToken) {
                const AppendResult r = must_append(*log, make_batch(1, 100, i));
                seen.at(static_cast<std::size_t>(r.first.v)) = true;
                REQUIRE(log->wait_durable(r.end(), Deadline::never()).ok());
                CHECK(log->durable_end() >= r.end());
            });
        }
        group.join();
        CHECK(std::count(seen.begin(), seen.end(), true) == 100);
        CHECK(rig.disk.writes() - writes <= 4);
        CHECK(rig.disk.syncs() - syncs <= 4);
        CHECK(read_all(*log).size() == 100);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: a waiter's deadline passes while the disk is slow", "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        rig.disk.set_sync_time(10s);
        const auto r = must_append(*log, make_batch(1, 10, 1));
        const MonoTime before = rig.scheduler.now();
        CHECK(log->wait_durable(r.end(), rig.clock.in(1s)).code() == Errc::timed_out);
        CHECK(rig.scheduler.now() - before == 1s);
        CHECK(log->wait_durable(r.end(), rig.clock.in(60s)).ok());
        CHECK(log->wait_durable(r.end() + 1, rig.clock.in(60s)).code() == Errc::fenced);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: a full disk refuses appends, keeps serving, and recovers by itself", "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 5; ++i) must_append(*log, make_batch(2, 100, i));
        const std::string before = rig.disk.content("d/t-0/00000000000000000000.log");
        for (std::uint64_t room = 0; room < 250; room += 10) {
            rig.disk.set_capacity(before.size() + room);
            CHECK(log->append(make_batch(2, 200, 7), Epoch{0}).code() == Errc::no_space);
            CHECK(log->log_end() == Offset{10});
            CHECK(rig.disk.content("d/t-0/00000000000000000000.log") == before);
            CHECK(read_all(*log).size() == 5);
        }
        CHECK(rig.sink.all<probe::DiskFull>().size() == 1);
        CHECK(rig.sink.count(probe::Site::append_refused_disk_full) == 25);
        rig.disk.set_capacity(UINT64_MAX);
        CHECK(must_append(*log, make_batch(1, 200, 8)).first == Offset{10});
        REQUIRE(rig.sink.all<probe::DiskFull>().size() == 2);
        CHECK(!rig.sink.all<probe::DiskFull>()[1].full);
        CHECK(read_all(*log).size() == 6);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: appends queued behind a failed write fail with it, later ones are dense",
          "[storage]") {
    LogRig rig;
    rig.disk.set_yielding(true);
    rig.run([&] {
        auto log = *rig.open();
        rig.disk.set_capacity(2000);
        fiber::Group group(rig.scheduler);
        int ok = 0, full = 0;
        for (int i = 0; i < 60; ++i) {
            group.spawn({}, [&, i](fiber::StopToken) {
                for (int y = i / 4; y > 0; --y) rig.scheduler.yield();
                auto r = log->append(make_batch(1, 40, i), Epoch{0});
                if (r.ok()) ++ok;
                if (!r.ok() && r.code() == Errc::no_space) ++full;
            });
        }
        group.join();
        CHECK(ok + full == 60);
        CHECK(ok > 0);
        CHECK(full > 0);
        CHECK(read_all(*log).size() == static_cast<std::size_t>(ok));
        rig.disk.set_capacity(UINT64_MAX);
        CHECK(must_append(*log, make_batch(1, 40, 99)).first == Offset{ok});
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: a failed sync is fatal to the directory; what was durable is still read",
          "[storage]") {
    LogRig rig;
    rig.run([&] {
        auto log = *rig.open();
        const auto first = must_append(*log, make_batch(2, 100, 1));
        REQUIRE(log->wait_durable(first.end(), Deadline::never()).ok());
        const auto second = must_append(*log, make_batch(2, 100, 2));
        rig.disk.fail_syncs_of(".log");
        CHECK(log->wait_durable(second.end(), Deadline::never()).code() == Errc::io);
        rig.disk.fail_syncs_of("");
        CHECK(log->append(make_batch(1, 1, 3), Epoch{0}).code() == Errc::io);
        CHECK(log->wait_durable(second.end(), Deadline::never()).code() == Errc::io);
        CHECK(log->wait_durable(first.end(), Deadline::never()).ok());
        CHECK(rig.sink.all<probe::LogDirFailed>().size() == 1);
        auto read = log->read({.from = Offset{0}});
        REQUIRE(read.ok());
        CHECK(read->next == first.end());
        CHECK(!log->close().ok());
    });
}

TEST_CASE("log: truncation cuts whole batches, across segments", "[storage]") {
    for (int to = 0; to <= 40; ++to) {
        LogRig rig;
        rig.config.segment_bytes = 700;
        rig.config.index_interval_bytes = 0;
        rig.run([&] {
            auto log = *rig.open();
            for (int i = 0; i < 20; ++i)
                must_append(*log, make_batch(2, 50, 1000 + i), Epoch{i / 5});
            REQUIRE(log->truncate_to(Offset{to}).ok());
            CHECK(log->log_end() == Offset{to / 2 * 2});
            if (to < 40) CHECK(log->durable_end() == log->log_end());
            CHECK(read_all(*log).size() == static_cast<std::size_t>(to / 2));
            const auto r = must_append(*log, make_batch(1, 9, 5), Epoch{9});
            CHECK(r.first == Offset{to / 2 * 2});
            CHECK(read_all(*log).size() == static_cast<std::size_t>(to / 2 + 1));
            CHECK(log->answer_for_epoch(Epoch{8}, Epoch{9})->end == r.first);
            REQUIRE(log->close().ok());
        });
    }
}

TEST_CASE("log: a removed segment stays readable for who holds its slice", "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 400;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 10; ++i) must_append(*log, make_batch(1, 100, i));
        auto held = log->read({.from = Offset{0}, .max_bytes = 100});
        const std::string before = bytes_of(*held);
        REQUIRE(log->delete_records_before(Offset{7}).ok());
        CHECK(log->log_start() == Offset{7});
        CHECK(!rig.disk.exists("d/t-0/00000000000000000000.log"));
        CHECK(bytes_of(*held) == before);
        CHECK(log->read({.from = Offset{6}}).code() == Errc::not_found);
        CHECK(batches_of(bytes_of(*log->read({.from = Offset{7}}))).front().base == Offset{7});
        CHECK(log->delete_records_before(Offset{11}).code() == Errc::invalid);
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: retention by size and by time, never above the limit", "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 400;
    rig.config.retention_ms = -1;
    rig.run([&] {
        const std::int64_t now = rig.clock.wall().ms;
        auto log = *rig.open();
        for (int i = 0; i < 10; ++i) must_append(*log, make_batch(1, 100, now - 10'000 + i * 1000));
        const auto segments = log->stats().segments;
        CHECK(*log->apply_retention(log->log_end()) == 0);
        rig.config.retention_bytes = 500;
        log->update_config(rig.config);
        CHECK(*log->apply_retention(Offset{2}) == 1);  // the segment of offsets 0 and 1
        CHECK(*log->apply_retention(log->log_end()) > 0);
        CHECK(log->stats().segments < segments);
        CHECK(log->stats().bytes >= 500);
        CHECK(read_all(*log).front().base == log->log_start());
        rig.config.retention_bytes = -1;
        rig.config.retention_ms = 0;
        log->update_config(rig.config);
        REQUIRE(log->apply_retention(log->log_end()).ok());  // the active one too
        CHECK(log->log_start() == log->log_end());
        CHECK(log->stats().bytes == 0);
        CHECK(must_append(*log, make_batch(1, 1, now)).first == Offset{10});
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: flush.messages makes appends wait, flush.ms syncs what is due", "[storage]") {
    LogRig rig;
    rig.config.flush_messages = 3;
    rig.config.flush_ms = 1000;
    rig.run([&] {
        auto log = *rig.open();
        must_append(*log, make_batch(2, 1, 1));
        CHECK(log->durable_end() == Offset{0});
        must_append(*log, make_batch(1, 1, 1));
        CHECK(log->durable_end() == Offset{3});
        must_append(*log, make_batch(1, 1, 1));
        REQUIRE(log->flush_if_due().ok());
        CHECK(log->durable_end() == Offset{3});
        rig.scheduler.sleep_until(rig.clock.in(1s));
        REQUIRE(log->flush_if_due().ok());
        CHECK(log->durable_end() == Offset{4});
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: leader epochs survive a clean and an unclean start", "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 300;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 8; ++i) must_append(*log, make_batch(2, 60, i), Epoch{i / 2 * 3});
        REQUIRE(log->assign_epoch(Epoch{20}).ok());
        for (const bool clean : {true, false}) {
            CHECK(log->latest_epoch() == Epoch{20});
            CHECK(log->answer_for_epoch(Epoch{4}, Epoch{99})->epoch == Epoch{3});
            CHECK(log->answer_for_epoch(Epoch{4}, Epoch{99})->end == Offset{8});
            CHECK(log->answer_for_epoch(Epoch{20}, Epoch{99})->end == Offset{16});
            REQUIRE(log->close().ok());
            log = *rig.open(clean);
        }
        REQUIRE(log->truncate_to(Offset{4}).ok());
        CHECK(log->latest_epoch() == Epoch{0});
        REQUIRE(log->truncate_fully_and_start_at(Offset{100}).ok());
        CHECK(log->log_start() == Offset{100});
        CHECK(!log->latest_epoch());
        CHECK(must_append(*log, make_batch(1, 1, 1), Epoch{30}).first == Offset{100});
        REQUIRE(log->close().ok());
    });
}

TEST_CASE("log: indexes of sealed segments leave memory when idle, and come back", "[storage]") {
    LogRig rig;
    rig.config.segment_bytes = 3000;
    rig.config.index_interval_bytes = 0;
    rig.config.retention_ms = -1;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 60; ++i) must_append(*log, make_batch(2, 100, 1000 + i * 10));
        for (int pass = 0; pass < 4; ++pass) {
            CHECK(*log->apply_retention(log->log_end()) == 0);
            const auto ops = rig.disk.ops();
            CHECK(*log->apply_retention(log->log_end()) == 0);
            CHECK(rig.disk.ops() == ops);  // nothing is read to learn the timestamps again
            // The first lookup reads the index again, the second has it.
            const auto first = rig.disk.ops();
            REQUIRE(log->offset_for_timestamp(1200).ok());
            const auto second = rig.disk.ops();
            REQUIRE(log->offset_for_timestamp(1200).ok());
            CHECK(second - first > rig.disk.ops() - second);
            CHECK(read_all(*log, 1500).size() == 60);
            auto found = log->offset_for_timestamp(1200);
            REQUIRE((found.ok() && *found));
            CHECK((*found)->offset == Offset{40});
            CHECK((*log->max_timestamp())->timestamp == 1591);
        }
        CHECK(rig.sink.count(probe::Site::index_rebuilt) == 0);
        REQUIRE(log->truncate_to(Offset{21}).ok());
        must_append(*log, make_batch(1, 1, 9000));
        CHECK((*log->max_timestamp())->timestamp == 9000);
        REQUIRE(log->close().ok());
    });
}
