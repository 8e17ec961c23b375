// What can happen to a machine: its fibers stop, its power fails, its clocks go wrong.
#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

namespace {

struct Tick {
    MonoTime real, mono;
    std::int64_t wall;
};

// One node that notes its clocks every 100 ms of its own time.
struct Watcher {
    Watcher() : world(1, recorder) {
        node = world.add_node("n1", 1, [this](Env& env, fiber::StopToken) {
            for (Deadline next = env.clock.in(100ms);; next.at = next.at + 100ms) {
                env.fibers.sleep_until(next);
                ticks.push_back({env.fibers.now(), env.clock.now(), env.clock.wall().ms});
            }
        });
        world.start(node);
    }
    void run_until(Duration end) { world.run_until(MonoTime{} + end); }
    // The first tick at or after.
    const Tick& at(Duration real) const {
        return *std::ranges::find_if(ticks, [&](auto& t) { return t.real >= MonoTime{} + real; });
    }
    bool monotonic() const {
        return std::ranges::is_sorted(ticks, {}, [](const Tick& t) { return t.mono; });
    }
    Recorder recorder;
    World world;
    NodeId node{};
    std::vector<Tick> ticks;
};

}  // namespace

TEST_CASE("machine: a stopped process finds its timers late, its clock went on", "[world]") {
    Watcher w;
    w.world.at(MonoTime{} + 1050ms, [&] { w.world.pause(w.node); });
    w.world.at(MonoTime{} + 5s, [&] { w.world.resume(w.node); });
    w.run_until(10s);
    const Tick& late = w.at(1050ms);
    CHECK(late.real == MonoTime{} + 5s);  // due at 1.1 s
    CHECK(late.mono == late.real);
    CHECK(w.ticks.size() >= 99);  // all that were due in between came at once
}

TEST_CASE("machine: a stopped virtual machine does not see the time pass", "[world]") {
    Watcher w;
    w.world.at(MonoTime{} + 1050ms, [&] { w.world.pause(w.node, true); });
    w.world.at(MonoTime{} + 5s, [&] { w.world.resume(w.node); });
    w.run_until(10s);
    const Tick& next = w.at(1050ms);
    CHECK(next.real == MonoTime{} + 5050ms);  // it had 50 ms to go
    CHECK(next.mono == MonoTime{} + 1100ms);
    CHECK(next.wall == World::kEpochMs + 1100);
    CHECK(w.monotonic());
    CHECK(w.ticks.size() == 60);
}

TEST_CASE("machine: a time-out that began before the pause has as long to go after it", "[world]") {
    // On a connection, where the answer never comes.
    for (const bool stands : {false, true}) {
        Pair p;
        MonoTime gave_up{};
        p.world.at(MonoTime{} + 2s, [&] { p.world.pause(p.client, stands); });
        p.world.at(MonoTime{} + 20s, [&] { p.world.resume(p.client); });
        p.run([&](Env& env) {
            const ConnectionPtr conn = dial(env);
            env.fibers.sleep_until({MonoTime{} + 1s});
            IoBuf in;
            CHECK(conn->read_some(in, 9, env.clock.in(10s)).code() == Errc::timed_out);
            gave_up = env.fibers.now();
        });
        CHECK(gave_up == MonoTime{} + (stands ? 29s : 20s));
    }
}

TEST_CASE("machine: one that was stopped may be killed, and its time goes on", "[world]") {
    Watcher w;
    w.world.at(MonoTime{} + 1s, [&] { w.world.pause(w.node, true); });
    w.world.at(MonoTime{} + 2s, [&] { w.world.crash(w.node); });
    w.world.at(MonoTime{} + 3s, [&] { w.world.resume(w.node); });
    w.world.at(MonoTime{} + 4s, [&] { w.world.start(w.node); });
    w.run_until(6s);
    CHECK(w.at(4s).real == MonoTime{} + 4100ms);
    CHECK(w.at(4s).mono == MonoTime{} + 3100ms);
    CHECK(w.monotonic());
}

TEST_CASE("machine: a drifting clock moves timers and both clocks; what it gained stays",
          "[world]") {
    for (const std::int64_t ppm : {0, 100'000, -100'000}) {
        Watcher w;
        w.world.at(MonoTime{} + 1s, [&] { w.world.set_drift(w.node, ppm); });
        w.world.at(MonoTime{} + 11s, [&] { w.world.set_drift(w.node, 0); });
        w.run_until(20s);
        const Duration gained = 10s * ppm / 1'000'000;
        const Tick& late = w.ticks.back();
        CHECK(std::chrono::abs((late.mono - late.real) - gained) < 1us);
        CHECK(std::abs(late.wall - World::kEpochMs - (late.mono - MonoTime{}) / 1ms) <= 1);
        // Its own 100 ms, measured by a right clock.
        const Tick &a = w.at(2s), &b = w.at(10s);
        const auto ticks = (b.mono - a.mono) / 100ms;
        CHECK(std::abs((b.real - a.real) / 1ms - ticks * 100 * 1'000'000 / (1'000'000 + ppm)) <= 1);
        CHECK(w.monotonic());
    }
}

