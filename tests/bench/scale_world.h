// A whole cluster in one simulator process: every broker is restarted, one after the other.
#pragma once
#include <cstdint>

namespace faultline::bench {

struct RollOptions {
    int brokers = 100, partitions = 10'000, topics = 100;  // three replicas, three controllers
    int restarts = 100;
    std::uint64_t seed = 1;
};

struct RollResult {
    double sim_s = 0, cpu_s = 0;  // of the whole run
    double start_cpu_s = 0;       // until every partition has its leader
    double roll_sim_s = 0, roll_cpu_s = 0;
    std::uint64_t events = 0, roll_events = 0;
    // From the first new leader after a stop to the last one, of the longest storm; in simulated
    // and in processor time.
    double storm_sim_s = 0, storm_cpu_s = 0;
    std::uint64_t elections = 0;        // leaders that began an epoch during the roll
    std::int64_t metadata_records = 0;  // by the roll
    std::uint64_t controller_samples = 0, broker_samples = 0, world_samples = 0;  // of 1 ms of CPU
    double peak_mib = 0, replica_kib = 0;  // what the partitions added, for each replica
    int unfinished = 0;  // restarts after which the broker was not unfenced in time
};

RollResult rolling_restart(const RollOptions& options);
}  // namespace faultline::bench
