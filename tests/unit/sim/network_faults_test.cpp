// Each fault of the simulated network has the effect that it is named after, and counts it.
#include <csignal>
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

namespace {
// A request as the labels of messages read it; echoed, it is the answer to itself.
const std::string kFrame("\0\0\0\x0c\0\0\0\0\0\0\0\0abcd", 16);

Errc code_of(const Result<std::string>& r) { return r.ok() ? Errc::exists : r.code(); }
}  // namespace

TEST_CASE("network: short reads lose nothing and keep the order", "[network]") {
    Pair p;
    p.world.network().short_reads(p.server, 3, 0);
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        CHECK(*ask(env, *conn, "0123456789abcdefghijklmnopqrstuvwxyz") ==
              "0123456789abcdefghijklmnopqrstuvwxyz");
        p.world.network().end_fault(0);
        const std::uint64_t before = p.world.faults().effects(0);
        CHECK(*ask(env, *conn, "whole again") == "whole again");
        CHECK(p.world.faults().effects(0) == before);
    });
    CHECK(p.world.faults().effects(0) >= 11);  // 36 bytes, three at a time at most
}

TEST_CASE("network: a slow link takes longer, by time and by bytes", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        const auto timed = [&](std::size_t bytes) {
            const MonoTime before = env.clock.now();
            CHECK(ask(env, *conn, std::string(bytes, 'x'), 60s).ok());
            return env.clock.now() - before;
        };
        CHECK(timed(10) < 5ms);
        p.world.network().slow_link(p.client, p.server, 300ms, 0, 0);
        const Duration late = timed(10);
        CHECK(late > 300ms);
        CHECK(late < 310ms);
        p.world.network().end_fault(0);
        p.world.network().slow_link(p.client, p.server, 0s, 1000, 1);
        const Duration narrow = timed(2000);
        CHECK(narrow > 2s);
        CHECK(narrow < 2100ms);
        p.world.network().end_fault(1);
        CHECK(timed(2000) < 5ms);
        // What crawls when it ends does not crawl on.
        p.world.network().slow_link(p.client, p.server, 0s, 1000, 1);
        p.world.at(p.world.now() + 1s, [&] { p.world.network().end_fault(1); });
        const Duration freed = timed(20'000);
        CHECK(freed > 1s);
        CHECK(freed < 1010ms);
        CHECK(timed(2000) < 5ms);
    });
    CHECK(p.world.faults().effects(0) == 1);
    CHECK(p.world.faults().effects(1) == 2);
}

TEST_CASE("network: a node refuses connections, and takes them again", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr before = dial(env);
        p.world.network().refuse(p.server, 0);
        CHECK(env.net.connect({"n1", 9092}, env.clock.in(5s)).code() == Errc::unreachable);
        CHECK(*ask(env, *before, "old ones stay") == "old ones stay");
        p.world.network().end_fault(0);
        CHECK(*ask(env, *dial(env), "new") == "new");
    });
    CHECK(p.world.faults().effects(0) == 1);
}

TEST_CASE("network: answers are cut one byte later each time", "[network]") {
    Pair p;
    p.world.network().cut_each_byte(p.server, 0, 3, 0, Direction::answers);
    std::vector<std::size_t> got;
    p.run([&](Env& env) {
        for (int i = 0; i < 5; ++i) {
            const ConnectionPtr conn = dial(env);
            IoBuf in;
            CHECK(conn->write(OutBuf(IoBuf::copy_of(as_bytes("12345"))), env.clock.in(1s)).ok());
            while (in.size() < 5 && conn->read_some(in, 99, env.clock.in(1s)).ok()) {
            }
            got.push_back(in.size());
        }
    });
    CHECK(got == std::vector<std::size_t>{0, 1, 2, 3, 5});
    CHECK(p.world.faults().effects(0) == 4);
}

TEST_CASE("network: an answer is lost with its connection, the request was served", "[network]") {
    Pair p;
    p.world.network().drop_responses(p.server, 0, 1, 0);
    p.run([&](Env& env) {
        CHECK(code_of(ask(env, *dial(env), kFrame)) == Errc::unreachable);
        CHECK(*ask(env, *dial(env), kFrame) == kFrame);
    });
    CHECK(p.world.faults().effects(0) == 1);
}

