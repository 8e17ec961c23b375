#include "core/rpc/server_conn.h"

#include "sim/world/world.h"
#include "tests/support/catch.h"

using namespace faultline;

namespace {

std::string be(std::uint64_t v, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(v >> (8 * i) & 255U);
    return out;
}

// Metadata v1 (header version 1) with a body that the handlers below take as a command.
std::string request(std::int32_t correlation, const std::string& body) {
    const std::string inside = be(3, 2) + be(1, 2) +
                               be(static_cast<std::uint32_t>(correlation), 4) + be(2, 2) + "me" +
                               body;
    return be(inside.size(), 4) + inside;
}

struct Reasons final : probe::Sink {
    void on(MonoTime, NodeId, const probe::Event& e) override {
        if (const auto* shut = std::get_if<probe::ConnectionShut>(&e))
            reasons.push_back(shut->reason);
    }
    probe::PartitionKey intern(std::string_view, PartitionIndex) override { return 1; }
    void reached(probe::Site) override {}
    bool perturb(probe::Site) override { return false; }
    std::vector<std::uint32_t> reasons;
};

// n1 serves; the handler's answer is the correlation id and the body. "slow:" waits for a second in
// a fiber of its own, "none:" has no answer, "drop:" loses its responder, "lose:" says why,
// "bad:" is not understood.
struct Bench {
    explicit Bench(rpc::ServerLimits limits = {}, std::size_t budget_bytes = 1U << 20,
                   std::uint64_t seed = 1, std::size_t budget_handlers = 500)
        : world(seed, recorder) {
        server = world.add_node(
            "n1", 1,
            [this, limits, budget_bytes, budget_handlers](Env& env, fiber::StopToken stop) {
                auto listener = env.net.listen({"", 9092});
                rpc::ServerBudget budget(budget_bytes, budget_handlers);
                const MonoTime now{};
                const probe::Probe probe(&sink, NodeId{1}, &now);
                fiber::Group group(env.fibers);
                while (true) {
                    auto conn = (*listener)->accept(stop);
                    if (!conn.ok()) break;
                    group.spawn({}, [&, c = std::make_shared<ConnectionPtr>(*std::move(conn))](
                                        fiber::StopToken inner) {
                        rpc::ServerConnection served(std::move(*c), limits, env.clock, env.fibers,
                                                     budget, probe, env.log);
                        served.run(
                            [&](rpc::Request r, rpc::Responder to, fiber::Group& fibers) {
                                return handle(env, std::move(r), std::move(to), fibers);
                            },
                            inner);
                        ++ended;
                    });
                }
                group.request_stop();
                group.join();
                CHECK(budget.bytes.available() == budget_bytes);
            });
    }
    bool handle(Env& env, rpc::Request r, rpc::Responder to, fiber::Group& fibers) {
        seen.push_back(r.body.copy_string());
        CHECK(r.client_id == "me");
        const std::string body = seen.back();
        const OutBuf answer(
            IoBuf::copy_of(as_bytes(be(static_cast<std::uint32_t>(r.correlation), 4) + body)));
        if (body.starts_with("bad:")) return false;
        if (body.starts_with("drop:")) return true;
        if (body.starts_with("lose:")) return to.lose("it cannot be written"), true;
        if (body.starts_with("none:")) {
            to.none();
        } else if (body.starts_with("slow:")) {
            fibers.spawn({}, [&env, to = std::make_shared<rpc::Responder>(std::move(to)),
                              answer](fiber::StopToken stop) {
                if (env.fibers.sleep_until(env.clock.in(1s), stop) == fiber::Wake::timed_out)
                    to->send(answer);
            });
        } else {
            to.send(answer);
        }
        return true;
    }
    void run(std::function<void(Env&)> body, Duration length = 3600s) {
        client = world.add_node("n2", 1, [body](Env& env, fiber::StopToken) { body(env); });
        world.start(server);
        world.start(client);
        world.run_until(MonoTime{} + length);
        world.stop(server);
        world.run_until(MonoTime{} + length + 600s);
        CHECK(!world.running(server));
    }
    sim::Recorder recorder;
    sim::World world;
    NodeId server{}, client{};
    Reasons sink;
    std::vector<std::string> seen;
    int ended = 0;
};

struct Client {
    explicit Client(Env& e)
        : env(e), conn(*e.net.connect({"n1", 9092}, e.clock.in(5s))), reader(*conn, 1 << 20) {}
    void send(const std::string& bytes) {
        CHECK(conn->write(OutBuf(IoBuf::copy_of(as_bytes(bytes))), env.clock.in(60s)).ok());
    }
    // "<correlation>:<body>", or the error's name.
    std::string next(Duration timeout = 60s) {
        auto frame = reader.next(env.clock.in(timeout));
        if (!frame.ok()) return std::string(to_string(frame.code()));
        const std::string text = frame->copy_string();
        FL_ASSERT(text.size() >= 4);
        return std::to_string(static_cast<unsigned char>(text[3])) + ":" + text.substr(4);
    }
    Env& env;
    ConnectionPtr conn;
    rpc::FrameReader reader;
};
}  // namespace

