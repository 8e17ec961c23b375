#include "core/storage/log_manager.h"
#include "core/wire/record_batch.h"
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

namespace {
struct ManagerRig : LogRig {
    explicit ManagerRig(std::vector<std::string> dirs = {"data"}) {
        options.dirs = std::move(dirs);
        options.node = NodeId{1};
        options.defaults.segment_bytes = 1500;
        options.defaults.retention_ms = -1;
    }
    std::unique_ptr<LogManager> make() {
        return std::make_unique<LogManager>(context, rng, options);
    }
    Rng rng{5};
    LogManagerOptions options;
};

const TopicPartition kA{"a", PartitionIndex{0}}, kB{"b-c.d", PartitionIndex{12}};
constexpr Uuid kId{0x1234, 0x5678};

void fill(PartitionLog& log, int batches) {
    for (int i = 0; i < batches; ++i) must_append(log, make_batch(2, 100, 10 + i));
    REQUIRE(log.flush().ok());
}
}  // namespace

TEST_CASE("manager: logs, ids and marks survive a clean restart, laid out as Kafka does",
          "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        auto log = m->create(kA, kId, rig.options.defaults);
        REQUIRE(log.ok());
        CHECK(m->create(kA, kId, rig.options.defaults).code() == Errc::exists);
        REQUIRE(m->create(kB, Uuid{9, 9}, rig.options.defaults).ok());
        fill(**log, 10);
        REQUIRE((*log)->delete_records_before(Offset{3}).ok());
        const Uuid cluster = m->cluster_id();
        CHECK(!cluster.is_zero());
        REQUIRE(m->close(77).ok());
        CHECK(rig.disk.content("data/.kafka_cleanshutdown") ==
              "{\"version\":0,\"brokerEpoch\":77}");
        CHECK(rig.disk.content("data/recovery-point-offset-checkpoint") ==
              "0\n2\na 0 20\nb-c.d 12 0\n");
        CHECK(rig.disk.content("data/log-start-offset-checkpoint") == "0\n1\na 0 3\n");
        CHECK(rig.disk.content("data/a-0/partition.metadata") ==
              "version: 0\ntopic_id: " + to_string(kId));
        CHECK(rig.disk.exists("data/b-c.d-12/00000000000000000000.log"));
        rig.sink.events.clear();
        m = rig.make();
        REQUIRE(m->open().ok());
        CHECK(!rig.disk.exists("data/.kafka_cleanshutdown"));
        CHECK(m->cluster_id() == cluster);
        CHECK(m->partitions() == std::vector<TopicPartition>{kA, kB});
        CHECK(m->topic_id(kA) == kId);
        CHECK(m->find(kA)->log_end() == Offset{20});
        CHECK(m->find(kA)->log_start() == Offset{3});
        for (const auto& e : rig.sink.all<probe::LogOpened>()) CHECK(e.clean);
        auto second = rig.make();
        CHECK(second->open().code() == Errc::busy);
        REQUIRE(m->close().ok());
        rig.options.node = NodeId{2};
        m = rig.make();
        CHECK(m->open().code() == Errc::invalid);
    });
}

TEST_CASE("manager: a log that is damaged keeps offline, the others are served", "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        fill(**m->create(kA, kId, rig.options.defaults), 4);
        fill(**m->create(kB, kId, rig.options.defaults), 4);
        REQUIRE(m->checkpoint_recovery_points().ok());
        rig.disk.flip_bit("data/a-0/00000000000000000000.log", 100);
        rig.disk.crash(MemoryDisk::Survives::synced_only);
        auto again = rig.make();
        REQUIRE(again->open().ok());
        CHECK(again->find(kA) == nullptr);
        REQUIRE(again->offline().size() == 1);
        CHECK(again->offline()[0].partition == kA);
        CHECK(again->offline()[0].error.code == Errc::corrupt);
        CHECK(again->find(kB)->log_end() == Offset{8});
        REQUIRE(again->close().ok());
        CHECK(!rig.disk.exists("data/.kafka_cleanshutdown"));  // else the damage would be believed
        (void)m->close();
        m = rig.make();
        REQUIRE(m->open().ok());
        CHECK(m->create(kA, kId, rig.options.defaults).code() == Errc::exists);
        REQUIRE(m->remove(kA).ok());
        CHECK(m->offline().empty());
        CHECK((*m->create(kA, kId, rig.options.defaults))->log_end() == Offset{0});
        REQUIRE(m->close().ok());
        CHECK(rig.disk.exists("data/.kafka_cleanshutdown"));
    });
}

