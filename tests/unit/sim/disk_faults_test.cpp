// What can go wrong with a disk that has power. Each case runs with the fault and without it.
#include <bit>

#include "tests/unit/sim/disk_rig.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

TEST_CASE("sim disk: a bad sector cannot be read until it is written whole", "[disk]") {
    for (const bool broken : {false, true}) {
        DiskRig r;
        r.run([&](Env& env) {
            const FileRef f = make_file(env, "a", std::string(2000, 'x'));
            const FileRef other = make_file(env, "b", std::string(2000, 'x'));
            if (broken) CHECK(r.disk().break_sector("a", 700, 0));
            CHECK_FALSE(r.disk().break_sector("a", 2000, 0));
            CHECK(f->read(0, 512).ok());
            CHECK(f->read(1024, 900).ok());
            CHECK(other->read(0, 2000).ok());
            CHECK(f->read(0, 513).ok() == !broken);
            CHECK(f->read(1023, 1).ok() == !broken);
            // A part of it would need the rest first.
            const auto part = f->write(512, bytes(std::string(100, 'y')));
            CHECK(part.ok() == !broken);
            if (broken) CHECK(part.code() == Errc::io);
            CHECK(f->write(500, bytes(std::string(600, 'z'))).ok());
            CHECK(f->read(0, 2000).ok());
            CHECK(f->read(512, 512)->copy_string() == std::string(512, 'z'));
        });
        CHECK(r.effects(0) == (broken ? 3 : 0));
    }
}

TEST_CASE("sim disk: bad sectors survive power loss, and go with what is cut off", "[disk]") {
    DiskRig r;
    r.run([&](Env& env) {
        const FileRef f = make_file(env, "a", std::string(3000, 'x'));
        CHECK(f->sync(SyncMode::data).ok());
        CHECK(env.disk.sync_dir(".").ok());
        CHECK(r.disk().break_sector("a", 600, 0));
        CHECK(r.disk().break_sector("a", 2600, 1));
    });
    r.world.lose_power(r.node, {});
    r.run([&](Env& env) {
        auto f = *env.disk.open("a", OpenMode::read_write);
        CHECK(f->read(512, 1).code() == Errc::io);
        CHECK(f->read(2700, 1).code() == Errc::io);
        CHECK(f->truncate(2560).ok());
        CHECK(f->truncate(3000).ok());
        CHECK(f->read(2700, 1).ok());
        r.disk().end_fault(0);
        CHECK(f->read(512, 1).ok());
    });
}

TEST_CASE("sim disk: a write lands in another file, its own place keeps the old bytes", "[disk]") {
    for (const bool strikes : {false, true}) {
        for (const bool synced : {false, true}) {
            DiskRig r;
            r.run([&](Env& env) {
                const FileRef a = make_file(env, "a.log", "aaaaaaaaaa");
                const FileRef b = make_file(env, "b.log", "bbbbbbbbbb");
                const FileRef c = make_file(env, "c.idx", "cccccccccc");
                for (const FileRef& f : {a, b, c}) CHECK(f->sync(SyncMode::data).ok());
                CHECK(env.disk.sync_dir(".").ok());
                if (strikes) r.disk().misdirect_writes("a.*", "*.log", 0, 1, 0);
                CHECK(b->write(0, bytes("B")).ok());  // not a file that matches
                CHECK(a->write(4, bytes("1234567890")).ok());
                CHECK(a->write(0, bytes("A")).ok());  // it strikes once
                if (synced) CHECK(a->sync(SyncMode::data).ok());
                if (synced) CHECK(b->sync(SyncMode::data).ok());
            });
            // The page cache knows nothing of it.
            CHECK(r.content("a.log") == "Aaaa1234567890");
            CHECK(r.content("b.log") == "Bbbbbbbbbb");
            r.world.lose_power(r.node, {.writes = Fate::dropped});
            const std::string zeros(4, '\0');
            CHECK(r.content("b.log").substr(4) == (strikes ? "123456" : "bbbbbb"));
            CHECK(r.content("b.log")[0] == (synced ? 'B' : 'b'));
            CHECK(r.content("a.log") == (!synced   ? "aaaaaaaaaa"
                                         : strikes ? "Aaaaaaaaaa" + zeros
                                                   : "Aaaa1234567890"));
            CHECK(r.content("c.idx") == "cccccccccc");
            CHECK(r.effects(0) == (strikes ? 1 : 0));
        }
    }
}

