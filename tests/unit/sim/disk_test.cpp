// The durability contract of core/env/disk.h, tried with random operations and power losses.
#include <bit>
#include <set>

#include "sim/world/sim_disk.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

// One node whose main runs `body`; then the world goes on for a second.
struct Rig {
    explicit Rig(std::uint64_t seed = 1) : world(seed, recorder) {}
    void run(std::function<void(Env&)> body) {
        main = std::move(body);
        if (node == NodeId{}) {
            node = world.add_node("n1", 1, [this](Env& env, fiber::StopToken) { main(env); });
        }
        world.start(node);
        world.run_until(world.now() + 1s);
    }
    std::string content(const std::string& path) {
        std::string text;
        run([&](Env& env) {
            auto bytes = read_file(env.disk, path, 1 << 20);
            text = bytes.ok() ? bytes->copy_string()
                              : "<" + std::string(to_string(bytes.code())) + ">";
        });
        return text;
    }
    Recorder recorder;
    World world;
    NodeId node{};
    std::function<void(Env&)> main;
};

IoBuf text(std::string_view s) { return IoBuf::copy_of(as_bytes(s)); }

FileRef make(Env& env, const std::string& path) {
    auto file = env.disk.open(path, OpenMode::create);
    FL_ASSERT(file.ok());
    return *file;
}
}  // namespace

TEST_CASE("sim disk: what was synced survives power loss, what was not is gone", "[disk]") {
    Rig r;
    r.run([](Env& env) {
        const FileRef f = make(env, "a");
        CHECK(env.disk.sync_dir(".").ok());
        CHECK(f->write(0, text("durable")).ok());
        CHECK(f->sync(SyncMode::data).ok());
        CHECK(f->write(7, text(" lost")).ok());
        make(env, "b");
        CHECK(f->read(0, 100)->copy_string() == "durable lost");
    });
    r.world.faults().effect(0, r.node, "counted");
    r.world.lose_power(r.node, {.writes = Fate::dropped, .drop_dir_entries = true, .fault = 0});
    CHECK(r.content("a") == "durable");
    CHECK(r.content("b") == "<not_found>");
    CHECK(r.world.faults().effects(0) == 3);  // the write, the entry of b, and the one above
}

TEST_CASE("sim disk: kill -9 keeps the page cache", "[disk]") {
    Rig r;
    r.run([&](Env& env) {
        CHECK(make(env, "a")->write(0, text("cached")).ok());
        env.fibers.sleep_until({});
    });
    r.world.crash(r.node);
    CHECK(r.content("a") == "cached");
}

TEST_CASE("sim disk: a torn write is cut at a sector, its prefix is whole", "[disk]") {
    bool cut_seen = false;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Rig r(seed);
        const std::string big(4000, 'x');
        r.run([&](Env& env) {
            const FileRef f = make(env, "a");
            CHECK(env.disk.sync_dir(".").ok());
            CHECK(f->write(0, text("0123456789")).ok());
            CHECK(f->sync(SyncMode::data).ok());
            CHECK(f->write(10, text(big)).ok());
        });
        r.world.lose_power(r.node, {.writes = Fate::torn});
        const std::string after = r.content("a");
        REQUIRE(after == ("0123456789" + big).substr(0, after.size()));
        REQUIRE(after.size() % 512 == 0);
        REQUIRE(after.size() >= 512);
        cut_seen = cut_seen || after.size() < 4010;
    }
    CHECK(cut_seen);
}

TEST_CASE("sim disk: every mix of unsynced writes may survive, synced bytes always do", "[disk]") {
    // A model of the allowed outcomes: bytes below the last sync are fixed; an unsynced byte is
    // what was written, what was there before, zero, or garbage within its write.
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        Rig r(seed);
        std::string durable;
        r.run([&](Env& env) {
            const FileRef f = make(env, "a");
            CHECK(env.disk.sync_dir(".").ok());
            Rng rng(seed);
            for (int i = 0; i < 12; ++i) {
                const std::string part(1 + rng.below(1500), static_cast<char>('a' + i));
                CHECK(f->write(*f->size(), text(part)).ok());
                if (rng.chance(1, 3)) {
                    CHECK(f->sync(SyncMode::data).ok());
                    durable = f->read(0, 1 << 20)->copy_string();
                }
            }
        });
        r.world.lose_power(r.node, {.writes = Fate::random});
        const std::string after = r.content("a");
        REQUIRE(after.size() >= durable.size());
        REQUIRE(after.substr(0, durable.size()) == durable);
        outcomes.insert(after.substr(durable.size()).empty() ? "nothing more" : "something more");
    }
    CHECK(outcomes.size() == 2);
}

