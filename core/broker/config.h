// What a broker is told. Both worlds fill it: runtime/daemon from server.properties, sim/run from a
// scenario.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/env/net.h"
#include "core/logic/replica/replica_selector.h"
#include "core/model/topic_config.h"
#include "core/rpc/server_conn.h"
#include "core/storage/log_cleaner.h"

namespace faultline::broker {

struct ListenerConfig {
    std::string name = "PLAINTEXT";
    Endpoint bind;        // port 0: any
    Endpoint advertised;  // an empty host: the bound one; port 0: the bound one
};

// Another voter of the metadata quorum, or this one.
struct VoterConfig {
    NodeId id;
    Endpoint endpoint;  // of its controller listener
};

struct BrokerConfig {
    NodeId node{1};
    Uuid cluster_id;                  // zero: keep what the directory says, else make one
    Uuid fresh_cluster_id;            // of a directory that has none yet; zero: draw one
    bool is_broker = true;            // process.roles has broker
    std::vector<VoterConfig> voters;  // controller.quorum.voters; empty: this node, alone
    // controller.quorum.bootstrap.servers: with it and without voters, those stand in the metadata
    // log (kraft.version 1), and the directories must have been formatted.
    std::vector<Endpoint> quorum_bootstrap;
    std::optional<Endpoint> controller_bind;         // where this node listens as a controller
    std::optional<Endpoint> controller_advertised;   // and what others are told
    std::string controller_listener = "CONTROLLER";  // of controller.listener.names, the first
    std::optional<std::string> rack;                 // broker.rack
    logic::ReplicaSelector replica_selector = logic::ReplicaSelector::leader;
    std::vector<ListenerConfig> listeners;
    std::vector<std::string> log_dirs;
    model::ConfigMap given;    // keys and values as they were given, for who asks
    model::ConfigMap presets;  // defaults that are not Kafka's
    std::int32_t num_partitions = 1;
    bool auto_create_topics = true;
    bool delete_topics = true;
    model::TopicConfig topic_defaults;
    // Topics may have segments smaller than Kafka's least, 1 MiB: a simulated run fills many.
    bool tiny_segments = false;
    rpc::ServerLimits limits;
    std::int32_t fetch_max_bytes = 55 << 20;     // fetch.max.bytes
    std::int32_t max_request_partitions = 2000;  // max.request.partition.size.limit
    std::size_t fetch_session_slots = 1000;      // max.incremental.fetch.session.cache.slots
    // Of the node: its shards share them.
    std::size_t max_connections = INT32_MAX;         // max.connections
    std::size_t connections_per_second = INT32_MAX;  // max.connection.creation.rate
    std::size_t most_connections = INT32_MAX;  // that the system has room for, whatever is set
    std::size_t max_connections_per_ip = INT32_MAX;         // max.connections.per.ip
    std::map<std::string, std::size_t> max_connections_of;  // by address: ...per.ip.overrides
    std::size_t queued_max_requests = 500;                  // queued.max.requests
    std::int64_t queued_max_request_bytes = -1;        // queued.max.request.bytes; -1: the next one
    std::size_t request_bytes_per_shard = 256U << 20;  // of requests under way
    std::int64_t retention_check_ms = 300'000;
    std::int64_t checkpoint_ms = 60'000;
    std::int64_t flush_check_ms = 1'000;
    std::int64_t cleaner_backoff_ms = 15'000;
    storage::CleanerOptions cleaner;  // of the node: its shards share it; backoff_ms stands above
    std::int64_t producer_id_expiration_ms = 86'400'000;
    std::uint32_t recovery_fibers_per_dir = 2;
    std::int64_t default_replication = 1;  // default.replication.factor
    // Shorter than Kafka's 2 s and 9 s: heartbeats are answered by a fiber that no log holds up.
    std::int64_t heartbeat_ms = 300;              // broker.heartbeat.interval.ms
    std::int64_t session_ms = 1'500;              // broker.session.timeout.ms
    std::int64_t replica_lag_ms = 30'000;         // replica.lag.time.max.ms
    std::int64_t replica_fetch_wait_ms = 500;     // replica.fetch.wait.max.ms
    std::int64_t replica_fetch_backoff_ms = 100;  // replica.fetch.backoff.ms
    // Bytes a second (KIP-73), until the metadata say otherwise.
    std::int64_t leader_throttle = INT64_MAX;           // leader.replication.throttled.rate
    std::int64_t follower_throttle = INT64_MAX;         // follower.replication.throttled.rate
    std::int64_t shutdown_ms = 5'000;                   // how long a controlled shutdown may take
    std::int64_t shutdown_hold_ms = 1'000;              // how long appends wait for the next leader
    std::int64_t shutdown_linger_ms = 20;               // then clients are sent away
    std::int64_t shutdown_return_ms = 40;               // how long those who come back are served
    std::int64_t shutdown_return_wait_ms = 10;          // of which they wait first; less than that
    std::int64_t quorum_election_ms = 1'000;            // controller.quorum.election.timeout.ms
    std::int64_t quorum_backoff_ms = 1'000;             // controller.quorum.election.backoff.max.ms
    std::int64_t quorum_fetch_ms = 1'000;               // controller.quorum.fetch.timeout.ms
    std::int64_t quorum_request_ms = 2'000;             // controller.quorum.request.timeout.ms
    std::int64_t snapshot_record_bytes = 20 << 20;      // metadata.log.max.record.bytes.between...
    std::int64_t snapshot_interval_ms = 3'600'000;      // metadata.log.max.snapshot.interval.ms
    std::int64_t metadata_retention_bytes = 100 << 20;  // metadata.max.retention.bytes
    std::int64_t metadata_retention_ms = 604'800'000;   // metadata.max.retention.ms
    std::int64_t snapshot_part_bytes = 1 << 20;  // controller.quorum.fetch.snapshot.max.bytes
    std::int64_t balance_check_s = 300;          // leader.imbalance.check.interval.seconds
    std::int64_t balance_percent = 10;           // as Kafka, which has no key for it
    bool balance_leaders = true;                 // auto.leader.rebalance.enable
    std::function<void(const std::vector<Endpoint>&)>
        on_ready;  // in order of `listeners`, real ports
};

// Broker keys that are numbers and no topic's default, with what a search for failures may draw
// (model::Knob; equal ends: not drawn).
struct BrokerNumber {
    std::string_view name;
    std::int64_t BrokerConfig::*member;
    std::int64_t low, high;
};
inline constexpr BrokerNumber kBrokerNumbers[] = {
    {"log.retention.check.interval.ms", &BrokerConfig::retention_check_ms, 100, 5'000},
    {"log.flush.offset.checkpoint.interval.ms", &BrokerConfig::checkpoint_ms, 50, 5'000},
    {"log.cleaner.backoff.ms", &BrokerConfig::cleaner_backoff_ms, 0, 0},
    {"log.flush.scheduler.interval.ms", &BrokerConfig::flush_check_ms, 50, 2'000},
    {"producer.id.expiration.ms", &BrokerConfig::producer_id_expiration_ms, 0, 0},
    {"default.replication.factor", &BrokerConfig::default_replication, 0, 0},
    {"broker.heartbeat.interval.ms", &BrokerConfig::heartbeat_ms, 0, 0},
    {"broker.session.timeout.ms", &BrokerConfig::session_ms, 0, 0},
    {"replica.lag.time.max.ms", &BrokerConfig::replica_lag_ms, 0, 0},
    {"replica.fetch.wait.max.ms", &BrokerConfig::replica_fetch_wait_ms, 0, 0},
    {"replica.fetch.backoff.ms", &BrokerConfig::replica_fetch_backoff_ms, 0, 0},
    {"controller.quorum.election.timeout.ms", &BrokerConfig::quorum_election_ms, 0, 0},
    {"controller.quorum.election.backoff.max.ms", &BrokerConfig::quorum_backoff_ms, 0, 0},
    {"controller.quorum.fetch.timeout.ms", &BrokerConfig::quorum_fetch_ms, 0, 0},
    {"controller.quorum.request.timeout.ms", &BrokerConfig::quorum_request_ms, 0, 0},
    {"metadata.log.max.record.bytes.between.snapshots", &BrokerConfig::snapshot_record_bytes, 500,
     20'000},
    {"metadata.log.max.snapshot.interval.ms", &BrokerConfig::snapshot_interval_ms, 0, 0},
    {"metadata.max.retention.bytes", &BrokerConfig::metadata_retention_bytes, 0, 0},
    {"metadata.max.retention.ms", &BrokerConfig::metadata_retention_ms, 0, 0},
    {"controller.quorum.fetch.snapshot.max.bytes", &BrokerConfig::snapshot_part_bytes, 0, 0},
    {"leader.replication.throttled.rate", &BrokerConfig::leader_throttle, 0, 0},
    {"follower.replication.throttled.rate", &BrokerConfig::follower_throttle, 0, 0},
    {"leader.imbalance.check.interval.seconds", &BrokerConfig::balance_check_s, 0, 0},
};
}  // namespace faultline::broker