TEST_CASE("manager: a removed partition leaves nothing behind, and its name starts afresh",
          "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        fill(**m->create(kA, kId, rig.options.defaults), 10);
        REQUIRE(m->find(kA)->delete_records_before(Offset{5}).ok());
        REQUIRE(m->checkpoint_log_starts().ok());
        REQUIRE(m->checkpoint_recovery_points().ok());
        auto held = m->find(kA);
        auto slice = held->read({.from = Offset{5}, .max_bytes = 1});
        REQUIRE(m->remove(kA).ok());
        CHECK(m->remove(kA).code() == Errc::not_found);
        CHECK(held->append(make_batch(1, 1, 1), Epoch{0}).code() == Errc::closed);
        CHECK(batches_of(bytes_of(*slice)).size() == 1);
        auto fresh = m->create(kA, Uuid{7, 7}, rig.options.defaults);
        REQUIRE(fresh.ok());
        CHECK((*fresh)->log_start() == Offset{0});
        CHECK((*fresh)->log_end() == Offset{0});
        rig.scheduler.sleep_until(rig.clock.in(1s));
        for (const std::string& path : rig.disk.paths()) CHECK(path.find("-delete") == path.npos);
        rig.disk.crash(MemoryDisk::Survives::synced_only);
        auto again = rig.make();
        REQUIRE(again->open().ok());
        CHECK(again->find(kA)->log_start() == Offset{0});
        CHECK(again->topic_id(kA) == Uuid{7, 7});
        REQUIRE(again->close().ok());
        (void)m->close();
    });
}

TEST_CASE("manager: after close nothing is removed, and no removal is left over", "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        rig.options.primary = true;
        auto first = rig.make();
        REQUIRE(first->open().ok());
        rig.options.primary = false;  // a manager that writes no checkpoints closes at once
        rig.options.owns = [](const TopicPartition&) { return true; };
        auto m = rig.make();
        REQUIRE(m->open(first->states()).ok());
        REQUIRE(m->create(kA, kId, rig.options.defaults).ok());
        REQUIRE(m->create(kB, kId, rig.options.defaults).ok());
        rig.disk.set_yielding(true);
        rig.disk.set_sync_time(10ms);
        fiber::Group removing(rig.scheduler);
        Result<void> removed = Error{Errc::busy, 0, "test"};
        removing.spawn({}, [&](fiber::StopToken) { removed = m->remove(kA); });
        rig.scheduler.sleep_until(rig.clock.in(5ms));  // its directory has another name, unsynced
        REQUIRE(m->close().ok());
        CHECK(removed.code() == Errc::busy);
        removing.join();
        CHECK(removed.ok());
        CHECK(m->remove(kB).code() == Errc::closed);
        CHECK(m->set_aside(kB).code() == Errc::closed);
        CHECK(rig.disk.exists("data/b-c.d-12/partition.metadata"));
        m.reset();
        rig.options.primary = true;
        REQUIRE(first->close().ok());
        first = rig.make();
        REQUIRE(first->open().ok());
        CHECK(first->partitions() == std::vector<TopicPartition>{kB});
        for (const std::string& path : rig.disk.paths()) CHECK(path.find("-delete") == path.npos);
        REQUIRE(first->close().ok());
    });
}

