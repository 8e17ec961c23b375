#include "tests/bench/echo_load.h"

#include <chrono>
#include <cstdlib>
#include <ctime>

#include "core/fiber/sync.h"
#include "sim/world/world.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
constexpr std::uint64_t kSize = 1024;
constexpr std::uint16_t kPort = 9092;

Result<void> read_exactly(Connection& conn, IoBuf& into) {
    into.clear();
    while (into.size() < kSize) {
        FL_TRY(const std::size_t n, conn.read_some(into, kSize - into.size(), Deadline::never()));
        (void)n;
    }
    return {};
}

void serve(Env& env, fiber::StopToken stop) {
    auto listener = env.net.listen({"", kPort});
    fiber::Group group(env.fibers);
    while (true) {
        auto conn = (*listener)->accept(stop);
        if (!conn.ok()) break;
        group.spawn({.name = "echo"}, [c = *std::move(conn)](fiber::StopToken) {
            IoBuf bytes;
            while (read_exactly(*c, bytes).ok() &&
                   c->write(OutBuf(bytes), Deadline::never()).ok()) {
            }
        });
    }
    group.request_stop();
    group.join();
}

void ask(Env& env, const std::string& server, std::uint64_t requests, std::uint64_t& answered) {
    env.fibers.sleep_until(env.clock.in(100ms));
    auto conn = env.net.connect({server, kPort}, env.clock.in(10s));
    if (!conn.ok()) std::abort();
    const IoBuf request = IoBuf::copy_of(as_bytes(std::string(kSize, '\7')));
    IoBuf answer;
    MonoTime at = env.clock.now();
    for (std::uint64_t i = 0; i < requests; ++i) {
        if (!(*conn)->write(OutBuf(request), Deadline::never()).ok() ||
            !read_exactly(**conn, answer).ok()) {
            std::abort();
        }
        ++answered;
        at = at + 6ms;
        env.fibers.sleep_until({at});
    }
}
}  // namespace

// The latencies of turmoil's load: round trips fit into the 6 ms between requests, so that the load
// really is 1,000 requests a second.
EchoResult run_echo(std::uint64_t seconds) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    Recorder recorder;
    WorldOptions options;
    options.network.distances.same_rack.latency = {.min = 100us, .max = 500us};
    World world(7, recorder, options);
    EchoResult o;
    int running = 6;
    for (int s = 0; s < 3; ++s) world.start(world.add_node("server" + std::to_string(s), 1, serve));
    for (int c = 0; c < 6; ++c) {
        world.start(
            world.add_node("client" + std::to_string(c), 1, [&, c](Env& env, fiber::StopToken) {
                ask(env, "server" + std::to_string(c % 3), seconds * 1000 / 6, o.requests);
                if (--running == 0) world.halt();
            }));
    }
    world.run_until(MonoTime{} + std::chrono::seconds(seconds * 10));
    o.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    o.cpu_s = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    o.virtual_s = static_cast<double>(world.now().ns) / 1e9;
    o.events = recorder.events();
    o.work = world.driver().delivered() + world.scheduler().switches();
    o.hash = recorder.hash().hex();
    return o;
}