TEST_CASE("sim disk: a failed sync poisons every handle and forgets its pages", "[disk]") {
    Rig r;
    r.run([&](Env& env) {
        const FileRef f = make(env, "a");
        auto other = env.disk.open("a", OpenMode::read_write);
        CHECK(env.disk.sync_dir(".").ok());
        CHECK(f->write(0, text("forgotten")).ok());
        env.fibers.sleep_until(env.clock.in(10ms));
        r.world.disk(r.node).fail_syncs("a", 1, 0);
        CHECK(f->sync(SyncMode::data).code() == Errc::io);
        CHECK(f->sync(SyncMode::data).code() == Errc::io);
        CHECK((*other)->write(0, text("x")).code() == Errc::io);
        auto again = env.disk.open("a", OpenMode::read_write);
        CHECK((*again)->sync(SyncMode::data).ok());  // and yet nothing is durable
        CHECK((*again)->read(0, 99)->copy_string() == "forgotten");
    });
    CHECK(r.world.faults().effects(0) == 1);
    r.world.lose_power(r.node, {.writes = Fate::kept});
    CHECK(r.content("a").empty());
}

TEST_CASE("sim disk: rename over is atomic and durable only after sync_dir", "[disk]") {
    for (const bool synced : {false, true}) {
        Rig r;
        r.run([&](Env& env) {
            CHECK(replace_file(env.disk, "c", text("old")).ok());
            const FileRef fresh = make(env, "c.tmp");
            CHECK(fresh->write(0, text("new")).ok());
            CHECK(fresh->sync(SyncMode::data).ok());
            CHECK(env.disk.rename("c.tmp", "c").ok());
            if (synced) CHECK(env.disk.sync_dir(".").ok());
        });
        r.world.lose_power(r.node, {.writes = Fate::dropped, .drop_dir_entries = true});
        CHECK(r.content("c") == (synced ? "new" : "old"));
    }
}

TEST_CASE("sim disk: full means a partial write and an error, and it ends", "[disk]") {
    Rig r;
    r.run([&](Env& env) {
        const FileRef f = make(env, "a");
        CHECK(f->write(0, text(std::string(1000, 'x'))).ok());
        r.world.disk(r.node).set_capacity(1200, 0);
        CHECK(f->write(1000, text(std::string(500, 'y'))).code() == Errc::no_space);
        CHECK(*f->size() == 1200);
        CHECK(f->write(0, text("overwriting needs no space")).ok());
        CHECK(env.disk.open("b", OpenMode::create).code() == Errc::no_space);
        r.world.disk(r.node).set_capacity(1 << 20, 0);
        CHECK(f->write(1000, text(std::string(500, 'y'))).ok());
    });
    CHECK(r.world.faults().effects(0) == 2);
}

TEST_CASE("sim disk: bit rot, slow operations and watches have their effect", "[disk]") {
    Rig r;
    int watched = 0;
    r.run([&](Env& env) {
        const FileRef f = make(env, "dir.log");
        CHECK(f->write(0, text("abc")).ok());
        SimDisk& disk = r.world.disk(r.node);
        CHECK(disk.flip_bit("*.log", 1, 0));
        CHECK_FALSE(disk.flip_bit("*.log", 3, 0));
        const std::string read = f->read(0, 3)->copy_string();
        CHECK(read[0] == 'a');
        CHECK(std::popcount(static_cast<unsigned>(read[1] ^ 'b')) == 1);
        CHECK(read[2] == 'c');
        disk.on_operation(DiskOp::sync, "*.log", 2, [&] { ++watched; });
        MonoTime before = env.clock.now();
        CHECK(f->sync(SyncMode::data).ok());
        const Duration normal = env.clock.now() - before;
        disk.set_slow(20, 1);
        before = env.clock.now();
        CHECK(f->sync(SyncMode::data).ok());
        CHECK(env.clock.now() - before == 20 * normal);
        CHECK(watched == 1);
        CHECK(f->sync(SyncMode::data).ok());
    });
    CHECK(watched == 1);
    CHECK(r.world.faults().effects(0) == 1);
    CHECK(r.world.faults().effects(1) == 2);
}

TEST_CASE("sim disk: locks are exclusive and die with the process", "[disk]") {
    Rig r;
    r.run([&](Env& env) {
        auto held = env.disk.lock(".lock");
        CHECK(held.ok());
        CHECK(env.disk.lock(".lock").code() == Errc::busy);
        env.fibers.sleep_until({});
    });
    r.world.crash(r.node);
    r.run([&](Env& env) { CHECK(env.disk.lock(".lock").ok()); });
}
