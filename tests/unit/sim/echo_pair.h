// An echo server and a client in a world, for the tests of what can go wrong between them.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "core/fiber/sync.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

namespace faultline::sim::test {

// n1 echoes; n2 runs `client`.
struct Pair {
    explicit Pair(std::uint64_t seed = 1) : world(seed, recorder) {
        server = world.add_node("n1", 2, [](Env& env, fiber::StopToken stop) {
            auto listener = env.net.listen({"", 9092});
            fiber::Group group(env.fibers);
            while (true) {
                auto conn = (*listener)->accept(stop);
                if (!conn.ok()) break;
                group.spawn({}, [&env, c = *std::move(conn)](fiber::StopToken inner) {
                    IoBuf in;
                    while (c->read_some(in, 1 << 16, env.clock.in(1h), inner).ok()) {
                        if (!c->write(OutBuf(in), env.clock.in(1h), inner).ok()) break;
                        in.clear();
                    }
                });
            }
            group.request_stop();
            group.join();
        });
    }
    void run(std::function<void(Env&)> body, Duration length = 60s) {
        client = world.add_node("n2", 1, [body](Env& env, fiber::StopToken) { body(env); });
        world.start(server);
        world.start(client);
        world.run_until(MonoTime{} + length);
    }
    Recorder recorder;
    World world;
    NodeId server{}, client{};
};

inline ConnectionPtr dial(Env& env) {
    auto conn = env.net.connect({"n1", 9092}, env.clock.in(5s));
    FL_ASSERT(conn.ok());
    return *std::move(conn);
}

inline Result<std::string> ask(Env& env, Connection& conn, std::string_view question,
                               Duration timeout = 5s) {
    FL_CHECK(conn.write(OutBuf(IoBuf::copy_of(as_bytes(question))), env.clock.in(timeout)));
    IoBuf in;
    while (in.size() < question.size()) {
        FL_TRY([[maybe_unused]] auto n, conn.read_some(in, 99, env.clock.in(timeout)));
    }
    return in.copy_string();
}
}  // namespace faultline::sim::test
