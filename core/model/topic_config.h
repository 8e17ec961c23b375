// What a topic's configuration means, as typed values. One table knows the keys (topic_config.cpp).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
    bool flush_before_ack = true;
    bool log_append_time = false;
    bool cleanup_delete = true;
    bool cleanup_compact = false;
    std::string compression_type = "producer";

    wire::AppendRules append_rules() const {
        return {log_append_time, cleanup_compact, timestamp_before_max_ms, timestamp_after_max_ms,
                max_message_bytes};
    }
};

// Sets one key. A sentence in Kafka's manner when the key is unknown or the value is not allowed.
std::optional<std::string> set_topic_key(TopicConfig& config, std::string_view key,
                                         std::string_view value);
// `overrides` over `defaults`. Keys were checked when they were written.
TopicConfig with_overrides(TopicConfig defaults,
                           const std::map<std::string, std::string>& overrides);

struct TopicKey {
    std::string_view name;
    std::string value;
    std::int8_t type;  // of Kafka's ConfigType: 1 boolean, 2 string, 3 int, 5 long, 7 list
};
// Every key that acts, with its value, in order of the names.
std::vector<TopicKey> topic_keys(const TopicConfig& config);

// A key whose value a search for failures may draw: every value from low to high is legal, leaves
// the broker's promises as they are, and makes rare paths common. The range stands beside the key's
// own.
struct Knob {
    std::string_view name;  // a topic key, or a broker key for the broker's own (broker/config.h)
    std::int64_t low, high;
};
std::vector<Knob> topic_knobs();

// A sentence in Kafka's words when this is no legal topic name (INVALID_TOPIC_EXCEPTION).
std::optional<std::string> bad_topic_name(std::string_view name);
}  // namespace faultline::model
