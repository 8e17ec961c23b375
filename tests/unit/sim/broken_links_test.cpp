// The ways in which a network can fail two nodes, told apart by what a connection sees of them.
// Each case runs with the fault and without it.
#include "tests/unit/sim/echo_pair.h"

using namespace faultline;
using namespace faultline::sim;
using namespace faultline::sim::test;

namespace {

OutBuf text(std::string_view s) { return OutBuf(IoBuf::copy_of(as_bytes(s))); }

Errc code_of(const auto& r) { return r.ok() ? Errc::exists : r.code(); }  // exists: no error

void both_ways(Pair& p, void (SimNetwork::*begin)(NodeId, NodeId, FaultId)) {
    (p.world.network().*begin)(p.client, p.server, 0);
    (p.world.network().*begin)(p.server, p.client, 0);
}

// What a world saw with a fault from 1 s to 11 s.
struct Seen {
    Errc connect = Errc::exists;
    std::vector<Duration> answered;  // after the end of the fault; one for each connection
    std::uint64_t effects = 0;
};
Seen ten_seconds_of(void (SimNetwork::*begin)(NodeId, NodeId, FaultId)) {
    Pair p;
    Seen seen;
    p.world.at(MonoTime{} + 11s, [&] { p.world.network().end_fault(0); });
    p.run([&](Env& env) {
        fiber::Group group(env.fibers);
        std::vector<ConnectionPtr> conns;
        for (int i = 0; i < 3; ++i) conns.push_back(dial(env));
        env.fibers.sleep_until({MonoTime{} + 1s});
        if (begin != nullptr) both_ways(p, begin);
        for (auto& conn : conns) {
            group.spawn({}, [&env, &seen, &conn](fiber::StopToken) {
                CHECK(*ask(env, *conn, "hello", 30s) == "hello");
                seen.answered.push_back(env.clock.now() - (MonoTime{} + 11s));
            });
            env.fibers.sleep_until(env.clock.in(1s));
        }
        seen.connect = code_of(env.net.connect({"n1", 9092}, env.clock.in(3s)));
        group.join();
    });
    seen.effects = p.world.faults().effects(0);
    return seen;
}
}  // namespace

TEST_CASE("network: a partition ends with retransmissions, a clog with one burst", "[network]") {
    const Seen calm = ten_seconds_of(nullptr);
    CHECK(calm.connect == Errc::exists);
    for (const Duration d : calm.answered) CHECK(d < 0s);
    CHECK(calm.effects == 0);

    const Seen parted = ten_seconds_of(&SimNetwork::partition);
    CHECK(parted.connect == Errc::timed_out);
    // Sent at 1, 2 and 3 s, and again 0.2, 0.6, 1.4, 3, 6.2, 12.6 s later.
    REQUIRE(parted.answered.size() == 3);
    CHECK(parted.answered[0] > 2600ms);
    CHECK(parted.answered[0] < 2620ms);
    CHECK(parted.answered[1] > 3600ms);
    CHECK(parted.answered[2] > 4600ms);
    CHECK(parted.effects > 0);

    const Seen clogged = ten_seconds_of(&SimNetwork::clog);
    CHECK(clogged.connect == Errc::timed_out);
    REQUIRE(clogged.answered.size() == 3);
    for (const Duration d : clogged.answered) {
        CHECK(d > 0s);
        CHECK(d < 2ms);
    }
    CHECK(clogged.effects > 0);
}

TEST_CASE("network: attempts to connect wait for a clog, and back off in a partition",
          "[network]") {
    const auto connected = [](void (SimNetwork::*begin)(NodeId, NodeId, FaultId)) {
        Pair p;
        MonoTime when{};
        p.world.at(MonoTime{} + 5s, [&] { p.world.network().end_fault(0); });
        p.run([&](Env& env) {
            (p.world.network().*begin)(p.client, p.server, 0);
            CHECK(env.net.connect({"n1", 9092}, env.clock.in(30s)).ok());
            when = env.clock.now();
        });
        return when;
    };
    CHECK(connected(&SimNetwork::clog) < MonoTime{} + 5002ms);
    const MonoTime late = connected(&SimNetwork::partition);  // 1 + 2 + 4 s
    CHECK(late > MonoTime{} + 7s);
    CHECK(late < MonoTime{} + 7010ms);
}