TEST_CASE("machine: the wall clock jumps both ways, also for the next incarnation", "[world]") {
    for (const Duration by : {Duration{0}, Duration{1h}, Duration{-1h}}) {
        Watcher w;
        w.world.at(MonoTime{} + 1050ms, [&] { w.world.jump_clock(w.node, by); });
        w.world.at(MonoTime{} + 2s, [&] { w.world.crash(w.node); });
        w.world.at(MonoTime{} + 3s, [&] { w.world.start(w.node); });
        w.run_until(4s);
        CHECK(w.at(900ms).wall == World::kEpochMs + 900);
        CHECK(w.at(1100ms).wall == World::kEpochMs + 1100 + by / 1ms);
        CHECK(w.at(3s).wall == World::kEpochMs + 3100 + by / 1ms);
        CHECK(w.monotonic());
    }
}

TEST_CASE("machine: a frozen wall clock stands through a restart, then shows the time", "[world]") {
    for (const bool frozen : {false, true}) {
        Watcher w;
        w.world.at(MonoTime{} + 1s, [&] { w.world.freeze_clock(w.node, frozen); });
        w.world.at(MonoTime{} + 2s, [&] { w.world.crash(w.node); });
        w.world.at(MonoTime{} + 3s, [&] { w.world.start(w.node); });
        w.world.at(MonoTime{} + 5s, [&] { w.world.freeze_clock(w.node, false); });
        w.run_until(7s);
        CHECK(w.at(1500ms).wall == World::kEpochMs + (frozen ? 1000 : 1500));
        CHECK(w.at(4s).wall == World::kEpochMs + (frozen ? 1000 : 4000));
        CHECK(w.at(4s).mono == MonoTime{} + 4s);
        CHECK(w.at(6s).wall == World::kEpochMs + 6000);
    }
}

TEST_CASE("machine: clocks are a machine's own", "[world]") {
    Recorder recorder;
    World world(1, recorder);
    std::vector<std::int64_t> walls(3);
    std::vector<NodeId> nodes;
    for (std::size_t i = 0; i < 3; ++i) {
        nodes.push_back(world.add_node("n" + std::to_string(i), 1, [&, i](Env& env, auto) {
            env.fibers.sleep_until({MonoTime{} + 1s});
            walls[i] = env.clock.wall().ms - World::kEpochMs;
        }));
        world.start(nodes.back());
    }
    world.jump_clock(nodes[1], 1min);
    world.freeze_clock(nodes[2], true);
    world.run_until(MonoTime{} + 2s);
    CHECK(walls == std::vector<std::int64_t>{1000, 61'000, 0});
}

TEST_CASE("machine: power fails for several at one instant, and for none else", "[world]") {
    Recorder recorder;
    World world(1, recorder);
    std::vector<NodeId> nodes;
    for (int i = 0; i < 3; ++i) {
        nodes.push_back(world.add_node("n" + std::to_string(i), 1, [](Env& env, auto) {
            auto file = *env.disk.open("a", OpenMode::create);
            CHECK(env.disk.sync_dir(".").ok());
            CHECK(file->write(0, IoBuf::copy_of(as_bytes("unsynced"))).ok());
            env.fibers.sleep_until({});
        }));
        world.start(nodes.back());
    }
    world.at(MonoTime{} + 1s, [&] {
        for (const int i : {0, 2})
            world.lose_power(nodes[static_cast<std::size_t>(i)],
                             {.writes = Fate::dropped, .fault = 5});
    });
    world.run_until(MonoTime{} + 2s);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(world.running(nodes[i]) == (i == 1));
        CHECK(world.disk(nodes[i]).names().at("a")->cache.size() == (i == 1 ? 8 : 0));
    }
    CHECK(world.faults().effects(5) == 2);
}

TEST_CASE("machine: what is closed or dead is let go of: memory is flat over an hour", "[world]") {
    Pair p;
    std::size_t most = 0, lives = 0, fibers = 0;
    for (int i = 1; i < 360; ++i) {
        p.world.at(MonoTime{} + i * 10s, [&, i] {
            most = std::max(most, p.world.network().connections());
            lives = std::max(lives, p.world.incarnations());
            fibers = std::max(fibers, p.world.scheduler().live_fibers());
            if (i % 3 == 0) p.world.crash(p.server);
            if (i % 3 == 1) p.world.lose_power(p.server, {});
            if (i % 3 == 2) p.world.network().partition(p.client, p.server, 0);
            if (i % 3 == 0) p.world.network().end_fault(0);
            p.world.start(p.server);
        });
    }
    std::uint64_t opened = 0, served = 0;
    p.run(
        [&](Env& env) {
            while (true) {
                env.fibers.sleep_until(env.clock.in(100ms));
                auto conn = env.net.connect({"n1", 9092}, env.clock.in(1s));
                if (!conn.ok()) continue;
                ++opened;
                if (ask(env, **conn, "hello", 1s).ok()) ++served;
            }
        },
        1h);
    CHECK(opened > 10'000);
    CHECK(served > 10'000);
    CHECK(most < 30);
    CHECK(lives <= 4);
    CHECK(fibers < 40);
}

TEST_CASE("machine: the memory test would notice connections that stay open", "[world]") {
    Pair p;
    std::size_t open = 0;
    p.run([&](Env& env) {
        std::vector<ConnectionPtr> kept;
        for (int i = 0; i < 50; ++i) kept.push_back(dial(env));
        open = p.world.network().connections();
        kept.clear();
        env.fibers.sleep_until(env.clock.in(1s));
        CHECK(p.world.network().connections() == 0);
    });
    CHECK(open == 50);
}
