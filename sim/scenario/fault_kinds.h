// The faults that a scenario may name: one table for the parser, the schema, the swarm, the
// shrinker and `faultline sim faults`.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace faultline::sim {

enum class FaultKind : std::uint8_t {
    // process
    crash,
    power_loss,
    pause,
    restart,
    wipe,
    reconfigure,
    // network
    partition,
    clog,
    silent_loss,
    half_open,
    reset,
    refuse,
    dns_failure,
    slow_link,
    slow_reader,
    short_reads,
    short_writes,
    cut_each_byte,
    drop_response,
    reorder,
    // disk
    sync_error,
    read_error,
    write_error,
    latent_sector,
    bit_rot,
    misdirected_write,
    lying_sync,
    disk_capacity,
    slow_disk,
    hung_disk,
    lose_log_dir,
    // clock
    clock_jump,
    clock_drift,
    clock_freeze,
    // operator: no faults, but what people ask of a cluster while there are some
    reassign,
    elect,
    delete_records,
    add_voter,
    remove_voter,
    count_
};

enum class FaultClass : std::uint8_t { process, network, disk, clock, operation, count_ };

struct FaultInfo {
    FaultKind kind;
    FaultClass group;
    std::string_view word;
    std::string_view doc;  // one sentence
    // The environment breaks the promise on which the broker's own promise rests: what is
    // acknowledged may then be lost, but not silently (docs/ORACLES.md, survival budget).
    bool breaks_contract = false;
};

// In the order of FaultKind.
std::span<const FaultInfo> fault_kinds();
const FaultInfo& info(FaultKind kind);
std::string_view to_string(FaultKind kind);
// Of an operator who changes who votes in the quorum.
// Drawn with two sides: from, to.
constexpr bool between_nodes(FaultKind kind) {
    return kind == FaultKind::partition || kind == FaultKind::clog ||
           kind == FaultKind::silent_loss || kind == FaultKind::half_open ||
           kind == FaultKind::slow_link || kind == FaultKind::reorder;
}
constexpr bool changes_voters(FaultKind kind) {
    return kind == FaultKind::add_voter || kind == FaultKind::remove_voter;
}
std::string_view to_string(FaultClass group);
}  // namespace faultline::sim
