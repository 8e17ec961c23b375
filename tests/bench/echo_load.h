// The load of shared/measure/peers in our simulator: 3 servers, 6 clients, simulated TCP, 1,000
// requests a second in all, 1 KiB each way. Beside what the peers do, every event is hashed.
#pragma once
#include <cstdint>
#include <string>

struct EchoResult {
    std::uint64_t requests = 0, events = 0, work = 0;
    double virtual_s = 0, wall_s = 0;
    double cpu_s = 0;  // of this one thread: the wall time on a core of its own
    std::string hash;
};

// For so many simulated seconds, once.
EchoResult run_echo(std::uint64_t seconds);
