// What a topic's configuration means, as typed values. One table knows the keys (topic_config.cpp).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/config_keys.h"
#include "core/wire/record_batch.h"

namespace faultline::model {

// Kafka's defaults; those of the broker's configuration are laid over them first.
struct TopicConfig {
    std::int64_t segment_bytes = 1'073'741'824;
    std::int64_t segment_ms = 604'800'000;
    std::int64_t segment_jitter_ms = 0;
    std::int64_t segment_index_bytes = 10'485'760;
    std::int64_t index_interval_bytes = 4096;
    std::int64_t retention_ms = 604'800'000;
    std::int64_t retention_bytes = -1;
    std::int64_t flush_messages = INT64_MAX;
    std::int64_t flush_ms = INT64_MAX;
    std::int64_t max_message_bytes = 1'048'588;
    std::int64_t timestamp_before_max_ms = INT64_MAX;
    std::int64_t timestamp_after_max_ms = 3'600'000;
    std::int64_t min_insync_replicas = 1;
    double min_cleanable_dirty_ratio = 0.5;
    std::int64_t min_compaction_lag_ms = 0;
    std::int64_t max_compaction_lag_ms = INT64_MAX;
    std::int64_t delete_retention_ms = 86'400'000;
    bool flush_before_ack = true;
    bool unclean_leader_election = false;
    bool log_append_time = false;
    bool cleanup_delete = true;
    bool cleanup_compact = false;
    std::string compression_type = "producer";
    // Which replicas KIP-73 slows down: PARTITION:BROKER, ... or "*".
    std::string leader_throttled, follower_throttled;

    wire::AppendRules append_rules() const {
        return {log_append_time, cleanup_compact, timestamp_before_max_ms, timestamp_after_max_ms,
                max_message_bytes};
    }
};

// A key of a topic: its row in the table, and the member that it sets if it acts.
struct TopicKey {
    ConfigKey key;
    // The broker's keys that give its default; the first that is set wins. Separated by spaces.
    std::string_view broker_keys;
    std::int64_t TopicConfig::*number = nullptr;
    bool TopicConfig::*flag = nullptr;
    double TopicConfig::*ratio = nullptr;

    constexpr std::string_view name() const { return key.name; }
    // The one of broker_keys that may be set while the broker runs; empty when there is none.
    std::string_view broker_key() const { return broker_keys.substr(0, broker_keys.find(' ')); }
};
std::span<const TopicKey> topic_keys();  // sorted by name
// Nothing for a name that is no topic key.
const TopicKey* find_topic_key(std::string_view name);

// Why Kafka would refuse these as a topic's own keys, in its words; nothing when it would not. The
// simulator may have segments far smaller than Kafka allows: `tiny_segments`.
std::optional<std::string> check_topic_config(const ConfigMap& config, bool tiny_segments = false);

// Sets one key. A sentence in Kafka's manner when the key is unknown or the value is not allowed;
// segment.bytes may be as small as 1024.
std::optional<std::string> set_topic_key(TopicConfig& config, std::string_view key,
                                         std::string_view value);
// `overrides` over `defaults`. Keys were checked when they were written.
TopicConfig with_overrides(TopicConfig defaults, const ConfigMap& overrides);
// What `broker` (log.retention.ms and the like, set while the broker runs) makes of the defaults.
TopicConfig with_broker_keys(TopicConfig defaults, const ConfigMap& broker);
// The value of a key that has a member, as Kafka shows it; nothing for one without.
std::optional<std::string> topic_value(const TopicConfig& config, const TopicKey& key);

// A key whose value a search for failures may draw: every value from low to high is legal, leaves
// the broker's promises as they are, and makes rare paths common.
struct Knob {
    std::string_view name;  // a topic key, or a broker key for the broker's own (broker/config.h)
    std::int64_t low, high;
};
std::span<const Knob> topic_knobs();

// A sentence in Kafka's words when this is no legal topic name (INVALID_TOPIC_EXCEPTION).
std::optional<std::string> bad_topic_name(std::string_view name);
}  // namespace faultline::model