TEST_CASE("server_conn: answers keep the order of requests, whoever is ready first") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Bench b({}, 1U << 20, seed);
        b.run([](Env& env) {
            Client c(env);
            c.send(request(1, "slow:a") + request(2, "b") + request(3, "none:") +
                   request(4, "slow:c") + request(5, "d"));
            CHECK(c.next() == "1:slow:a");
            CHECK(c.next() == "2:b");
            CHECK(c.next() == "4:slow:c");
            CHECK(c.next() == "5:d");
        });
        CHECK(b.seen == std::vector<std::string>{"slow:a", "b", "none:", "slow:c", "d"});
        CHECK(b.sink.reasons.empty());
    }
}

TEST_CASE("server_conn: a request that waits does not hold back the requests behind it") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const MonoTime start = env.clock.now();
        for (int i = 1; i <= 50; ++i) c.send(request(i, "slow:"));
        for (int i = 1; i <= 50; ++i) CHECK(c.next() == std::to_string(i) + ":slow:");
        CHECK(env.clock.now() - start < 3s);
    });
}

TEST_CASE("server_conn: a bad frame closes its connection and costs others nothing") {
    struct Case {
        std::string bytes;
        bool counted;  // a probe event
    };
    const Case cases[] = {
        {be(0xffffffff, 4), true},  // negative length
        {be(2000, 4), true},        // over the limit: nothing of it is read
        {be(3, 4) + "abc", true},   // too short for a header
        {be(10, 4) + be(3, 2) + be(1, 2) + be(1, 4) + be(500, 2),
         true},                        // client id beyond the end
        {request(9, "bad:"), true},    // a body that its handler does not understand
        {be(100, 4) + "half", false},  // the peer goes away inside a frame
    };
    for (const Case& bad : cases) {
        Bench b({.max_frame = 1000});
        b.run([&](Env& env) {
            Client good(env);
            good.send(request(1, "before"));
            CHECK(good.next() == "1:before");
            {
                Client c(env);
                c.send(bad.bytes);
                if (!bad.counted) c.conn->shutdown_write();
                const std::string end = c.next();
                CHECK((end == "closed" || end == "unreachable"));
            }
            good.send(request(2, "after"));
            CHECK(good.next() == "2:after");
        });
        CHECK(b.sink.reasons.size() == (bad.counted ? 1U : 0U));
        CHECK(b.ended == 2);
    }
}

TEST_CASE("server_conn: what came before a bad frame is still answered") {
    Bench b({.max_frame = 1000});
    b.run([](Env& env) {
        Client c(env);
        c.send(request(1, "a") + request(2, "slow:b") + be(2000, 4));
        CHECK(c.next() == "1:a");
        CHECK(c.next() == "2:slow:b");
        const std::string end = c.next();
        CHECK((end == "closed" || end == "unreachable"));
    });
}

TEST_CASE("server_conn: a peer that half closes gets its answers, also slow ones") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        c.send(request(1, "slow:a") + request(2, "b"));
        c.conn->shutdown_write();
        CHECK(c.next() == "1:slow:a");
        CHECK(c.next() == "2:b");
        CHECK(c.next() != "timed_out");
    });
}

TEST_CASE("server_conn: an idle connection is closed after connections.max.idle.ms") {
    Bench b({.idle = 10s});
    b.run([](Env& env) {
        Client c(env);
        c.send(request(1, "a"));
        CHECK(c.next() == "1:a");
        const MonoTime start = env.clock.now();
        const std::string end = c.next(60s);
        CHECK((end == "closed" || end == "unreachable"));
        CHECK(env.clock.now() - start >= 9s);
        CHECK(env.clock.now() - start < 12s);
    });
    CHECK(b.sink.reasons.empty());
}