TEST_CASE("sim disk: a write lands further in the same file, and only where it can", "[disk]") {
    DiskRig r;
    r.run([&](Env& env) {
        const FileRef a = make_file(env, "a", "0123456789");
        CHECK(a->sync(SyncMode::data).ok());
        r.disk().misdirect_writes("a", "", 6, 1, 0);
        r.disk().misdirect_writes("b", "none*", 0, 1, 1);
        CHECK(a->write(8, bytes("zz")).ok());  // 14 is behind the end: it waits
        CHECK(a->reload().ok());
        CHECK(read_all(*a) == "01234567zz");
        CHECK(a->write(0, bytes("abc")).ok());
        CHECK(read_all(*a) == "abc34567zz");
        CHECK(a->reload().ok());
        CHECK(read_all(*a) == "012345abcz");
        CHECK(a->write(0, bytes("abc")).ok());
        CHECK(a->reload().ok());
        CHECK(read_all(*a) == "abc345abcz");
        const FileRef b = make_file(env, "b", "b");
        CHECK(b->reload().ok());
        CHECK(read_all(*b) == "b");
    });
    CHECK(r.effects(0) == 1);
    CHECK(r.effects(1) == 0);
}

TEST_CASE("sim disk: writes and reads fail so many times", "[disk]") {
    for (const std::uint32_t times : {0U, 2U}) {
        DiskRig r;
        r.run([&](Env& env) {
            const FileRef f = make_file(env, "a", "abc");
            if (times > 0) {
                r.disk().fail_io(DiskOp::write, "a", 0, UINT64_MAX, times, 0);
                r.disk().fail_io(DiskOp::read, "a", 0, UINT64_MAX, times, 1);
            }
            std::uint32_t failed = 0, unread = 0;
            for (int i = 0; i < 5; ++i) {
                const auto w = f->write(0, bytes("x"));
                if (!w.ok()) CHECK(w.code() == Errc::io);
                failed += w.ok() ? 0 : 1;
                const auto read = f->read(0, 3);
                if (!read.ok()) CHECK(read.code() == Errc::io);
                unread += read.ok() ? 0 : 1;
            }
            CHECK(failed == times);
            CHECK(unread == times);
            CHECK(read_all(*f) == "xbc");
        });
        CHECK(r.effects(0) == times);
        CHECK(r.effects(1) == times);
    }
}

TEST_CASE("sim disk: two limits of space: the smaller counts, each ends by itself", "[disk]") {
    DiskRig r;
    r.run([&](Env& env) {
        const FileRef f = make_file(env, "a", std::string(1000, 'x'));
        r.disk().set_capacity(1500, 0);
        r.disk().set_capacity(1100, 1);
        CHECK(env.disk.usage(".")->free == 100);
        CHECK(f->write(1000, bytes(std::string(300, 'y'))).code() == Errc::no_space);
        r.disk().end_fault(1);
        CHECK(f->write(1000, bytes(std::string(300, 'y'))).ok());
        CHECK(f->write(1300, bytes(std::string(300, 'y'))).code() == Errc::no_space);
        CHECK(f->truncate(500).ok());  // room again
        CHECK(f->write(500, bytes(std::string(900, 'z'))).ok());
        r.disk().end_fault(0);
        CHECK(f->write(1400, bytes(std::string(9000, 'z'))).ok());
    });
    CHECK(r.effects(0) == 1);
    CHECK(r.effects(1) == 1);
}

TEST_CASE("sim disk: a slow disk is slower by its factor, now and then by far more", "[disk]") {
    const auto times = [](std::uint32_t factor, std::uint64_t key, bool other) {
        DiskRig r;
        r.world.faults().set_key(0, key);
        std::vector<Duration> out;
        r.run(
            [&](Env& env) {
                const FileRef f = make_file(env, "a", "abc");
                const FileRef b = make_file(env, "b", "abc");
                if (factor > 1) r.disk().set_slow(factor, 0);
                for (int i = 0; i < 400; ++i) {
                    if (other) CHECK(b->sync(SyncMode::data).ok());
                    const MonoTime before = env.clock.now();
                    CHECK(f->sync(SyncMode::data).ok());
                    out.push_back(env.clock.now() - before);
                }
            },
            600s);
        CHECK((r.effects(0) > 0) == (factor > 1));
        return out;
    };
    for (const Duration d : times(1, 0, false)) CHECK(d == 1ms);
    const auto slow = times(10, 1, false);
    const auto usual = std::ranges::count(slow, 10ms);
    CHECK(usual > 370);
    CHECK(usual < 398);
    CHECK(*std::ranges::max_element(slow) > 100ms);
    CHECK(*std::ranges::max_element(slow) <= 320ms);
    // Drawn for the fault and the operation: what happens to another file does not move it.
    CHECK(times(10, 1, true) == slow);
    CHECK(times(10, 2, false) != slow);
}

