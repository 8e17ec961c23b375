// How long messages take, what fits on a link, and where nodes stand.
#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

namespace {

struct Drawn {
    Duration least = Duration::max(), most{0}, mean{0};
    int slow = 0;  // above the given limit
};
Drawn draw(const Latency& latency, Duration limit) {
    constexpr int kTimes = 20'000;
    Drawn d;
    for (int i = 0; i < kTimes; ++i) {
        const Duration one = latency.draw(mix64(static_cast<std::uint64_t>(i)));
        d.least = std::min(d.least, one);
        d.most = std::max(d.most, one);
        d.mean += one / kTimes;
        if (one > limit) ++d.slow;
    }
    return d;
}

// How long a question to n1 and its answer take.
Duration timed(Env& env, Connection& conn, std::size_t bytes) {
    const MonoTime before = env.clock.now();
    CHECK(ask(env, conn, std::string(bytes, 'x'), 600s).ok());
    return env.clock.now() - before;
}

LinkOptions constant(Duration latency) {
    return {.latency = {.shape = Latency::Shape::constant, .min = latency, .max = latency}};
}
}  // namespace

TEST_CASE("links: each shape of latency is what its name says", "[network]") {
    using enum Latency::Shape;
    const Drawn same = draw({.shape = constant, .min = 3ms, .max = 9ms}, 3ms);
    CHECK(same.least == 3ms);
    CHECK(same.most == 3ms);
    const Drawn even = draw({.shape = uniform, .min = 1ms, .max = 3ms}, 2ms);
    CHECK(even.least >= 1ms);
    CHECK(even.most <= 3ms);
    CHECK(std::chrono::abs(even.mean - 2ms) < 50us);
    CHECK(std::abs(even.slow - 10'000) < 400);
    // Mean 2 ms above the least; e^-3 of 20,000 lie above three times that; cut at 17 ms.
    const Drawn tail = draw({.shape = exponential, .min = 1ms, .max = 17ms}, 7ms);
    CHECK(tail.least >= 1ms);
    CHECK(tail.least < 1100us);
    CHECK(tail.most > 14ms);
    CHECK(tail.most <= 17ms);
    CHECK(std::chrono::abs(tail.mean - 3ms) < 150us);
    CHECK(std::abs(tail.slow - 996) < 250);
    const Drawn two =
        draw({.shape = bimodal, .min = 1ms, .max = 2ms, .slow_per_mille = 20, .slow = 500ms}, 2ms);
    CHECK(std::abs(two.slow - 400) < 80);
    CHECK(two.most > 450ms);
    CHECK(two.most <= 500ms);
}

TEST_CASE("links: distance decides the latency, and a pair may have its own", "[network]") {
    Recorder recorder;
    WorldOptions options;
    options.network.distances = {constant(1ms), constant(5ms), constant(50ms)};
    World world(1, recorder, options);
    std::vector<Duration> took;
    std::vector<NodeId> servers;
    for (int i = 0; i < 4; ++i) {
        servers.push_back(
            world.add_node("s" + std::to_string(i), 1, [](Env& env, fiber::StopToken stop) {
                auto listener = env.net.listen({"", 9092});
                while (true) {
                    auto conn = (*listener)->accept(stop);
                    if (!conn.ok()) return;
                    IoBuf in;
                    while ((*conn)->read_some(in, 99, Deadline::never(), stop).ok()) {
                        CHECK((*conn)->write(OutBuf(in), Deadline::never()).ok());
                        in.clear();
                    }
                }
            }));
    }
    const NodeId client = world.add_node("c", 1, [&](Env& env, fiber::StopToken) {
        for (int i = 0; i < 4; ++i) {
            auto conn = env.net.connect({"s" + std::to_string(i), 9092}, env.clock.in(5s));
            took.push_back(timed(env, **conn, 1));
        }
    });
    world.place(client, "r1", "east");
    world.place(servers[0], "r1", "east");
    world.place(servers[1], "r2", "east");
    world.place(servers[2], "r1", "west");
    world.place(servers[3], "r1", "west");
    world.network().set_link(client, servers[3], constant(300ms));
    for (const NodeId s : servers) world.start(s);
    world.start(client);
    world.run_until(MonoTime{} + 60s);
    CHECK(took == std::vector<Duration>{2ms, 10ms, 100ms, 350ms});
}

TEST_CASE("links: bandwidth is shared by the connections of a link", "[network]") {
    for (const bool narrow : {false, true}) {
        Pair p;
        p.run([&](Env& env) {
            LinkOptions way = constant(1ms);
            way.bandwidth = narrow ? 1000 : 0;
            p.world.network().set_link(p.client, p.server, way);
            const ConnectionPtr a = dial(env), b = dial(env);
            CHECK(
                a->write(OutBuf(IoBuf::copy_of(as_bytes(std::string(2000, 'a')))), env.clock.in(9s))
                    .ok());
            const Duration took = timed(env, *b, 1000);
            CHECK((took >= 3s) == narrow);
            CHECK(took < (narrow ? 3010ms : 10ms));
        });
    }
}

TEST_CASE("links: a writer waits while the link's queue is full", "[network]") {
    for (const bool bounded : {false, true}) {
        Pair p;
        p.run([&](Env& env) {
            LinkOptions way = constant(1ms);
            way.bandwidth = 1000;
            way.queue = bounded ? 500 : 0;
            p.world.network().set_link(p.client, p.server, way);
            const ConnectionPtr a = dial(env), b = dial(env);
            CHECK(
                a->write(OutBuf(IoBuf::copy_of(as_bytes(std::string(1000, 'a')))), env.clock.in(9s))
                    .ok());
            const MonoTime before = env.clock.now();
            CHECK(b->write(OutBuf(IoBuf::copy_of(as_bytes("b"))), env.clock.in(9s)).ok());
            CHECK((env.clock.now() - before >= 1s) == bounded);
            CHECK(
                b->write(OutBuf(IoBuf::copy_of(as_bytes(std::string(1000, 'b')))), env.clock.in(9s))
                    .ok());
            // It gives up when its time is over.
            const auto late = a->write(OutBuf(IoBuf::copy_of(as_bytes("c"))), env.clock.in(10ms));
            CHECK(late.ok() == !bounded);
            if (!late.ok()) CHECK(late.code() == Errc::timed_out);
        });
    }
}

TEST_CASE("links: the hostile and the wide network are slower than the near one", "[network]") {
    const auto mean = [](const Distances& d) {
        return draw(d.between_dcs.latency, 1s).mean + draw(d.same_rack.latency, 1s).mean;
    };
    CHECK(mean(lan()) < 2ms);
    CHECK(mean(wan()) > 20ms);
    CHECK(mean(hostile()) > mean(wan()));
    CHECK(hostile().between_dcs.queue > 0);
}

TEST_CASE("links: a message takes as long as before when other connections are busy", "[network]") {
    // The latencies of one connection are its own: what others send does not move them.
    const auto times = [](bool busy) {
        Pair p;
        std::vector<std::int64_t> took;
        p.run([&](Env& env) {
            const ConnectionPtr first = dial(env), other = dial(env);
            for (int i = 0; i < 20; ++i) {
                const MonoTime start = MonoTime{} + i * 1s + 1s;
                env.fibers.sleep_until({start});
                if (busy) {
                    for (int n = 0; n < 3; ++n) CHECK(ask(env, *other, "noise").ok());
                    env.fibers.sleep_until({start + 500ms});
                } else {
                    env.fibers.sleep_until({start + 500ms});
                }
                took.push_back(timed(env, *first, 10).count());
            }
        });
        return took;
    };
    CHECK(times(true) == times(false));
}