TEST_CASE("network: after a quarter of an hour of retransmissions the sender gives up",
          "[network]") {
    Pair p;
    p.run(
        [&](Env& env) {
            const ConnectionPtr conn = dial(env);
            both_ways(p, &SimNetwork::partition);
            CHECK(conn->write(text("x"), env.clock.in(1s)).ok());
            IoBuf in;
            CHECK(code_of(conn->read_some(in, 9, env.clock.in(800s))) == Errc::timed_out);
            CHECK(code_of(conn->read_some(in, 9, env.clock.in(800s))) == Errc::unreachable);
        },
        3600s);
}

TEST_CASE("network: two partitions of one link end one by one", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr conn = dial(env);
        both_ways(p, &SimNetwork::partition);
        p.world.network().partition(p.client, p.server, 1);
        CHECK(code_of(ask(env, *conn, "a", 1s)) == Errc::timed_out);
        p.world.network().end_fault(0);
        CHECK(code_of(ask(env, *conn, "b", 1s)) == Errc::timed_out);
        p.world.network().end_fault(1);
        IoBuf in;
        while (in.size() < 2) CHECK(conn->read_some(in, 9, env.clock.in(5s)).ok());
        CHECK(in.copy_string() == "ab");
    });
}

TEST_CASE("network: a reset is not sent again: behind a partition the peer stays half-open",
          "[network]") {
    for (const bool parted : {false, true}) {
        Pair p;
        p.run([&](Env& env) {
            const ConnectionPtr conn = dial(env);
            CHECK(ask(env, *conn, "a").ok());
            if (parted) p.world.network().partition(p.server, p.client, 0);
            p.world.at(env.clock.now() + 1s, [&] {
                p.world.crash(p.server);
                p.world.start(p.server);
            });
            IoBuf in;
            const auto read = conn->read_some(in, 9, env.clock.in(3s));
            CHECK(code_of(read) == (parted ? Errc::timed_out : Errc::unreachable));
            p.world.network().end_fault(0);
            if (parted) CHECK(code_of(ask(env, *conn, "b", 5s)) == Errc::unreachable);
        });
        CHECK((p.world.faults().effects(0) > 0) == parted);
    }
}

