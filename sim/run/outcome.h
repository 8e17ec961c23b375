// What one execution came to, and how it is told.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "sim/oracle/oracle.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

struct FaultReport {
    std::string id;
    FaultKind kind = FaultKind::crash;
    std::uint64_t effects = 0;
    bool may_be_vacuous = false;
};

struct OracleReport {
    std::int32_t invariant = 0;
    std::string name;
    std::uint64_t premises = 0;
};

struct Outcome {
    std::string scenario;
    std::string world;  // of a real run, which has no hash and no simulated time; else empty
    std::uint64_t seed = 0;
    std::string hash;                 // 32 hex digits over every event
    std::uint64_t schedule_hash = 0;  // over what the scheduler drew (SimDriver::schedule)
    std::uint64_t events = 0;
    Duration sim_time{}, wall_time{};
    std::optional<Finding> finding;
    std::int32_t expected_violation = 0;
    std::vector<FaultReport> faults;
    std::vector<OracleReport> oracles;
    std::vector<std::string> story;
    std::vector<std::string> remarks;            // of the oracles
    std::map<std::string, std::uint64_t> sites;  // how often each was reached
    std::vector<std::string> must_reach;         // of the sites
    std::uint64_t acked = 0, delivered = 0, failed = 0;

    // Faults that had no effect although the scenario does not allow it, and sites that were not
    // reached although it asks for them.
    std::vector<std::string> vacuous() const;
    // "holds", "violated" or "vacuous".
    std::string_view verdict() const;
    // 0 holds (or the expected violation came), 1 violated (or it did not come), 3 vacuous.
    int exit_code() const;
    // The contract's last line: verdict=... seed=... hash=... sim_s=... wall_s=... events=...
    // faults=...
    std::string last_line() const;
    // "schedule=... hash=...": what must be equal wherever the same is run.
    std::string hash_line() const;
    // "violated INV-80 acked-is-durable at 4.213s: ...", or nothing.
    std::optional<std::string> violation_line() const;
    // Why it is not as the scenario's expect.violates says, or nothing.
    std::optional<std::string> expectation_line() const;
};

// The whole report for a person, or one JSON object.
std::string to_text(const Outcome& outcome);
std::string to_json(const Outcome& outcome);
}  // namespace faultline::sim
