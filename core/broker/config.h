// What a broker is told. Both worlds fill it: runtime/daemon from server.properties, sim/run from a
// scenario.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/env/net.h"
#include "core/model/topic_config.h"
#include "core/rpc/server_conn.h"

namespace faultline::broker {

struct ListenerConfig {
    std::string name = "PLAINTEXT";
    Endpoint bind;        // port 0: any
    Endpoint advertised;  // an empty host: the bound one; port 0: the bound one
};

struct BrokerConfig {
    NodeId node{1};
    Uuid cluster_id;  // zero: keep what the directory says, else make one
    std::vector<ListenerConfig> listeners;
    std::vector<std::string> log_dirs;
    std::int32_t num_partitions = 1;
    bool auto_create_topics = true;
    bool delete_topics = true;
    model::TopicConfig topic_defaults;
    // Topics may have segments smaller than Kafka's least, 1 MiB: a simulated run fills many.
    bool tiny_segments = false;
    rpc::ServerLimits limits;
    std::size_t request_bytes_per_shard = 256U << 20;  // of requests under way
    std::int32_t fetch_max_bytes = 55 << 20;           // fetch.max.bytes
    std::int32_t max_request_partitions = 2000;        // max.request.partition.size.limit
    std::size_t fetch_session_slots = 1000;            // max.incremental.fetch.session.cache.slots
    std::size_t max_connections = INT32_MAX;
    std::int64_t retention_check_ms = 300'000;
    std::int64_t checkpoint_ms = 60'000;
    std::int64_t flush_check_ms = 1'000;
    std::int64_t producer_id_expiration_ms = 86'400'000;
    std::uint32_t recovery_fibers_per_dir = 2;
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
    {"log.flush.scheduler.interval.ms", &BrokerConfig::flush_check_ms, 50, 2'000},
    {"producer.id.expiration.ms", &BrokerConfig::producer_id_expiration_ms, 0, 0},
};
}  // namespace faultline::broker
