// A scenario as data: what runs, what goes wrong, what must hold. Parsed from JSON
// (docs/formats/scenario.md); nothing here knows the simulator.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace faultline::sim {

struct TopicSpec {
    std::string name;
    std::int32_t partitions = 1;
    std::map<std::string, std::string> config;  // topic keys, as Kafka names them
};

struct ClusterSpec {
    std::int32_t brokers = 1;  // nodes n1, n2, ... Today one; more with the cluster issue
    unsigned shards = 2;
    std::map<std::string, std::string> config;  // broker keys, as Kafka names them
    std::vector<TopicSpec> topics;
};

struct NetworkSpec {
    Duration latency_min = 200us, latency_max = 800us;
    std::uint64_t send_buffer = 256 * 1024;  // bytes in flight in one direction of a connection
};

struct DiskSpec {
    std::uint64_t capacity = std::uint64_t{1} << 40;
    Duration write_latency = 10us, sync_latency = 1ms;
};

enum class Acks : std::int16_t { all = -1, none = 0, leader = 1 };

struct ProducerSpec {
    std::string id;
    std::string topic;
    std::int64_t count = 1000;  // records in all
    std::int64_t rate = 200;    // records a second; 0: as fast as the broker takes them
    std::uint32_t size = 100;   // bytes of the value
    Acks acks = Acks::all;
    bool idempotence = true;
    std::string compression = "none";
    std::int32_t keys = 0;  // distinct keys; 0: no key, sticky partitions
    Duration linger = 5ms;
    std::uint32_t batch_size = 16384;
    Duration start = 0s;
    Duration delivery_timeout = 30s;
    Duration timestamp_offset = 0s;  // added to each record's timestamp; may be negative
};

struct ConsumerSpec {
    std::string id;
    std::string topic;
    Duration start = 0s;
};

enum class FaultKind : std::uint8_t {
    crash,          // kill -9: the page cache survives
    power_loss,     // unsynced data is at risk
    pause,          // SIGSTOP for a while
    sync_error,     // fsync fails and forgets its pages
    disk_capacity,  // the disk is this small for a while
    bit_rot,        // one bit of a file is flipped
    slow_disk,      // every disk operation takes longer
    clock_jump,     // the wall clock jumps; optionally back
    cut_each_byte,  // connections are cut, each one byte later than the one before
    drop_response,  // the answer to a request is lost with its connection
    partition,      // two nodes cannot reach each other
    lying_sync,     // fsync says ok and does nothing: breaks the contract, so that oracles can show
    hung_disk,      // disk operations do not return
    short_reads,    // reads from connections return a few bytes at a time
    slow_link,      // messages to another node take longer
    reset,          // all connections of a node are reset
    count_
};
std::string_view to_string(FaultKind);

// When a fault strikes: at a time, or at the nth disk operation of a kind on a path.
struct Trigger {
    Duration at = 0s;
    std::string disk_op;  // "create", "write", "sync", "rename", "remove", "sync_dir"; empty: none
    std::string disk_path;  // glob
    std::uint32_t nth = 1;  // counted from `at` on, from 1
};

enum class Unsynced : std::uint8_t { keep, drop, torn, garbage, random, holes };

struct FaultSpec {
    std::string id;
    FaultKind kind = FaultKind::crash;
    Trigger when;
    std::string node = "n1";
    std::string to;                            // partition, slow_link: the other end
    std::optional<Duration> duration;          // healed after; for crashes: restarted after
    Unsynced unsynced = Unsynced::random;      // power_loss
    bool drop_dir_entries = false;             // power_loss: unsynced creates and renames are lost
    std::string path = "*";                    // disk faults
    std::uint64_t bytes = 0;                   // disk_capacity
    std::uint64_t at_byte = 0;                 // bit_rot: from the file's start
    std::uint32_t times = 1;                   // sync_error, drop_response: how often
    std::uint32_t from_byte = 0, to_byte = 0;  // cut_each_byte, both included
    std::string api;                           // drop_response: "produce", "fetch", ...
    Duration by{0};                            // clock_jump, may be negative; slow_link
    std::uint32_t most = 1;                    // short_reads: bytes
    bool answers = false;                      // cut_each_byte: of the server's stream
    std::uint32_t factor = 10;                 // slow_disk
};

struct Expectation {
    bool holds = true;                 // false: `violates` must be broken
    std::int32_t violates = 0;         // invariant number
    std::vector<std::string> vacuous;  // fault ids that may stay without effect
    bool all_acked = false;            // every record of every producer is acknowledged
    bool progress = true;              // at the end producers are done and consumers caught up
};

struct Scenario {
    std::string name, about;
    std::uint64_t seed = 1;
    Duration length = 30s;
    ClusterSpec cluster;
    NetworkSpec network;
    DiskSpec disk;
    std::vector<ProducerSpec> producers;
    std::vector<ConsumerSpec> consumers;
    std::vector<FaultSpec> faults;
    Expectation expect;
};

// One line for a person: "FILE:LINE:COLUMN: POINTER: what is wrong; what is allowed".
struct ScenarioError {
    std::string text;
};

// A change from the command line (--set POINTER=VALUE); VALUE is JSON, or a string as it stands.
struct Override {
    std::string pointer, value;
};

// `file` is for messages only. On an error `out` is unspecified.
std::optional<ScenarioError> parse_scenario(std::string_view file, std::string_view text,
                                            const std::vector<Override>& overrides, Scenario& out);
}  // namespace faultline::sim
