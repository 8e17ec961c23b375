// sim_echo [SECONDS]: the load of echo_load.h, once, in one line.
#include <cstdio>
#include <cstdlib>

#include "tests/bench/echo_load.h"

int main(int argc, char** argv) {
    const std::uint64_t seconds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 60;
    const EchoResult o = run_echo(seconds);
    const auto requests = static_cast<double>(o.requests);
    std::printf(
        "faultline requests=%.0f sim_s=%.2f wall_s=%.3f ratio=%.1f requests_per_wall_s=%.0f "
        "cpu_s=%.3f ratio_cpu=%.1f scheduler_events_per_cpu_s=%.0f trace_events=%llu hash=%s\n",
        requests, o.virtual_s, o.wall_s, o.virtual_s / o.wall_s, requests / o.wall_s, o.cpu_s,
        o.virtual_s / o.cpu_s, static_cast<double>(o.work) / o.cpu_s,
        static_cast<unsigned long long>(o.events), o.hash.c_str());
    return o.requests == seconds * 1000 / 6 * 6 ? 0 : 1;
}