TEST_CASE("manager: retention and checkpoints run by themselves", "[storage]") {
    ManagerRig rig;
    rig.options.defaults.flush_ms = 3000;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        auto log = *m->create(kA, kId, rig.options.defaults);
        for (int i = 0; i < 30; ++i) must_append(*log, make_batch(2, 100, rig.clock.wall().ms));
        CHECK(log->durable_end() < log->log_end());
        rig.scheduler.sleep_until(rig.clock.in(5s));
        CHECK(log->durable_end() == Offset{60});
        rig.scheduler.sleep_until(rig.clock.in(60s));
        CHECK(rig.disk.content("data/recovery-point-offset-checkpoint") == "0\n1\na 0 60\n");
        LogConfig config = log->config();
        config.retention_ms = 100'000;
        log->update_config(config);
        m->set_retention_limit([](const PartitionLog&) { return Offset{40}; });
        rig.scheduler.sleep_until(rig.clock.in(400s));
        CHECK(log->log_start() > Offset{20});
        CHECK(log->log_start() <= Offset{40});
        REQUIRE(m->close().ok());
    });
}

TEST_CASE("manager: two directories share the partitions; one that fails takes no new ones",
          "[storage]") {
    ManagerRig rig({"d1", "d2"});
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        for (int i = 0; i < 4; ++i) {
            REQUIRE(m->create({"t", PartitionIndex{i}}, kId, rig.options.defaults).ok());
        }
        CHECK(m->find({"t", PartitionIndex{0}})->dir()->index() == 0);
        CHECK(m->find({"t", PartitionIndex{1}})->dir()->index() == 1);
        rig.disk.fail_syncs_of("t-1/00000000000000000000.log");
        auto bad = m->find({"t", PartitionIndex{1}});
        must_append(*bad, make_batch(1, 1, 1));
        CHECK(bad->flush().code() == Errc::io);
        CHECK(m->find({"t", PartitionIndex{3}})->append(make_batch(1, 1, 1), Epoch{0}).code() ==
              Errc::io);
        REQUIRE(m->find({"t", PartitionIndex{2}})->append(make_batch(1, 1, 1), Epoch{0}).ok());
        auto made = m->create({"t", PartitionIndex{9}}, kId, rig.options.defaults);
        REQUIRE(made.ok());
        CHECK((*made)->dir()->index() == 0);
        CHECK(!m->close().ok());
        CHECK(rig.disk.exists("d1/.kafka_cleanshutdown"));
        CHECK(!rig.disk.exists("d2/.kafka_cleanshutdown"));
    });
}

TEST_CASE("manager: a crash at each step of create, write, truncate, remove, close", "[storage]") {
    bool finished = false;
    for (std::uint64_t k = 0; !finished; ++k) {
        REQUIRE(k < 400);
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            ManagerRig rig;
            Offset durable{0}, written{0};
            bool removing = false, created = false;
            rig.run([&] {
                auto m = rig.make();
                rig.disk.stop_after(k);
                const auto work = [&]() -> Result<void> {
                    FL_CHECK(m->open());
                    FL_TRY(LogRef a, m->create(kA, kId, rig.options.defaults));
                    created = true;
                    written = Offset{20};
                    for (int i = 0; i < 10; ++i)
                        FL_CHECK(a->append(make_batch(2, 100, 5), Epoch{1}));
                    FL_CHECK(a->flush());
                    durable = Offset{20};
                    FL_CHECK(m->checkpoint_recovery_points());
                    durable = Offset{12};
                    FL_CHECK(a->truncate_to(Offset{12}));
                    FL_CHECK(a->append(make_batch(2, 500, 5), Epoch{2}));
                    FL_TRY(LogRef b, m->create(kB, kId, rig.options.defaults));
                    FL_CHECK(b->append(make_batch(1, 1, 1), Epoch{0}));
                    removing = true;
                    FL_CHECK(m->remove(kA));
                    return m->close(1);
                };
                const auto result = work();
                finished = !rig.disk.stopped();
                if (finished) REQUIRE(result.ok());
                if (!finished) (void)m->close();
            });
            using S = MemoryDisk::Survives;
            rig.disk.crash(seed == 0 ? S::synced_only : seed == 1 ? S::all : S::torn, seed);
            rig.run([&] {
                auto m = rig.make();
                INFO("k " << k << " seed " << seed);
                REQUIRE(m->open().ok());
                REQUIRE(m->offline().empty());
                auto a = m->find(kA);
                if (created && !removing) REQUIRE(a != nullptr);
                if (a != nullptr && !removing) {
                    REQUIRE(a->log_end() >= durable);
                    REQUIRE(a->log_end() <= written);
                    read_all(*a);
                }
                for (const TopicPartition& p : m->partitions()) {
                    REQUIRE(m->find(p)->append(make_batch(1, 1, 1), Epoch{9}).ok());
                }
                REQUIRE(m->close().ok());
                REQUIRE(rig.disk.exists("data/.kafka_cleanshutdown"));
            });
        }
    }
}

