#include "core/model/topic_config.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace faultline::model {
namespace {

struct NumberKey {
    std::string_view name;
    std::int64_t TopicConfig::*member;
    std::int64_t low, high;
    std::int64_t knob_low = 0, knob_high = 0;  // Knob; equal: not drawn
};
constexpr NumberKey kNumbers[] = {
    {"segment.bytes", &TopicConfig::segment_bytes, 1024, INT32_MAX, 2048, 262'144},
    {"segment.ms", &TopicConfig::segment_ms, 1, INT64_MAX, 500, 60'000},
    {"segment.jitter.ms", &TopicConfig::segment_jitter_ms, 0, INT64_MAX, 0, 500},
    {"segment.index.bytes", &TopicConfig::segment_index_bytes, 4, INT32_MAX, 48, 4096},
    {"index.interval.bytes", &TopicConfig::index_interval_bytes, 0, INT32_MAX, 1, 4096},
    {"retention.ms", &TopicConfig::retention_ms, -1, INT64_MAX},
    {"retention.bytes", &TopicConfig::retention_bytes, INT64_MIN, INT64_MAX},
    {"flush.messages", &TopicConfig::flush_messages, 1, INT64_MAX, 1, 1000},
    {"flush.ms", &TopicConfig::flush_ms, 0, INT64_MAX, 1, 2000},
    {"max.message.bytes", &TopicConfig::max_message_bytes, 0, INT32_MAX},
    {"message.timestamp.before.max.ms", &TopicConfig::timestamp_before_max_ms, 0, INT64_MAX},
    {"message.timestamp.after.max.ms", &TopicConfig::timestamp_after_max_ms, 0, INT64_MAX},
    {"min.insync.replicas", &TopicConfig::min_insync_replicas, 1, INT32_MAX},
};

// Kafka's topic keys that this version stores but does not act on yet.
constexpr std::string_view kStored[] = {"delete.retention.ms",
                                        "file.delete.delay.ms",
                                        "max.compaction.lag.ms",
                                        "min.compaction.lag.ms",
                                        "min.cleanable.dirty.ratio",
                                        "preallocate",
                                        "compression.gzip.level",
                                        "compression.lz4.level",
                                        "compression.zstd.level",
                                        "unclean.leader.election.enable",
                                        "remote.storage.enable",
                                        "local.retention.ms",
                                        "local.retention.bytes",
                                        "remote.log.copy.disable",
                                        "remote.log.delete.on.disable",
                                        "leader.replication.throttled.replicas",
                                        "follower.replication.throttled.replicas",
                                        "message.timestamp.difference.max.ms",
                                        "errors.deadletterqueue.group.enable"};

std::string invalid(std::string_view key, std::string_view value, std::string_view why) {
    return fmt::format("Invalid value {} for configuration {}: {}", value, key, why);
}

std::optional<std::string> set_flag(bool& out, std::string_view key, std::string_view value) {
    if (value != "true" && value != "false")
        return invalid(key, value, "Expected value to be either true or false");
    out = value == "true";
    return std::nullopt;
}

std::optional<std::string> set_cleanup(TopicConfig& c, std::string_view value) {
    bool del = false, compact = false;
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t comma = std::min(value.find(',', at), value.size());
        const std::string_view word = value.substr(at, comma - at);
        if (word == "delete")
            del = true;
        else if (word == "compact")
            compact = true;
        else if (!(word.empty() && value.empty()))
            return invalid("cleanup.policy", value, "String must be one of: compact, delete");
        at = comma + 1;
    }
    if (compact)
        return invalid("cleanup.policy", value,
                       "compaction arrives with the Broker issue; delete is served today");
    c.cleanup_delete = del;
    return std::nullopt;
}
}  // namespace

std::optional<std::string> set_topic_key(TopicConfig& c, std::string_view key,
                                         std::string_view value) {
    for (const NumberKey& k : kNumbers) {
        if (k.name != key) continue;
        std::int64_t number = 0;
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc{} || end != value.data() + value.size())
            return invalid(key, value, "Not a number");
        if (number < k.low)
            return invalid(key, value, fmt::format("Value must be at least {}", k.low));
        if (number > k.high)
            return invalid(key, value, fmt::format("Value must be no more than {}", k.high));
        c.*k.member = number;
        return std::nullopt;
    }
    if (key == "flush.before.ack") return set_flag(c.flush_before_ack, key, value);
    if (key == "cleanup.policy") return set_cleanup(c, value);
    if (key == "message.timestamp.type") {
        if (value != "CreateTime" && value != "LogAppendTime")
            return invalid(key, value, "String must be one of: CreateTime, LogAppendTime");
        c.log_append_time = value == "LogAppendTime";
        return std::nullopt;
    }
    if (key == "compression.type") {
        constexpr std::string_view words[] = {"uncompressed", "zstd", "lz4",
                                              "snappy",       "gzip", "producer"};
        if (std::ranges::find(words, value) == std::end(words)) {
            return invalid(
                key, value,
                "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer");
        }
        c.compression_type = value;
        return std::nullopt;
    }
    if (std::ranges::find(kStored, key) != std::end(kStored)) return std::nullopt;
    return fmt::format("Unknown topic config name: {}", key);
}

TopicConfig with_overrides(TopicConfig config,
                           const std::map<std::string, std::string>& overrides) {
    for (const auto& [key, value] : overrides) (void)set_topic_key(config, key, value);
    return config;
}

std::vector<Knob> topic_knobs() {
    std::vector<Knob> knobs;
    for (const NumberKey& k : kNumbers) {
        if (k.knob_low != k.knob_high) knobs.push_back({k.name, k.knob_low, k.knob_high});
    }
    return knobs;
}

std::vector<TopicKey> topic_keys(const TopicConfig& c) {
    constexpr std::int8_t kBoolean = 1, kString = 2, kInt = 3, kLong = 5, kList = 7;
    std::vector<TopicKey> keys;
    for (const NumberKey& k : kNumbers) {
        keys.push_back(
            {k.name, fmt::format("{}", c.*k.member), k.high == INT32_MAX ? kInt : kLong});
    }
    keys.push_back({"flush.before.ack", c.flush_before_ack ? "true" : "false", kBoolean});
    keys.push_back({"cleanup.policy", c.cleanup_delete ? "delete" : "", kList});
    keys.push_back(
        {"message.timestamp.type", c.log_append_time ? "LogAppendTime" : "CreateTime", kString});
    keys.push_back({"compression.type", c.compression_type, kString});
    std::ranges::sort(keys, {}, &TopicKey::name);
    return keys;
}

std::optional<std::string> bad_topic_name(std::string_view name) {
    if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
    if (name == "." || name == "..")
        return fmt::format("Topic name is invalid: '{}' is not allowed", name);
    if (name.size() > 249) {
        return fmt::format(
            "Topic name is invalid: the length of '{}' is longer than the max allowed length 249",
            name);
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
        name);
}
}  // namespace faultline::model
