// The load of shared/measure/peers in our simulator: 3 servers, 6 clients, simulated TCP, 1,000
// requests a second in all, 1 KiB each way. Beside what the peers do, every event is hashed.
#include <chrono>
#include <cstdio>
#include <cstdlib>

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

int main(int argc, char** argv) {
    const std::uint64_t seconds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 60;
    const auto begin = std::chrono::steady_clock::now();
    Recorder recorder;
    World world(7, recorder, {.network = {.latency_min = 1ms, .latency_max = 10ms}, .disk = {}});
    std::uint64_t answered = 0;
    for (int s = 0; s < 3; ++s) world.start(world.add_node("server" + std::to_string(s), 1, serve));
    for (int c = 0; c < 6; ++c) {
        world.start(
            world.add_node("client" + std::to_string(c), 1, [&, c](Env& env, fiber::StopToken) {
                ask(env, "server" + std::to_string(c % 3), seconds * 1000 / 6, answered);
            }));
    }
    world.run_until(MonoTime{} + std::chrono::seconds(seconds * 10));
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf(
        "faultline requests=%llu sim_s=%llu wall_s=%.3f ratio=%.1f requests_per_wall_s=%.0f "
        "events_per_wall_s=%.0f hash=%s\n",
        static_cast<unsigned long long>(answered), static_cast<unsigned long long>(seconds), wall,
        static_cast<double>(seconds) / wall, static_cast<double>(answered) / wall,
        static_cast<double>(recorder.events()) / wall, recorder.hash().hex().c_str());
    return answered == seconds * 1000 / 6 * 6 ? 0 : 1;
}
