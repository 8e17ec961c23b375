// The load of shared/measure/peers in our simulator: 3 servers, 6 clients, simulated TCP, 1,000
// requests a second in all, 1 KiB each way. Beside what the peers do, every event is hashed.
#include <chrono>
#include <cstdio>
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
struct Outcome {
    std::uint64_t requests = 0, events = 0, work = 0;
    double virtual_s = 0, wall_s = 0;
    double cpu_s = 0;  // of this one thread: the wall time on a core of its own
    std::string hash;
};

// The latencies of turmoil's load: round trips fit into the 6 ms between requests, so that the load
// really is 1,000 requests a second.
Outcome run(std::uint64_t seconds) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    Recorder recorder;
    World world(7, recorder, {.network = {.latency_min = 100us, .latency_max = 500us}, .disk = {}});
    Outcome o;
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
}  // namespace

// sim_echo [SECONDS]: once. sim_echo --goal: fails below 1,000 simulated seconds or 500,000
// scheduler events a second in the best of five tries, by processor time, because others may use
// this machine.
int main(int argc, char** argv) {
    const bool goal = argc > 1 && std::string_view(argv[1]) == "--goal";
    const std::uint64_t seconds = goal ? 120 : argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 60;
    for (int left = goal ? 5 : 1; left > 0; --left) {
        const Outcome o = run(seconds);
        if (o.requests != seconds * 1000 / 6 * 6) return 1;
        const double work_rate = static_cast<double>(o.work) / o.cpu_s;
        const auto requests = static_cast<double>(o.requests);
        std::printf(
            "faultline requests=%.0f sim_s=%.2f wall_s=%.3f ratio=%.1f requests_per_wall_s=%.0f "
            "cpu_s=%.3f ratio_cpu=%.1f scheduler_events_per_cpu_s=%.0f trace_events=%llu hash=%s\n",
            requests, o.virtual_s, o.wall_s, o.virtual_s / o.wall_s, requests / o.wall_s, o.cpu_s,
            o.virtual_s / o.cpu_s, work_rate, static_cast<unsigned long long>(o.events),
            o.hash.c_str());
        if (!goal || (o.virtual_s / o.cpu_s >= 1000 && work_rate >= 500'000)) return 0;
    }
    return 1;
}
