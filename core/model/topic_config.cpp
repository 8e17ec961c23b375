#include "core/model/topic_config.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/model/config_value.h"

namespace faultline::model {
namespace {

using enum ConfigType;
using enum Update;
using enum KeyStatus;

// Facts of Apache Kafka 4.3.1 and our own flush.before.ack. Sorted by name.
// clang-format off
constexpr TopicKey kKeys[] = {
    {{"cleanup.policy", list, "delete", "any: compact delete", cluster_wide, acts}, "log.cleanup.policy"},
    {{"compression.gzip.level", int32, "-1", "1..9 or -1", cluster_wide, known}, "compression.gzip.level"},
    {{"compression.lz4.level", int32, "9", "1..17", cluster_wide, known}, "compression.lz4.level"},
    {{"compression.type", string, "producer", "one of: uncompressed zstd lz4 snappy gzip producer", cluster_wide, acts}, "compression.type"},
    {{"compression.zstd.level", int32, "3", "-131072..22", cluster_wide, known}, "compression.zstd.level"},
    {{"delete.retention.ms", int64, "86400000", "0..", cluster_wide, acts}, "log.cleaner.delete.retention.ms", &TopicConfig::delete_retention_ms},
    {{"file.delete.delay.ms", int64, "60000", "0..", cluster_wide, known}, "log.segment.delete.delay.ms"},
    {{"flush.before.ack", boolean, "true", "", cluster_wide, acts}, "log.flush.before.ack", nullptr, &TopicConfig::flush_before_ack},
    {{"flush.messages", int64, "9223372036854775807", "1..", cluster_wide, acts}, "log.flush.interval.messages", &TopicConfig::flush_messages},
    {{"flush.ms", int64, "9223372036854775807", "0..", cluster_wide, acts}, "log.flush.interval.ms log.flush.scheduler.interval.ms", &TopicConfig::flush_ms},
    {{"follower.replication.throttled.replicas", list, "", "throttled", cluster_wide, acts}, ""},
    {{"index.interval.bytes", int32, "4096", "0..", cluster_wide, acts}, "log.index.interval.bytes", &TopicConfig::index_interval_bytes},
    {{"internal.segment.bytes", int32, kNull, "", cluster_wide, internal}, ""},
    {{"leader.replication.throttled.replicas", list, "", "throttled", cluster_wide, acts}, ""},
    {{"local.retention.bytes", int64, "-2", "-2..", cluster_wide, known}, "log.local.retention.bytes"},
    {{"local.retention.ms", int64, "-2", "-2..", cluster_wide, known}, "log.local.retention.ms"},
    {{"max.compaction.lag.ms", int64, "9223372036854775807", "1..", cluster_wide, acts}, "log.cleaner.max.compaction.lag.ms", &TopicConfig::max_compaction_lag_ms},
    {{"max.message.bytes", int32, "1048588", "0..", cluster_wide, acts}, "message.max.bytes", &TopicConfig::max_message_bytes},
    {{"message.timestamp.after.max.ms", int64, "3600000", "0..", cluster_wide, acts}, "log.message.timestamp.after.max.ms", &TopicConfig::timestamp_after_max_ms},
    {{"message.timestamp.before.max.ms", int64, "9223372036854775807", "0..", cluster_wide, acts}, "log.message.timestamp.before.max.ms", &TopicConfig::timestamp_before_max_ms},
    {{"message.timestamp.type", string, "CreateTime", "one of: CreateTime LogAppendTime", cluster_wide, acts}, "log.message.timestamp.type"},
    {{"min.cleanable.dirty.ratio", float64, "0.5", "0..1", cluster_wide, acts}, "log.cleaner.min.cleanable.ratio", nullptr, nullptr, &TopicConfig::min_cleanable_dirty_ratio},
    {{"min.compaction.lag.ms", int64, "0", "0..", cluster_wide, acts}, "log.cleaner.min.compaction.lag.ms", &TopicConfig::min_compaction_lag_ms},
    {{"min.insync.replicas", int32, "1", "1..", cluster_wide, acts}, "min.insync.replicas", &TopicConfig::min_insync_replicas},
    {{"preallocate", boolean, "false", "", cluster_wide, known}, "log.preallocate"},
    {{"remote.log.copy.disable", boolean, "false", "", cluster_wide, known}, ""},
    {{"remote.log.delete.on.disable", boolean, "false", "", cluster_wide, known}, ""},
    {{"remote.storage.enable", boolean, "false", "", cluster_wide, known}, ""},
    {{"retention.bytes", int64, "-1", "", cluster_wide, acts}, "log.retention.bytes", &TopicConfig::retention_bytes},
    {{"retention.ms", int64, "604800000", "-1..", cluster_wide, acts}, "log.retention.ms log.retention.minutes log.retention.hours", &TopicConfig::retention_ms},
    {{"segment.bytes", int32, "1073741824", "1048576..", cluster_wide, acts}, "log.segment.bytes", &TopicConfig::segment_bytes},
    {{"segment.index.bytes", int32, "10485760", "4..", cluster_wide, acts}, "log.index.size.max.bytes", &TopicConfig::segment_index_bytes},
    {{"segment.jitter.ms", int64, "0", "0..", cluster_wide, acts}, "log.roll.jitter.ms log.roll.jitter.hours", &TopicConfig::segment_jitter_ms},
    {{"segment.ms", int64, "604800000", "1..", cluster_wide, acts}, "log.roll.ms log.roll.hours", &TopicConfig::segment_ms},
    {{"unclean.leader.election.enable", boolean, "false", "", cluster_wide, acts}, "unclean.leader.election.enable", nullptr, &TopicConfig::unclean_leader_election},
};
// clang-format on

static_assert(std::ranges::is_sorted(kKeys, {}, &TopicKey::name));

// Kafka takes a word twice in this list alone.
std::string without_repeats(std::string_view list) {
    std::vector<std::string> kept;
    for (auto& element : parse_list(list)) {
        if (std::ranges::find(kept, element) == kept.end()) kept.push_back(std::move(element));
    }
    return join_list(kept);
}

std::optional<std::string> check_one(const TopicKey& key, std::string_view value,
                                     bool tiny_segments) {
    const std::string_view name = key.name();
    if (tiny_segments && name == "segment.bytes") {
        constexpr std::int64_t kLeast = 1024;
        const auto number = parse_integer(value);
        if (number && *number >= kLeast && *number <= INT32_MAX) return std::nullopt;
    }
    if (name != "cleanup.policy") return check_value(key.key, name, value);
    return check_value(key.key, name, without_repeats(value));
}

// Requires: check_one() allows the value.
void assign(TopicConfig& c, const TopicKey& key, std::string_view value) {
    const std::string_view name = key.name();
    if (key.number != nullptr) c.*key.number = *parse_integer(value);
    if (key.flag != nullptr) c.*key.flag = *parse_boolean(value);
    if (key.ratio != nullptr) c.*key.ratio = *parse_double(value);
    if (name == "cleanup.policy") {
        const auto policy = parse_list(value);
        c.cleanup_delete = std::ranges::find(policy, "delete") != policy.end();
        c.cleanup_compact = std::ranges::find(policy, "compact") != policy.end();
    }
    const auto text = shown_value(key.key, value);
    if (name == "message.timestamp.type") c.log_append_time = text == "LogAppendTime";
    if (name == "compression.type") c.compression_type = text;
    if (name == "leader.replication.throttled.replicas") c.leader_throttled = text;
    if (name == "follower.replication.throttled.replicas") c.follower_throttled = text;
}
}  // namespace

std::span<const TopicKey> topic_keys() { return kKeys; }

const TopicKey* find_topic_key(std::string_view name) {
    const auto* it = std::ranges::lower_bound(kKeys, name, {}, &TopicKey::name);
    return it != std::end(kKeys) && it->name() == name ? it : nullptr;
}

std::optional<std::string> check_topic_config(const ConfigMap& config, bool tiny_segments) {
    for (const auto& [name, value] : config) {
        if (find_topic_key(name) == nullptr)
            return fmt::format("Unknown topic config name: {}", excerpt(name));
    }
    for (const auto& [name, value] : config) {
        if (auto why = check_one(*find_topic_key(name), value, tiny_segments)) return why;
    }
    const auto value_of = [&](std::string_view name) {
        const auto it = config.find(name);
        return it == config.end() ? std::string_view(find_topic_key(name)->key.preset)
                                  : std::string_view(it->second);
    };
    const auto least = *parse_integer(value_of("min.compaction.lag.ms"));
    const auto most = *parse_integer(value_of("max.compaction.lag.ms"));
    if (least > most) {
        return fmt::format(
            "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
            least, most);
    }
    if (*parse_boolean(value_of("remote.storage.enable"))) {
        return "Tiered Storage functionality is disabled in the broker. Topic cannot be configured "
               "with remote log storage.";
    }
    return std::nullopt;
}

std::optional<std::string> set_topic_key(TopicConfig& c, std::string_view name,
                                         std::string_view value) {
    const TopicKey* key = find_topic_key(name);
    if (key == nullptr) return fmt::format("Unknown topic config name: {}", excerpt(name));
    if (auto why = check_one(*key, value, true)) return why;
    assign(c, *key, value);
    return std::nullopt;
}

TopicConfig with_overrides(TopicConfig config, const ConfigMap& overrides) {
    for (const auto& [key, value] : overrides) (void)set_topic_key(config, key, value);
    return config;
}

TopicConfig with_broker_keys(TopicConfig config, const ConfigMap& broker) {
    for (const TopicKey& key : kKeys) {
        const auto it = broker.find(key.broker_key());
        if (it == broker.end()) continue;
        // A broker's negative time is for ever; a topic says -1.
        const auto number = key.name() == "retention.ms" ? parse_integer(it->second) : std::nullopt;
        const bool forever = number && *number < 0;
        (void)set_topic_key(config, key.name(), forever ? "-1" : std::string_view(it->second));
    }
    return config;
}

std::span<const Knob> topic_knobs() {
    // In the order in which a search draws them: what a seed means hangs on it.
    static constexpr Knob kKnobs[] = {
        {"segment.bytes", 2048, 262'144},
        {"segment.ms", 500, 60'000},
        {"segment.jitter.ms", 0, 500},
        {"segment.index.bytes", 48, 4096},
        {"index.interval.bytes", 1, 4096},
        {"flush.messages", 1, 1000},
        {"flush.ms", 1, 2000},
    };
    return kKnobs;
}

std::optional<std::string> topic_value(const TopicConfig& c, const TopicKey& key) {
    const std::string_view name = key.name();
    if (key.number != nullptr) return fmt::format("{}", c.*key.number);
    if (key.flag != nullptr) return c.*key.flag ? "true" : "false";
    if (key.ratio != nullptr) return double_text(c.*key.ratio);
    if (name == "cleanup.policy") {
        if (c.cleanup_compact) return c.cleanup_delete ? "compact,delete" : "compact";
        return c.cleanup_delete ? "delete" : "";
    }
    if (name == "message.timestamp.type") return c.log_append_time ? "LogAppendTime" : "CreateTime";
    if (name == "compression.type") return c.compression_type;
    if (name == "leader.replication.throttled.replicas") return c.leader_throttled;
    if (name == "follower.replication.throttled.replicas") return c.follower_throttled;
    return std::nullopt;
}

std::optional<std::string> bad_topic_name(std::string_view name) {
    if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
    if (name == "." || name == "..")
        return fmt::format("Topic name is invalid: '{}' is not allowed", name);
    if (name.size() > 249) {
        return fmt::format(
            "Topic name is invalid: the length of '{}' is longer than the max allowed length 249",
            excerpt(name));
    }
    const bool legal = std::ranges::all_of(name, [](char ch) {
        const auto u = static_cast<unsigned char>(ch);
        return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
               ch == '.' || ch == '_' || ch == '-';
    });
    if (legal) return std::nullopt;
    return fmt::format(
        "Topic name is invalid: '{}' contains one or more characters other than ASCII "
        "alphanumerics, '.', '_' and '-'",
        excerpt(name));
}
}  // namespace faultline::model