TEST_CASE("sim disk: a lost directory fails everything below it until it is back", "[disk]") {
    for (const bool lost : {false, true}) {
        DiskRig r;
        r.run([&](Env& env) {
            CHECK(env.disk.create_dir("one").ok());
            CHECK(env.disk.create_dir("one/t-0").ok());
            CHECK(env.disk.create_dir("two").ok());
            const FileRef f = make_file(env, "one/t-0/a", "abc");
            const FileRef g = make_file(env, "two/a", "abc");
            if (lost) r.disk().lose_dir("one", 0);
            std::vector<Result<void>> all;
            const auto add = [&](auto result) {
                all.push_back(result.ok() ? Result<void>{} : Result<void>(result.error()));
            };
            add(f->write(0, bytes("x")));
            add(f->read(0, 1));
            add(f->sync(SyncMode::data));
            add(f->truncate(2));
            add(env.disk.open("one/t-0/a", OpenMode::read));
            add(env.disk.list("one"));
            add(env.disk.sync_dir("one/t-0"));
            add(env.disk.create_dir("one/t-1"));
            add(env.disk.rename("one/t-0/a", "one/t-0/b"));
            add(env.disk.rename("two/a", "one/t-0/c"));
            add(env.disk.lock("one/.lock"));
            for (const auto& result : all) {
                CHECK(result.ok() == !lost);
                if (!result.ok()) CHECK(result.code() == Errc::io);
            }
            if (lost) CHECK(g->write(0, bytes("other directories are sound")).ok());
            CHECK(env.disk.list("two").ok());
            r.disk().end_fault(0);
            CHECK(f->write(0, bytes("x")).ok());
        });
        CHECK(r.effects(0) == (lost ? 11 : 0));
    }
}

TEST_CASE("sim disk: operations of a hung disk return when it goes on", "[disk]") {
    for (const bool hung : {false, true}) {
        DiskRig r;
        std::vector<MonoTime> done;
        r.run([&](Env& env) {
            fiber::Group group(env.fibers);
            const FileRef f = make_file(env, "a", "abc");
            if (hung) r.disk().set_hung(0);
            r.world.at(MonoTime{} + 5s, [&] { r.disk().end_fault(0); });
            group.spawn({}, [&](fiber::StopToken) {
                CHECK(f->write(0, bytes("x")).ok());
                done.push_back(env.clock.now());
            });
            group.spawn({}, [&](fiber::StopToken) {
                CHECK(f->read(0, 1).ok());
                done.push_back(env.clock.now());
            });
            group.spawn({}, [&](fiber::StopToken) {
                CHECK(env.disk.sync_dir(".").ok());
                done.push_back(env.clock.now());
            });
            group.join();
        });
        REQUIRE(done.size() == 3);
        for (const MonoTime t : done) CHECK((t >= MonoTime{} + 5s) == hung);
        CHECK(r.effects(0) == (hung ? 3 : 0));
    }
}

TEST_CASE("sim disk: a failed fsync forgets its pages, a lying one promises them", "[disk]") {
    for (const std::string how : {"sound", "fails", "lies"}) {
        DiskRig r;
        r.run([&](Env& env) {
            const FileRef f = make_file(env, "a", "abc");
            CHECK(env.disk.sync_dir(".").ok());
            if (how == "fails") r.disk().fail_syncs("a", 1, 0);
            if (how == "lies") r.disk().lie_about_syncs("a", 0);
            CHECK(f->sync(SyncMode::data).ok() == (how != "fails"));
            CHECK(f->write(0, bytes("x")).ok() == (how != "fails"));
            CHECK(f->read(1, 2)->copy_string() == "bc");  // the cache still shows it
            auto again = *env.disk.open("a", OpenMode::read_write);
            CHECK(again->sync(SyncMode::data).ok());
        });
        r.world.lose_power(r.node, {.writes = Fate::dropped});
        CHECK(r.content("a") == (how == "sound" ? "xbc" : ""));
        CHECK((r.effects(0) > 0) == (how != "sound"));
    }
}