TEST_CASE("network: a cut in one direction lets the other pass", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        p.world.network().partition(p.server, p.client, 0);  // answers are held back
        CHECK(code_of(ask(env, *conn, "heard", 1s)) == Errc::timed_out);
        p.world.network().end_fault(0);
        IoBuf in;
        CHECK(conn->read_some(in, 99, env.clock.in(1s)).ok());
        CHECK(in.copy_string() == "heard");
    });
    CHECK(p.world.faults().effects(0) == 1);
}

TEST_CASE("network: all connections of a node are reset at once", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr a = dial(env), b = dial(env);
        CHECK(ask(env, *a, "a").ok());
        p.world.network().reset_all(p.server, 0);
        CHECK(code_of(ask(env, *a, "a")) == Errc::unreachable);
        CHECK(code_of(ask(env, *b, "b")) == Errc::unreachable);
        CHECK(ask(env, *dial(env), "c").ok());
    });
    CHECK(p.world.faults().effects(0) == 2);
}

TEST_CASE("world: a fault that is taken out leaves the others as they were", "[world]") {
    // Which unsynced writes survive does not depend on a slow link elsewhere.
    const auto survivors = [](bool slow, std::uint64_t seed) {
        Pair p(seed);
        p.world.at(MonoTime{} + 1s, [&] { p.world.lose_power(p.client, {}); });
        if (slow) {
            p.world.at(MonoTime{},
                       [&] { p.world.network().slow_link(p.server, p.client, 20ms, 0, 0); });
        }
        p.run([&](Env& env) {
            auto file = *env.disk.open("a", OpenMode::create);
            CHECK(env.disk.sync_dir(".").ok());
            const ConnectionPtr conn = dial(env);
            for (int i = 0; i < 6; ++i) {
                CHECK(ask(env, *conn, "x").ok());
                const std::string part(700, static_cast<char>('a' + i));
                CHECK(file->write(*file->size(), IoBuf::copy_of(as_bytes(part))).ok());
            }
            env.fibers.sleep_until({});
        });
        const auto& cache = p.world.disk(p.client).names().at("a")->cache;
        return std::string(as_text(Bytes(cache.data(), cache.size())));
    };
    bool differ = false;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        REQUIRE(survivors(false, seed) == survivors(true, seed));
        differ = differ || survivors(false, seed) != survivors(false, seed + 1);
    }
    CHECK(differ);
}

TEST_CASE("world: the end of a run that was halted does not end the next one", "[world]") {
    Recorder recorder;
    World world(1, recorder);
    world.at(MonoTime{} + 1s, [&] { world.halt(); });
    world.run_until(MonoTime{} + 10s);
    CHECK(world.now() == MonoTime{} + 1s);
    world.run_until(MonoTime{} + 20s);
    CHECK(world.now() == MonoTime{} + 20s);
}

TEST_CASE("world: a wiped disk is empty, a frozen clock stands", "[world]") {
    Recorder recorder;
    World world(1, recorder);
    Errc found = Errc::busy;
    std::vector<std::int64_t> walls;
    const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
        auto before = env.disk.open("a", OpenMode::read);
        found = before.ok() ? Errc::exists : before.code();
        CHECK(env.disk.open("a", OpenMode::create).ok());
        CHECK(env.disk.sync_dir(".").ok());
        for (int i = 0; i < 3; ++i) {
            walls.push_back(env.clock.wall().ms);
            env.fibers.sleep_until(env.clock.in(100ms));
        }
    });
    world.start(node);
    world.at(MonoTime{} + 10ms, [&] { world.freeze_clock(node, true); });
    world.at(MonoTime{} + 150ms, [&] { world.freeze_clock(node, false); });
    world.run_until(MonoTime{} + 1s);
    CHECK(found == Errc::not_found);
    REQUIRE(walls.size() == 3);
    CHECK(walls[1] - walls[0] < 100);
    CHECK(walls[2] - walls[0] >= 200);
    world.start(node);
    world.run_until(MonoTime{} + 2s);
    CHECK(found == Errc::exists);
    world.wipe_disk(node);
    world.start(node);
    world.run_until(MonoTime{} + 3s);
    CHECK(found == Errc::not_found);
}

TEST_CASE("world: a fiber that spins at one instant ends the run (INV-70)", "[world]") {
    const pid_t child = ::fork();
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(2);
        std::signal(SIGABRT, SIG_DFL);
        Recorder recorder;
        World world(1, recorder);
        world.start(world.add_node("n1", 1, [](Env& env, fiber::StopToken) {
            while (true) env.fibers.yield();
        }));
        world.run_until(MonoTime{} + 1s);
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}
