#include "sim/world/world.h"

#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

TEST_CASE("world: equal seeds give equal runs, other seeds others", "[world]") {
    const auto hash = [](std::uint64_t seed) {
        Pair p(seed);
        p.run([](Env& env) {
            const ConnectionPtr conn = dial(env);
            for (int i = 0; i < 50; ++i) CHECK(*ask(env, *conn, "hello") == "hello");
        });
        return p.recorder.hash().hex();
    };
    CHECK(hash(1) == hash(1));
    CHECK(hash(1) != hash(2));
}

TEST_CASE("world: a crash resets connections, power loss is silent until the restart", "[world]") {
    Pair p;
    std::vector<Errc> errors;
    std::vector<Duration> took;
    p.world.at(MonoTime{} + 1s, [&] { p.world.crash(p.server); });
    p.world.at(MonoTime{} + 2s, [&] { p.world.start(p.server); });
    p.world.at(MonoTime{} + 4s, [&] { p.world.lose_power(p.server, {}); });
    p.world.at(MonoTime{} + 9s, [&] { p.world.start(p.server); });
    p.run([&](Env& env) {
        for (const Duration start : {500ms, 3000ms}) {
            env.fibers.sleep_until({MonoTime{} + start});
            const ConnectionPtr conn = dial(env);
            CHECK(ask(env, *conn, "hi").ok());
            IoBuf in;
            const MonoTime before = env.clock.now();
            auto read = conn->read_some(in, 99, env.clock.in(2s));
            errors.push_back(read.code());
            took.push_back(env.clock.now() - before);
            if (read.code() != Errc::timed_out) continue;
            // The machine is down: what we send vanishes; after the restart it answers with a
            // reset.
            CHECK(ask(env, *conn, "there?", 1s).code() == Errc::timed_out);
            env.fibers.sleep_until({MonoTime{} + 10s});
            errors.push_back(ask(env, *conn, "there?", 1s).code());
        }
    });
    REQUIRE(errors.size() == 3);
    CHECK(errors[0] == Errc::unreachable);
    CHECK(took[0] < 1s);
    CHECK(errors[1] == Errc::timed_out);
    CHECK(errors[2] == Errc::unreachable);
}

TEST_CASE("world: a dead node's fibers have no effect while they unwind", "[world]") {
    Recorder recorder;
    World world(3, recorder);
    Errc write = Errc::busy, post = Errc::busy, net = Errc::busy;
    struct Ghost {
        std::function<void()> haunt;
        ~Ghost() { haunt(); }
    };
    std::function<void(Env&)> main = [&](Env& env) {
        auto file = *env.disk.open("a", OpenMode::create);
        CHECK(file->write(0, IoBuf::copy_of(as_bytes("alive"))).ok());
        const Ghost ghost{[&] {
            write = file->write(5, IoBuf::copy_of(as_bytes(" and dead"))).code();
            post = env.shards.post(ShardId{0}, [](Env&) { FL_UNREACHABLE(); }).code();
            net = env.net.listen({"", 1}).code();
        }};
        env.fibers.sleep_until({});
    };
    const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) { main(env); });
    world.start(node);
    world.at(MonoTime{} + 1s, [&] { world.crash(node); });
    world.run_until(MonoTime{} + 2s);
    CHECK(write == Errc::cancelled);
    CHECK(post == Errc::cancelled);
    CHECK(net == Errc::cancelled);
    main = [&](Env& env) { CHECK(read_file(env.disk, "a", 100)->copy_string() == "alive"); };
    world.start(node);
    world.run_until(MonoTime{} + 3s);
}

TEST_CASE("world: a partition holds bytes back, and they arrive when it heals", "[world]") {
    Pair p;
    p.world.at(MonoTime{} + 1s, [&] {
        p.world.network().partition(p.client, p.server, 0);
        p.world.network().partition(p.server, p.client, 0);
    });
    p.world.at(MonoTime{} + 5s, [&] { p.world.network().end_fault(0); });
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        env.fibers.sleep_until({MonoTime{} + 2s});
        CHECK(env.net.connect({"n1", 9092}, env.clock.in(1s)).code() == Errc::timed_out);
        CHECK(*ask(env, *conn, "late", 10s) == "late");
        CHECK(env.clock.now() > MonoTime{} + 5s);
        CHECK(env.clock.now() < MonoTime{} + 7s);  // at the next retransmission
    });
    CHECK(p.world.faults().effects(0) > 1);
}

TEST_CASE("world: connections are cut one byte later each time", "[world]") {
    Pair p;
    p.world.network().cut_each_byte(p.server, 0, 4, 0);
    std::vector<std::size_t> echoed;
    p.run([&](Env& env) {
        for (int i = 0; i < 6; ++i) {
            const ConnectionPtr conn = dial(env);
            CHECK(conn->write(OutBuf(IoBuf::copy_of(as_bytes("12345"))), env.clock.in(1s)).ok());
            IoBuf in;
            while (conn->read_some(in, 99, env.clock.in(1s)).ok()) {
            }
            echoed.push_back(in.size());
        }
    });
    REQUIRE(echoed.size() == 6);
    CHECK(echoed[5] == 5);  // the sixth connection is whole
    CHECK(p.world.faults().effects(0) == 5);
}

TEST_CASE("world: a paused node does nothing, its timers fire late", "[world]") {
    Pair p;
    Duration took{};
    p.world.at(MonoTime{} + 1s, [&] { p.world.pause(p.server); });
    p.world.at(MonoTime{} + 4s, [&] { p.world.resume(p.server); });
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        env.fibers.sleep_until({MonoTime{} + 1500ms});
        CHECK(*ask(env, *conn, "awake?", 10s) == "awake?");
        took = env.clock.now() - MonoTime{};
    });
    CHECK(took > 4s);
    CHECK(took < 5s);
}

TEST_CASE("world: wall clocks jump alone, monotonic time never does", "[world]") {
    Pair p;
    std::vector<std::int64_t> walls;
    p.world.at(MonoTime{} + 1s, [&] { p.world.jump_clock(p.client, -1h); });
    p.run([&](Env& env) {
        for (int i = 0; i < 3; ++i) {
            walls.push_back(env.clock.wall().ms - World::kEpochMs);
            env.fibers.sleep_until(env.clock.in(1s));
        }
    });
    REQUIRE(walls.size() == 3);
    CHECK(walls[0] == 0);
    CHECK(walls[2] == 2000 - 3'600'000);
}

TEST_CASE("world: shards get their mail in order per pair, and calls are answered", "[world]") {
    Recorder recorder;
    World world(9, recorder);
    std::vector<int> got;
    int answer = 0;
    const NodeId node = world.add_node("n1", 3, [&](Env& env, fiber::StopToken) {
        for (int i = 0; i < 20; ++i)
            CHECK(env.shards.post(ShardId{1}, [&got, i](Env&) { got.push_back(i); }).ok());
        answer = *env.shards.call(ShardId{2}, env.clock.in(1s),
                                  [](Env& there) { return there.shard.v * 21; });
        env.fibers.sleep_until(env.clock.in(10ms));  // mail that is under way dies with its node
    });
    world.start(node);
    world.run_until(MonoTime{} + 1s);
    REQUIRE(got.size() == 20);
    CHECK(std::is_sorted(got.begin(), got.end()));
    CHECK(answer == 42);
}