TEST_CASE("network: silent loss: nobody is told, for ever; new connections are sound",
          "[network]") {
    for (const bool lost : {false, true}) {
        Pair p;
        p.run([&](Env& env) {
            const ConnectionPtr old = dial(env);
            CHECK(ask(env, *old, "a").ok());
            if (lost) p.world.network().silent_loss(p.client, p.server, 0);
            p.world.network().end_fault(0);  // it strikes once
            CHECK(code_of(ask(env, *old, "b", 10s)) == (lost ? Errc::timed_out : Errc::exists));
            CHECK(ask(env, *dial(env), "c").ok());
            // It swallows what fits into the buffer; then the writer waits, and is never told why.
            const std::string much(300'000, 'x');
            const auto written = old->write(text(much), env.clock.in(20s));
            CHECK(code_of(written) == (lost ? Errc::timed_out : Errc::exists));
        });
        CHECK((p.world.faults().effects(0) > 0) == lost);
    }
}

TEST_CASE("network: silent loss has a direction", "[network]") {
    Pair p;
    std::string heard;
    const NodeId listener = p.world.add_node("n9", 1, [&](Env& env, fiber::StopToken) {
        auto at = env.net.listen({"", 1});
        const ConnectionPtr conn = *(*at)->accept({});
        CHECK(conn->write(text("greeting"), env.clock.in(1s)).ok());
        IoBuf in;
        while (conn->read_some(in, 99, env.clock.in(20s)).ok()) {
        }
        heard = in.copy_string();
    });
    p.world.start(listener);
    p.run([&](Env& env) {
        const ConnectionPtr conn = *env.net.connect({"n9", 1}, env.clock.in(5s));
        p.world.network().silent_loss(p.client, listener, 0);
        CHECK(conn->write(text("hello"), env.clock.in(1s)).ok());
        IoBuf in;
        while (in.size() < 8) CHECK(conn->read_some(in, 99, env.clock.in(5s)).ok());
        CHECK(in.copy_string() == "greeting");
        env.fibers.sleep_until(env.clock.in(25s));
    });
    CHECK(heard == "");
    CHECK(p.world.faults().effects(0) > 0);
}

TEST_CASE("network: half-open: one end sees a reset, the other never hears", "[network]") {
    for (const bool server_told : {false, true}) {
        Pair p;
        Errc server_saw = Errc::exists;
        const NodeId listener = p.world.add_node("n9", 1, [&](Env& env, fiber::StopToken) {
            auto at = env.net.listen({"", 1});
            const ConnectionPtr conn = *(*at)->accept({});
            IoBuf in;
            server_saw = code_of(conn->read_some(in, 99, env.clock.in(30s)));
        });
        p.world.start(listener);
        Errc client_saw = Errc::exists;
        p.run([&](Env& env) {
            const ConnectionPtr conn = *env.net.connect({"n9", 1}, env.clock.in(5s));
            env.fibers.sleep_until(env.clock.in(10ms));
            p.world.network().half_open(server_told ? listener : p.client,
                                        server_told ? p.client : listener, 0);
            // Striking the other way round as well does not tell the other end.
            p.world.network().half_open(server_told ? p.client : listener,
                                        server_told ? listener : p.client, 0);
            IoBuf in;
            client_saw = code_of(conn->read_some(in, 99, env.clock.in(20s)));
            env.fibers.sleep_until(env.clock.in(15s));
        });
        CHECK(client_saw == (server_told ? Errc::timed_out : Errc::unreachable));
        CHECK(server_saw == (server_told ? Errc::unreachable : Errc::timed_out));
        CHECK(p.world.faults().effects(0) >= 1);
    }
}

TEST_CASE("network: a slow reader takes so many bytes a second, and no reader else", "[network]") {
    for (const bool slow : {false, true}) {
        Pair p;
        p.run([&](Env& env) {
            const ConnectionPtr conn = dial(env);
            if (slow) p.world.network().slow_reader(p.server, 1000, 0);
            MonoTime before = env.clock.now();
            CHECK(ask(env, *conn, std::string(5000, 'x'), 30s).ok());
            const Duration took = env.clock.now() - before;
            CHECK((took > 4800ms) == slow);
            CHECK(took < (slow ? 5200ms : 10ms));
            // A read whose time is over says so.
            if (slow) p.world.network().slow_reader(p.client, 1, 1);
            CHECK(conn->write(text("abc"), env.clock.in(5s)).ok());
            IoBuf in;
            std::size_t reads = 0;
            while (in.size() < 3) {
                auto n = conn->read_some(in, 99, env.clock.in(300ms));
                if (!n.ok()) CHECK(n.code() == Errc::timed_out);
                ++reads;
            }
            CHECK((reads > 6) == slow);
            p.world.network().stop_faults();
            before = env.clock.now();
            CHECK(ask(env, *conn, std::string(5000, 'x'), 30s).ok());
            CHECK(env.clock.now() - before < 1200ms);  // what it still owed
        });
        CHECK((p.world.faults().effects(0) > 0) == slow);
    }
}

TEST_CASE("network: short writes leave in pieces, from one byte on, and nothing is lost",
          "[network]") {
    struct Sizes final : sim::Listener {
        void on_sim(MonoTime, const SimEvent& e) override {
            const auto* m = std::get_if<MessageSent>(&e);
            if (m != nullptr && m->bytes > 0 && !m->response) sizes.push_back(m->bytes);
        }
        std::vector<std::uint32_t> sizes;
    };
    for (const std::uint64_t most : {0, 1, 7}) {
        Pair p;
        Sizes sizes;
        p.recorder.add_listener(sizes);
        p.run([&](Env& env) {
            const ConnectionPtr conn = dial(env);
            if (most > 0) p.world.network().short_writes(p.client, most, 0);
            CHECK(*ask(env, *conn, "0123456789abcdefghij") == "0123456789abcdefghij");
        });
        const std::uint32_t longest = *std::ranges::max_element(sizes.sizes);
        CHECK(longest <= (most == 0 ? 20 : most));
        CHECK(sizes.sizes.size() >= (most == 0 ? 1 : 20 / most));
        CHECK((p.world.faults().effects(0) > 0) == (most > 0));
    }
}

TEST_CASE("network: an answer that leaves in pieces is still known as the answer", "[network]") {
    // A request as the labels of messages read it; echoed, it is the answer to itself.
    const std::string frame("\0\0\0\x0c\0\0\0\0\0\0\0\0abcd", 16);
    Pair p;
    p.world.network().short_writes(p.server, 3, 1);
    p.world.network().drop_responses(p.server, 0, 1, 0);
    p.run([&](Env& env) {
        CHECK(code_of(ask(env, *dial(env), frame)) == Errc::unreachable);
        CHECK(*ask(env, *dial(env), frame) == frame);
    });
    CHECK(p.world.faults().effects(0) == 1);
}

TEST_CASE("network: a name that does not resolve stops new connections alone", "[network]") {
    Pair p;
    p.run([&](Env& env) {
        const ConnectionPtr before = dial(env);
        p.world.network().dns_failure(p.server, 0);
        const MonoTime asked = env.clock.now();
        CHECK(code_of(env.net.connect({"n1", 9092}, env.clock.in(5s))) == Errc::unreachable);
        CHECK(env.clock.now() > asked);
        CHECK(ask(env, *before, "old").ok());
        p.world.network().end_fault(0);
        CHECK(ask(env, *dial(env), "new").ok());
    });
    CHECK(p.world.faults().effects(0) == 1);
}

TEST_CASE("network: messages of different connections overtake each other, not inside one",
          "[network]") {
    for (const bool shuffled : {false, true}) {
        Pair p;
        std::string order;
        const NodeId listener = p.world.add_node("n9", 1, [&](Env& env, fiber::StopToken) {
            auto at = env.net.listen({"", 1});
            fiber::Group group(env.fibers);
            for (int i = 0; i < 8; ++i) {
                group.spawn({}, [&env, &order, c = *(*at)->accept({})](fiber::StopToken) {
                    IoBuf in;
                    std::string mine;
                    while (mine.size() < 4) {
                        if (!c->read_some(in, 1, env.clock.in(20s)).ok()) break;
                        mine += in.copy_string();
                        order += in.copy_string();
                        in.clear();
                    }
                    for (std::size_t n = 1; n < mine.size(); ++n) CHECK(mine[n] == mine[n - 1] + 8);
                });
            }
            group.join();
        });
        p.world.start(listener);
        p.run([&](Env& env) {
            std::vector<ConnectionPtr> conns;
            p.world.network().set_link(
                p.client, listener,
                {.latency = {.shape = Latency::Shape::constant, .min = 1ms, .max = 1ms}});
            for (int i = 0; i < 8; ++i) {
                conns.push_back(*env.net.connect({"n9", 1}, env.clock.in(5s)));
            }
            if (shuffled) p.world.network().reorder(p.client, listener, 50ms, 0);
            for (int round = 0; round < 4; ++round) {
                for (int i = 0; i < 8; ++i) {
                    const char c = static_cast<char>('!' + round * 8 + i);
                    CHECK(conns[i]->write(text({&c, 1}), env.clock.in(5s)).ok());
                    env.fibers.sleep_until(env.clock.in(1ms));
                }
            }
            env.fibers.sleep_until(env.clock.in(30s));
        });
        CHECK(order.size() == 32);
        CHECK(std::ranges::is_sorted(order) == !shuffled);
        CHECK((p.world.faults().effects(0) > 0) == shuffled);
    }
}

TEST_CASE("network: what one fault draws does not depend on another", "[network]") {
    // The sizes of short reads on n1 are the same with and without short writes of another node.
    struct Sizes final : sim::Listener {
        explicit Sizes(World& w) : world(w) {}
        void on_sim(MonoTime, const SimEvent& e) override {
            const auto* effect = std::get_if<FaultEffect>(&e);
            if (effect != nullptr && effect->fault == 7) ++count;
        }
        World& world;
        int count = 0;
    };
    const auto pieces = [](bool other, std::uint64_t key) {
        Pair p;
        Sizes sizes(p.world);
        p.recorder.add_listener(sizes);
        p.world.faults().set_key(7, key);
        p.world.faults().set_key(3, 99);
        const NodeId noisy = p.world.add_node("n9", 1, [](Env& env, fiber::StopToken) {
            const ConnectionPtr conn = dial(env);
            for (int i = 0; i < 50; ++i) CHECK(ask(env, *conn, "0123456789").ok());
        });
        if (other) p.world.network().short_writes(noisy, 2, 3);
        p.world.start(p.server);
        p.world.start(noisy);
        std::vector<int> out;
        p.run([&](Env& env) {
            env.fibers.sleep_until({MonoTime{} + 30s});
            p.world.network().short_reads(p.server, 9, 7);
            const ConnectionPtr conn = dial(env);
            for (int i = 0; i < 20; ++i) {
                CHECK(ask(env, *conn, "0123456789012345678901234567890").ok());
                out.push_back(sizes.count);
            }
        });
        CHECK((p.world.faults().effects(3) > 0) == other);
        return out;
    };
    CHECK(pieces(true, 1) == pieces(false, 1));
    CHECK(pieces(true, 1) != pieces(true, 2));
}