TEST_CASE("manager: an unclean start on a full disk serves, and accepts writes when space returns",
          "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        fill(**m->create(kA, kId, rig.options.defaults), 30);
        REQUIRE(m->find(kA)->stats().segments > 3);
        rig.disk.crash(MemoryDisk::Survives::synced_only);
        rig.disk.set_capacity(0);
        auto again = rig.make();
        REQUIRE(again->open().ok());
        auto log = again->find(kA);
        REQUIRE(log != nullptr);
        CHECK(read_all(*log).size() == 30);
        CHECK(log->append(make_batch(1, 100, 1), Epoch{0}).code() == Errc::no_space);
        CHECK(!again->create(kB, kId, rig.options.defaults).ok());
        REQUIRE(log->delete_records_before(Offset{30}).ok());
        CHECK(log->stats().segments < 4);
        rig.disk.set_capacity(UINT64_MAX);
        CHECK(must_append(*log, make_batch(1, 100, 1)).first == Offset{60});
        CHECK(again->create(kB, kId, rig.options.defaults).ok());
        REQUIRE(again->close().ok());
        (void)m->close();
    });
}

TEST_CASE("manager: two shards share a directory; the primary keeps what the other knew",
          "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        const auto even = [](const TopicPartition& p) { return p.index.v % 2 == 0; };
        const auto odd = [](const TopicPartition& p) { return p.index.v % 2 == 1; };
        const TopicPartition zero{"t", PartitionIndex{0}}, one{"t", PartitionIndex{1}};
        for (int round = 0; round < 3; ++round) {  // new, after a clean stop, after a crash
            rig.options.primary = true;
            rig.options.owns = even;
            auto first = rig.make();
            REQUIRE(first->open().ok());
            rig.options.primary = false;
            rig.options.owns = odd;
            auto second = rig.make();
            REQUIRE(second->open(first->states()).ok());
            first->set_peers([&](std::uint32_t dir) { return std::vector{second->collect(dir)}; });
            if (round == 0) {
                fill(**first->create(zero, kId, rig.options.defaults), 5);
                fill(**second->create(one, kId, rig.options.defaults), 10);
                REQUIRE(second->find(one)->delete_records_before(Offset{3}).ok());
            }
            CHECK(first->partitions() == std::vector<TopicPartition>{zero});
            CHECK(second->partitions() == std::vector<TopicPartition>{one});
            CHECK(second->find(one)->log_start() == Offset{3});
            REQUIRE(first->checkpoint_recovery_points().ok());
            CHECK(rig.disk.content("data/recovery-point-offset-checkpoint") ==
                  "0\n2\nt 0 10\nt 1 20\n");
            REQUIRE(second->close().ok());
            // Of a shard that does not answer what it said last is written, and that it is old.
            const bool silent = round == 1;
            if (silent) first->set_peers([](std::uint32_t) { return std::vector<LogDirState>{}; });
            CHECK(first->checkpoint_log_starts().ok() == !silent);
            CHECK(first->checkpoint_own_log_starts().ok());
            const auto closed = first->close();
            CHECK(closed.ok() == !silent);
            if (silent) CHECK(closed.code() == Errc::timed_out);
            CHECK(rig.disk.content("data/log-start-offset-checkpoint") == "0\n1\nt 1 3\n");
            // A shard that does not answer may have lost something: the next start looks.
            CHECK(rig.disk.exists("data/.kafka_cleanshutdown") == (round != 1));
        }
    });
}