TEST_CASE("server_conn: a lost responder closes the connection") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        c.send(request(1, "drop:"));
        const std::string end = c.next();
        CHECK((end == "closed" || end == "unreachable"));
    });
}

TEST_CASE("server_conn: an answer that cannot be made closes its connection, and says so once") {
    Bench b;
    b.run([](Env& env) {
        Client c(env), other(env);
        c.send(request(1, "a"));
        CHECK(c.next() == "1:a");
        c.send(request(2, "lose:") + request(3, "lose:") + request(4, "b"));
        const std::string end = c.next();
        CHECK((end == "closed" || end == "unreachable"));
        other.send(request(5, "c"));
        CHECK(other.next() == "5:c");
    });
    CHECK(b.sink.reasons == std::vector<std::uint32_t>{3});
}

TEST_CASE("server_conn: requests without their answer are bounded") {
    Bench b({.max_pending = 3});
    b.run([&](Env& env) {
        Client c(env);
        for (int i = 1; i <= 9; ++i) c.send(request(i, "slow:"));
        env.fibers.sleep_until(env.clock.in(500ms));
        CHECK(b.seen.size() == 3);
        for (int i = 1; i <= 9; ++i) CHECK(c.next() == std::to_string(i) + ":slow:");
    });
}

TEST_CASE("server_conn: the bytes of requests under way are bounded over all connections") {
    Bench b({}, 100);
    b.run([&](Env& env) {
        Client one(env), two(env);
        one.send(request(1, "slow:" + std::string(60, 'x')));
        env.fibers.sleep_until(env.clock.in(100ms));
        two.send(request(2, "slow:" + std::string(60, 'x')));
        env.fibers.sleep_until(env.clock.in(500ms));
        CHECK(b.seen.size() == 1);
        CHECK(one.next().starts_with("1:slow"));
        CHECK(two.next().starts_with("2:slow"));
    });
}

TEST_CASE(
    "server_conn: memory is granted before a request is read, and an unfinished one loses it") {
    Bench b({.stall = 10s}, 100);
    b.run([&](Env& env) {
        Client slow(env), other(env);
        slow.send(request(1, "slow:" + std::string(60, 'x')).substr(0, 40));
        env.fibers.sleep_until(env.clock.in(25s));  // nobody waits: it may take its time
        CHECK(b.sink.reasons.empty());
        const MonoTime start = env.clock.now();
        other.send(request(2, std::string(60, 'y')));
        CHECK(other.next().starts_with("2:y"));
        CHECK(env.clock.now() - start < 11s);
        CHECK(slow.next() == "closed");
        CHECK(b.seen == std::vector<std::string>{std::string(60, 'y')});
    });
    CHECK(b.sink.reasons.size() == 1);
}

TEST_CASE("server_conn: a request that goes on arriving keeps its memory") {
    Bench b({.stall = 10s}, 100);
    b.run([&](Env& env) {
        Client slow(env), other(env);
        const std::string bytes = request(1, "slow:" + std::string(60, 'x'));
        slow.send(bytes.substr(0, 20));
        env.fibers.sleep_until(env.clock.in(1s));
        other.send(request(2, std::string(60, 'y')));
        for (std::size_t at = 20; at < bytes.size(); ++at) {
            slow.send(bytes.substr(at, 1));
            env.fibers.sleep_until(env.clock.in(3s));
        }
        CHECK(slow.next().starts_with("1:slow:x"));
        CHECK(other.next().starts_with("2:y"));
    });
    CHECK(b.sink.reasons.empty());
}

TEST_CASE("server_conn: any cut of a request's stream leaves the server well") {
    const std::string bytes = request(1, "slow:a") + request(2, "b");
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Bench b({}, 1U << 20, cut + 1);
        b.run([&](Env& env) {
            {
                Client c(env);
                c.send(bytes.substr(0, cut));
                c.conn->abort();
            }
            Client c(env);
            c.send(request(7, "fine"));
            CHECK(c.next() == "7:fine");
        });
        CHECK(b.sink.reasons.empty());
    }
}
