// A fault of a scenario as data.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "sim/scenario/fault_kinds.h"

namespace faultline::sim {

// What a fault waits for, from `at` on. Times count from the beginning of the run.
struct Trigger {
    enum class Kind : std::uint8_t {
        time,   // nothing but the time
        disk,   // the nth disk operation of a kind on a path of the fault's node
        event,  // the nth event of a kind
        after,  // another fault
    };
    enum class Stage : std::uint8_t { strikes, bites, heals };
    Kind kind = Kind::time;
    Duration at{0};
    Duration plus{0};  // after what it waited for
    std::uint32_t nth = 1;
    std::string disk_op;          // "create", "write", "sync", "rename", "remove", "sync_dir"
    std::string disk_path = "*";  // shell pattern
    std::string event;            // event_words(): "segment.rolled", "leader.changed", ...
    std::vector<std::string> on;  // event: emitted by one of these; empty: by anyone
    std::string partition;        // event: "orders/0"; empty: any
    std::string after;            // id of a fault
    Stage stage = Stage::strikes;
    friend bool operator==(const Trigger&, const Trigger&) = default;
};

enum class Unsynced : std::uint8_t { keep, drop, torn, garbage, random, holes };

struct FaultSpec {
    std::string id;
    FaultKind kind = FaultKind::crash;
    Trigger when;
    std::vector<std::string> nodes{"n1"};     // selectors: who suffers
    std::vector<std::string> from{"n1"}, to;  // of what passes between two sides
    bool both = true;                         // partition, clog, ...: in both directions
    std::optional<Duration> duration;         // healed after; process faults: started again after
    Duration within{0};                       // power_loss of several nodes: spread over this long
    Unsynced unsynced = Unsynced::random;     // power_loss
    bool drop_dir_entries = false;            // power_loss: unsynced creates and renames are lost
    bool clock_stands = false;                // pause
    std::map<std::string, std::string> config;  // reconfigure
    std::string path = "*";                     // disk faults: shell pattern
    std::string path_to = "*";                  // misdirected_write: where it lands
    std::uint64_t bytes = 0;                    // disk_capacity
    std::uint64_t at_byte = 0;                  // bit_rot, latent_sector: from the file's start
    std::int64_t shift = 0;                     // misdirected_write: bytes further in the file
    std::uint32_t times = 1;                    // how often
    std::uint32_t from_byte = 0, to_byte = 0;   // cut_each_byte, both included
    std::string api;                            // drop_response: "produce", "fetch", ...
    Duration by{0};                             // clock_jump, may be negative; slow_link, reorder
    std::uint64_t bandwidth = 0;        // slow_link, slow_reader: bytes a second; 0: no limit
    std::uint32_t most = 1;             // short_reads, short_writes: bytes
    bool answers = false;               // cut_each_byte: of the server's stream
    std::uint32_t factor = 10;          // slow_disk
    std::int64_t ppm = 0;               // clock_drift
    std::string partition;              // operator: "orders/0"
    std::vector<std::string> replicas;  // reassign: brokers; empty: cancel
    bool unclean = false;               // elect
    std::int64_t before = -1;           // delete_records; -1: the high watermark
    friend bool operator==(const FaultSpec&, const FaultSpec&) = default;
};
}  // namespace faultline::sim
