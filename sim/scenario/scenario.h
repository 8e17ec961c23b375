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
#include "sim/scenario/fault_spec.h"

namespace faultline::sim {

struct TopicSpec {
    std::string name;
    std::int32_t partitions = 1;
    std::int32_t replicas = 0;                  // 0: the brokers' default.replication.factor
    std::map<std::string, std::string> config;  // topic keys, as Kafka names them
    friend bool operator==(const TopicSpec&, const TopicSpec&) = default;
};

// Where a node stands and how its clock goes. Nodes without an entry stand in no rack.
struct NodeSpec {
    std::string name;  // "n1", or a client's id
    std::string rack, dc;
    Duration clock_offset{0};  // of the wall clock
    std::int64_t clock_drift_ppm = 0;
    friend bool operator==(const NodeSpec&, const NodeSpec&) = default;
};

struct ClusterSpec {
    std::int32_t brokers = 1;      // nodes n1, n2, ...
    std::int32_t controllers = 0;  // nodes c1, c2, ...; 0: the first three brokers are both
    std::int32_t voters = 0;       // of the controllers, at first; 0: all, and it stays so
    unsigned shards = 2;
    std::int32_t log_dirs = 1;
    std::map<std::string, std::string> config;  // broker keys, as Kafka names them
    std::vector<TopicSpec> topics;
    std::vector<NodeSpec> nodes;
    friend bool operator==(const ClusterSpec&, const ClusterSpec&) = default;
};

// How long a message is under way in one direction.
enum class LatencyShape : std::uint8_t { constant, uniform, exponential, bimodal };
struct LatencySpec {
    LatencyShape shape = LatencyShape::uniform;
    Duration min = 200us, max = 800us;  // constant: min. exponential: max is where it is cut
    std::uint32_t slow_per_mille = 1;   // bimodal: so many of a thousand take between max and slow
    Duration slow = 100ms;
    friend bool operator==(const LatencySpec&, const LatencySpec&) = default;
};

struct LinkSpec {
    std::vector<std::string> from, to;  // selectors
    LatencySpec latency;
    std::uint64_t bandwidth = 0;  // bytes a second; 0: no limit
    std::uint64_t queue = 0;      // bytes under way; 0: the connection's send buffer alone
    friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

enum class NetworkProfile : std::uint8_t { lan, wan, hostile };
struct NetworkSpec {
    NetworkProfile profile = NetworkProfile::lan;
    // Else the profile's.
    std::optional<Duration> latency_min, latency_max;
    std::uint64_t send_buffer = 256 * 1024;  // bytes in flight in one direction of a connection
    std::vector<LinkSpec> links;             // the last that fits counts
    friend bool operator==(const NetworkSpec&, const NetworkSpec&) = default;
};

struct DiskSpec {
    std::uint64_t capacity = std::uint64_t{1} << 40;
    Duration write_latency = 10us, sync_latency = 1ms;
    friend bool operator==(const DiskSpec&, const DiskSpec&) = default;
};

enum class SchedulePolicy : std::uint8_t { random, fifo, pct };
struct ScheduleSpec {
    SchedulePolicy policy = SchedulePolicy::random;
    std::uint32_t change_points = 3;  // pct
    friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
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
    // Batches of a partition under way at once; 0: 5 with idempotence, else 1, which keeps the
    // order.
    std::uint32_t in_flight = 0;
    std::uint32_t most_in_flight() const { return in_flight > 0 ? in_flight : idempotence ? 5 : 1; }
    std::string compression = "none";
    std::int32_t keys = 0;  // distinct keys; 0: no key, sticky partitions
    Duration linger = 5ms;
    std::uint32_t batch_size = 16384;
    Duration start = 0s;
    Duration delivery_timeout = 30s;
    Duration timestamp_offset = 0s;  // added to each record's timestamp; may be negative
    friend bool operator==(const ProducerSpec&, const ProducerSpec&) = default;
};

struct ConsumerSpec {
    std::string id;
    std::string topic;
    Duration start = 0s;
    friend bool operator==(const ConsumerSpec&, const ConsumerSpec&) = default;
};

// Makes, fills, reads and deletes topics of its own, again and again under the same names.
struct AdminSpec {
    std::string id;
    std::int32_t topics = 2;
    std::int32_t partitions = 1;
    Duration every = 500ms;
    std::int32_t records = 5;  // into each new topic
    Duration start = 0s;
    friend bool operator==(const AdminSpec&, const AdminSpec&) = default;
};

// After `length` the faults stop. A core is healed for good, what is outside stays dead, and
// clients of the core must finish in time.
struct LivenessSpec {
    std::vector<std::string> core{"all"};  // selectors of brokers
    Duration within = 120s;
    friend bool operator==(const LivenessSpec&, const LivenessSpec&) = default;
};

// What the seed may draw beside what stands here (swarm.h).
struct RandomSpec {
    bool present = false;
    std::vector<std::string> kinds;   // faults that may be drawn; empty: all that keep the contract
    std::vector<std::string> except;  // faults that may not
    std::vector<std::string> always;  // of the former, those that a seed does not leave out
    std::map<std::string, std::string> nodes, to;  // by kind: who is struck; towards whom
    std::vector<std::string> events;  // at which half of the faults strike; empty: any, seldom
    std::int32_t min_faults = 1, max_faults = 8;
    bool knobs = true, workload = true, schedule = true, network = true, perturb = true;
    friend bool operator==(const RandomSpec&, const RandomSpec&) = default;
};

// Which of the records that were acknowledged are to be found at the end.
enum class Survival : std::uint8_t { any, all, less };

struct Expectation {
    std::int32_t violates = 0;         // this invariant must be broken; 0: everything holds
    std::vector<std::string> vacuous;  // fault ids that may stay without effect; "*": all
    std::vector<std::string> reached;  // rare branches (probe::Site) that must have been taken
    Survival survival = Survival::any;
    bool all_acked = false;  // every record of every producer is acknowledged
    bool progress = true;    // at the end producers are done and consumers caught up
    friend bool operator==(const Expectation&, const Expectation&) = default;
};

struct Scenario {
    std::string name, about;
    std::vector<std::string> mirrors;  // what it is modelled on: a KIP, an issue, a paper
    std::uint64_t seed = 1;
    Duration length = 30s;
    ClusterSpec cluster;
    NetworkSpec network;
    DiskSpec disk;
    ScheduleSpec schedule;
    bool perturb = false;  // the seed asks for rare branches (probe::Site)
    std::vector<ProducerSpec> producers;
    std::vector<ConsumerSpec> consumers;
    std::vector<AdminSpec> admins;
    std::vector<FaultSpec> faults;
    LivenessSpec liveness;
    RandomSpec random;
    Expectation expect;
    friend bool operator==(const Scenario&, const Scenario&) = default;
};

// One line for a person: "FILE:LINE:COLUMN: POINTER: what is wrong; what is allowed".
struct ScenarioError {
    std::string text;
};

// A change from the command line (--set POINTER=VALUE); VALUE is JSON, or a string as it stands.
struct Override {
    std::string pointer, value;
};

// "FILE:LINE:COLUMN: POINTER: WHAT": an error of a value in the text of a scenario that parses.
// What an override made has the place of what it was put into.
std::string error_at(std::string_view file, std::string_view text, const std::string& pointer,
                     const std::string& what);

// `file` is for messages only. On an error `out` is unspecified.
std::optional<ScenarioError> parse_scenario(std::string_view file, std::string_view text,
                                            const std::vector<Override>& overrides, Scenario& out);

// The words that a trigger's `event` may name, sorted: "segment.rolled" for SegmentRolled.
const std::vector<std::string>& event_words();
}  // namespace faultline::sim
