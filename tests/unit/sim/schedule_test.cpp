// Who runs next, and which of two simultaneous events comes first.
#include <set>

#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

namespace {

Schedule policy(Schedule::Policy p, std::uint32_t change_points = 0) {
    Schedule s;
    s.policy = p;
    s.change_points = change_points;
    s.round = 400;
    return s;
}

// The order in which five fibers of one node come to run, each eight times.
std::string order(std::uint64_t seed, Schedule schedule, int others = 0) {
    Recorder recorder;
    World world(seed, recorder, {.network = {}, .disk = {}, .schedule = schedule});
    std::string seen;
    // Another node that is busy at other times.
    const NodeId noisy = world.add_node("noisy", 1, [&](Env& env, fiber::StopToken) {
        fiber::Group group(env.fibers);
        for (int i = 0; i < others; ++i) {
            group.spawn({}, [&env](fiber::StopToken) {
                for (int n = 0; n < 20; ++n) env.fibers.sleep_until(env.clock.in(1ms));
            });
        }
        group.join();
    });
    const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
        env.fibers.sleep_until(env.clock.in(10'500us));
        fiber::Group group(env.fibers);
        for (char name = 'a'; name < 'f'; ++name) {
            group.spawn({}, [&env, &seen, name](fiber::StopToken) {
                for (int i = 0; i < 8; ++i) {
                    seen += name;
                    env.fibers.yield();
                }
            });
        }
        group.join();
    });
    world.start(noisy);
    world.start(node);
    world.run_until(MonoTime{} + 1s);
    return seen;
}
}  // namespace

TEST_CASE("schedule: first in, first out", "[schedule]") {
    std::string round_robin;
    for (int i = 0; i < 8; ++i) round_robin += "abcde";
    CHECK(order(1, policy(Schedule::Policy::fifo)) == round_robin);
    CHECK(order(2, policy(Schedule::Policy::fifo)) == round_robin);
}

TEST_CASE("schedule: random: every seed another order, nobody waits long", "[schedule]") {
    std::set<std::string> orders;
    std::map<char, int> first;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const std::string one = order(seed, policy(Schedule::Policy::random));
        CHECK(one.size() == 40);
        orders.insert(one);
        ++first[one[0]];
        REQUIRE(one == order(seed, policy(Schedule::Policy::random)));
    }
    CHECK(orders.size() == 100);
    for (char name = 'a'; name < 'f'; ++name) CHECK(first[name] > 8);
}

TEST_CASE("schedule: what another node does at other times changes no choice", "[schedule]") {
    const Schedule random = policy(Schedule::Policy::random);
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        REQUIRE(order(seed, random, 0) == order(seed, random, 7));
}

TEST_CASE("schedule: priorities run one fiber to its end, but for the change points",
          "[schedule]") {
    const auto switches = [](const std::string& s) {
        int n = 0;
        for (std::size_t i = 1; i < s.size(); ++i) n += s[i] != s[i - 1] ? 1 : 0;
        return n;
    };
    std::set<std::string> orders;
    int changed = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const std::string strict = order(seed, policy(Schedule::Policy::pct));
        REQUIRE(strict.size() == 40);
        REQUIRE(switches(strict) == 4);  // one after the other
        orders.insert(strict);
        Schedule with = policy(Schedule::Policy::pct, 4);
        with.round = 50;  // all of the run
        const std::string one = order(seed, with);
        REQUIRE(one.size() == 40);
        REQUIRE(switches(one) <= 4 + 4 + 5);  // each change, and a new round
        changed += one != strict ? 1 : 0;
    }
    CHECK(orders.size() > 30);
    CHECK(changed > 30);
}

TEST_CASE("schedule: with priorities a fiber that waits by yielding still ends", "[schedule]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Recorder recorder;
        World world(seed, recorder,
                    {.network = {}, .disk = {}, .schedule = policy(Schedule::Policy::pct)});
        bool flag = false, seen = false;
        world.start(world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
            fiber::Group group(env.fibers);
            group.spawn({}, [&](fiber::StopToken) {
                while (!flag) env.fibers.yield();
                seen = true;
            });
            group.spawn({}, [&](fiber::StopToken) { flag = true; });
            group.join();
        }));
        world.run_until(MonoTime{} + 1s);
        REQUIRE(seen);
    }
}

TEST_CASE("schedule: priorities decide between messages that arrive together", "[schedule]") {
    // Two connections, a message on each at the same time: the order is the connections' own.
    const auto arrivals = [](std::uint64_t seed, Schedule schedule) {
        Recorder recorder;
        WorldOptions options;
        options.schedule = schedule;
        options.network.distances.same_rack.latency = {
            .shape = Latency::Shape::uniform, .min = 100us, .max = 190us};
        World world(seed, recorder, options);
        std::string seen;
        const NodeId server = world.add_node("s", 1, [&](Env& env, fiber::StopToken stop) {
            auto listener = env.net.listen({"", 1});
            fiber::Group group(env.fibers);
            for (int i = 0; i < 2; ++i) {
                group.spawn({}, [&env, &seen, stop, c = *(*listener)->accept(stop)](auto) {
                    IoBuf in;
                    while (c->read_some(in, 1, env.clock.in(9s), stop).ok()) {
                        seen += in.copy_string();
                        in.clear();
                    }
                });
            }
            group.join();
        });
        const NodeId client = world.add_node("c", 1, [&](Env& env, fiber::StopToken) {
            ConnectionPtr conns[2];
            for (auto& c : conns) c = *env.net.connect({"s", 1}, env.clock.in(1s));
            for (int i = 0; i < 20; ++i) {
                env.fibers.sleep_until({MonoTime{} + 1s + i * 10ms});
                for (int c = 0; c < 2; ++c) {
                    const char name = static_cast<char>('0' + c);
                    CHECK(
                        conns[c]
                            ->write(OutBuf(IoBuf::copy_of(as_bytes({&name, 1}))), env.clock.in(1s))
                            .ok());
                }
            }
            env.fibers.sleep_until({MonoTime{} + 8s});
        });
        world.start(server);
        world.start(client);
        world.run_until(MonoTime{} + 10s);
        CHECK(seen.size() == 40);
        return seen;
    };
    std::string always[2];
    for (int i = 0; i < 20; ++i) {
        always[0] += "01";
        always[1] += "10";
    }
    int of_each[2] = {0, 0}, mixed = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const std::string one = arrivals(seed, policy(Schedule::Policy::pct));
        for (int i = 0; i < 2; ++i) of_each[i] += one == always[i] ? 1 : 0;
        const std::string drawn = arrivals(seed, policy(Schedule::Policy::random));
        mixed += drawn != always[0] && drawn != always[1] ? 1 : 0;
    }
    CHECK(of_each[0] > 3);
    CHECK(of_each[1] > 3);
    CHECK(of_each[0] + of_each[1] > 20);
    CHECK(mixed == 30);
}