TEST_CASE("manager: the cleaner compacts what is due, and remembers how far", "[storage]") {
    ManagerRig rig;
    const TopicPartition plain{"plain", PartitionIndex{0}};
    const auto put = [](PartitionLog& log, int batches) {
        for (int i = 0; i < batches; ++i) {
            wire::BatchBuilder b;
            const std::string key = "k" + std::to_string(i % 3), value(200, 'v');
            b.add(i, as_bytes(key), as_bytes(value));
            must_append(log, b.finish(wire::Codec::none));
        }
        REQUIRE(log.flush().ok());
        REQUIRE(log.roll().ok());
    };
    rig.options.cleaner.backoff_ms = 100;
    const std::string checkpoint = "data/cleaner-offset-checkpoint";
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        LogConfig compact = rig.options.defaults;
        compact.cleanup_compact = true;
        compact.cleanup_delete = false;
        LogRef a = *m->create(kA, kId, compact);
        LogRef p = *m->create(plain, Uuid{8, 8}, rig.options.defaults);
        put(*a, 30);
        put(*p, 30);
        CHECK(!rig.disk.exists(checkpoint));
        const auto before = a->stats().bytes;
        (void)rig.scheduler.sleep_until({rig.clock.now() + 500ms});
        CHECK(a->stats().bytes < before / 3);
        CHECK(p->stats().bytes == before);
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 30\n");
        // Half clean, half dirty: not more than min.cleanable.dirty.ratio.
        const auto clean_bytes = a->stats().bytes;
        put(*a, 2);
        m->run_cleaner();
        CHECK(a->stats().bytes > clean_bytes);
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 30\n");
        // What is above the high watermark waits.
        m->set_cleaning_facts([](const PartitionLog&) { return CleaningFacts{Offset{31}, {}}; });
        put(*a, 20);
        m->run_cleaner();
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 30\n");
        m->set_cleaning_facts(nullptr);
        m->run_cleaner();
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 52\n");
        // What is cut is not clean when it is written again.
        REQUIRE(a->truncate_to(Offset{51}).ok());
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 51\n");
        REQUIRE(m->close().ok());
        CHECK(rig.disk.content(checkpoint) == "0\n1\na 0 51\n");
    });
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        REQUIRE(m->states()[0].cleaned.size() == 1);
        REQUIRE(m->remove(kA).ok());
        CHECK(rig.disk.content(checkpoint) == "0\n0\n");
        REQUIRE(m->close().ok());
    });
}

TEST_CASE("manager: a log that cannot be compacted is left alone, the others are not",
          "[storage]") {
    ManagerRig rig;
    rig.run([&] {
        auto m = rig.make();
        REQUIRE(m->open().ok());
        LogConfig compact = rig.options.defaults;
        compact.cleanup_compact = true;
        for (const TopicPartition& tp : {kA, kB}) {
            LogRef log = *m->create(tp, Uuid{tp.topic.size(), 1}, compact);
            for (int i = 0; i < 30; ++i) {
                wire::BatchBuilder b;
                const std::string value(200, 'v');
                b.add(i, as_bytes(std::string_view("k")), as_bytes(value));
                must_append(*log, b.finish(wire::Codec::none));
            }
            REQUIRE(log->roll().ok());
            REQUIRE(log->flush().ok());
        }
        rig.disk.flip_bit("data/a-0/00000000000000000000.log", 300);
        m->run_cleaner();
        CHECK(rig.sink.count(probe::Site::partition_uncleanable) == 1);
        CHECK(rig.sink.all<probe::CorruptionFound>().size() == 1);
        CHECK(m->find(kA)->stats().segments > 3);
        CHECK(m->find(kB)->stats().bytes < m->find(kA)->stats().bytes / 2);
        m->run_cleaner();
        CHECK(rig.sink.count(probe::Site::partition_uncleanable) == 1);
        REQUIRE(m->close().ok());
    });
}
