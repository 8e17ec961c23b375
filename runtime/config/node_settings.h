// What a configuration means for one node, as typed values: the only reader of Kafka's key names.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/env/net.h"
#include "core/logic/replica/replica_selector.h"
#include "core/model/topic_config.h"
#include "core/storage/log_cleaner.h"
#include "runtime/config/settings.h"

namespace faultline::config {

struct ListenerSettings {
    std::string name;  // "PLAINTEXT", or what listener.security.protocol.map calls it
    Endpoint bind;     // an empty host is every address of the machine
    Endpoint advertised;
};

struct VoterSettings {
    NodeId id;
    Endpoint endpoint;  // of its controller listener
};

struct NodeSettings {
    NodeId node;
    bool is_broker = true, is_controller = true;  // process.roles
    std::vector<VoterSettings> voters;            // controller.quorum.voters
    std::vector<Endpoint> quorum_bootstrap;       // controller.quorum.bootstrap.servers
    std::optional<Endpoint> controller_bind;      // where controllers and brokers reach this one
    std::optional<Endpoint> controller_advertised;
    std::string controller_listener = "CONTROLLER";
    std::optional<std::string> rack;  // broker.rack
    std::int64_t default_replication = 1;
    std::int64_t heartbeat_ms = 0, session_ms = 0;
    logic::ReplicaSelector replica_selector = logic::ReplicaSelector::leader;
    std::int64_t replica_lag_ms = 0, replica_fetch_wait_ms = 0, replica_fetch_backoff_ms = 0;
    std::int64_t quorum_election_ms = 0, quorum_backoff_ms = 0, quorum_fetch_ms = 0,
                 quorum_request_ms = 0;
    std::int64_t snapshot_record_bytes = 0, snapshot_interval_ms = 0, snapshot_part_bytes = 0;
    std::int64_t metadata_retention_bytes = 0, metadata_retention_ms = 0;
    bool balance_leaders = true;
    std::int64_t balance_check_s = 0;
    std::vector<ListenerSettings> listeners;  // at least one
    std::vector<std::string> log_dirs;        // at least one
    unsigned shards = 0;                      // 0: one for two cores
    std::uint32_t events_kept = 0;            // of each shard, in events.ring; 0: none
    // What a new topic starts with, and what its keys override.
    model::TopicConfig log;
    std::int32_t num_partitions = 1;
    bool auto_create_topics = true;
    bool delete_topics = true;
    std::int64_t producer_id_expiration_ms = 0;
    // Upkeep of the log directories.
    std::int64_t retention_check_ms = 0;
    std::int64_t checkpoint_ms = 0;
    std::int64_t flush_check_ms = 0;
    std::uint32_t recovery_fibers_per_dir = 1;
    storage::CleanerOptions cleaner;
    // Connections.
    std::int32_t request_max_bytes = 0;
    std::int32_t fetch_max_bytes = 0;
    std::int32_t max_request_partitions = 0;
    std::int32_t fetch_session_slots = 0;
    std::int32_t max_connections = 0;
    std::int32_t connections_per_second = 0;
    std::int64_t connections_max_idle_ms = 0;
    std::int32_t max_connections_per_ip = 0;
    std::map<std::string, std::int32_t> max_connections_of;  // by address
    std::int32_t queued_max_requests = 0;
    std::int64_t queued_max_request_bytes = -1;  // of the node; -1: our own bound
};

// What a broker key is when it is not given, where that is not Kafka's default: shorter, so that a
// node that hangs is followed by another within 3 s (docs/KAFKA-DIFFERENCES.md, own-defaults).
std::optional<std::int64_t> own_default(std::string_view key);

// Requires: settings.check() found nothing. Appends what does not fit together, or names a part of
// Kafka that this version lacks, to `problems`; the result counts only if nothing was appended.
NodeSettings read_node_settings(const Settings& settings, std::vector<Problem>& problems);

// "PLAINTEXT://host:9092", "CLIENT://:9092", "PLAINTEXT://[::1]:9092".
struct ListenerUrl {
    std::string name;
    Endpoint endpoint;
};
std::optional<ListenerUrl> parse_listener(std::string_view text);
}  // namespace faultline::config