TEST_CASE("sim disk: the fate of a write is its file's and its fault's alone", "[disk]") {
    const auto survivors = [](std::uint64_t key, bool other) {
        std::string all;
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            DiskRig r(seed);
            r.world.faults().set_key(4, key);
            r.run([&](Env& env) {
                const FileRef f = make_file(env, "a", "head");
                CHECK(f->sync(SyncMode::data).ok());
                if (other) make_file(env, "b", "other");
                CHECK(env.disk.sync_dir(".").ok());
                for (int i = 0; i < 5; ++i) {
                    if (other) CHECK(env.disk.open("b", OpenMode::read)->get()->read(0, 5).ok());
                    const std::string part(1500, static_cast<char>('a' + i));
                    CHECK(f->write(*f->size(), bytes(part)).ok());
                    if (other) make_file(env, "c" + std::to_string(i), "noise");
                }
            });
            r.world.lose_power(r.node, {.fault = 4});
            all += r.content("a") + "|";
        }
        return all;
    };
    CHECK(survivors(1, false) == survivors(1, true));
    CHECK(survivors(1, false) != survivors(2, false));
}

TEST_CASE("sim disk: a wiped disk is empty", "[disk]") {
    DiskRig r;
    r.run([&](Env& env) {
        CHECK(make_file(env, "a", "abc")->sync(SyncMode::data).ok());
        CHECK(env.disk.sync_dir(".").ok());
    });
    CHECK(r.disk().used() == 3);
    r.world.wipe_disk(r.node);
    CHECK(r.disk().used() == 0);
    r.run([](Env& env) {
        CHECK(env.disk.open("a", OpenMode::read).code() == Errc::not_found);
        CHECK(make_file(env, "a", "new")->sync(SyncMode::data).ok());
    });
    CHECK(r.content("a") == "new");
}

TEST_CASE("disk faults: rot under a node that runs has no effect before somebody reads the disk",
          "[disk]") {
    DiskRig rig;
    FileRef file;
    const auto flipped = [&](const std::string& text) {
        int bits = 0;
        for (std::size_t i = 0; i < text.size(); ++i)
            bits += std::popcount(static_cast<unsigned char>(text[i] ^ "abc"[i]));
        return bits;
    };
    rig.run([&](Env& env) {
        for (const char* path : {"lost.log", "reloaded.log", "over.log", "cut.log"}) {
            const FileRef f = make_file(env, path, "abc");
            CHECK(f->sync(SyncMode::data).ok());
        }
        CHECK(env.disk.sync_dir(".").ok());
        SimDisk& disk = rig.disk();
        CHECK(disk.flip_bit("lost.log", 1, 0, false));
        CHECK(disk.flip_bit("reloaded.log", 1, 1, false));
        CHECK(disk.flip_bit("over.log", 1, 2, false));
        CHECK(disk.flip_bit("cut.log", 2, 3, false));
        const FileRef reloaded = *env.disk.open("reloaded.log", OpenMode::read);
        CHECK(read_all(*reloaded) == "abc");
        for (FaultId id = 0; id < 4; ++id) CHECK(rig.effects(id) == 0);
        CHECK(reloaded->reload().ok());
        CHECK(flipped(read_all(*reloaded)) == 1);
        CHECK(rig.effects(1) == 1);
        // What is written over, or cut off, nobody ever sees.
        const FileRef over = *env.disk.open("over.log", OpenMode::read_write);
        CHECK(over->write(0, bytes("abc")).ok());
        CHECK(over->sync(SyncMode::data).ok());
        const FileRef cut = *env.disk.open("cut.log", OpenMode::read_write);
        CHECK(cut->truncate(1).ok());
        CHECK(cut->sync(SyncMode::data).ok());
    });
    rig.world.lose_power(rig.node, {Fate::kept, false, kNoFault});
    CHECK(flipped(rig.content("lost.log")) == 1);
    CHECK(rig.content("over.log") == "abc");
    CHECK(rig.content("cut.log") == "a");
    CHECK(rig.effects(0) == 1);
    CHECK(rig.effects(1) == 1);
    CHECK(rig.effects(2) == 0);
    CHECK(rig.effects(3) == 0);
}
