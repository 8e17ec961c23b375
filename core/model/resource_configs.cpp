#include "core/model/resource_configs.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/model/config_value.h"

namespace faultline::model {
namespace {
using enum ConfigType;

constexpr GroupKey kGroupKeys[] = {
    {{"consumer.assignment.interval.ms", int32, "1000", "0.."},
     "group.consumer.assignment.interval.ms"},
    {{"consumer.heartbeat.interval.ms", int32, "5000", "1.."},
     "group.consumer.heartbeat.interval.ms"},
    {{"consumer.session.timeout.ms", int32, "45000", "1.."}, "group.consumer.session.timeout.ms"},
    {{"share.assignment.interval.ms", int32, "1000", "0.."}, "group.share.assignment.interval.ms"},
    {{"share.auto.offset.reset", string, "latest", ""}, ""},
    {{"share.delivery.count.limit", int32, "5", "2.."}, "group.share.delivery.count.limit"},
    {{"share.heartbeat.interval.ms", int32, "5000", "1.."}, "group.share.heartbeat.interval.ms"},
    {{"share.isolation.level", string, "read_uncommitted",
      "one of: read_committed read_uncommitted"},
     ""},
    {{"share.partition.max.record.locks", int32, "2000", "100.."},
     "group.share.partition.max.record.locks"},
    {{"share.record.lock.duration.ms", int32, "30000", "1000.."},
     "group.share.record.lock.duration.ms"},
    {{"share.renew.acknowledge.enable", boolean, "true", ""}, ""},
    {{"share.session.timeout.ms", int32, "45000", "1.."}, "group.share.session.timeout.ms"},
    {{"streams.assignment.interval.ms", int32, "1000", "0.."},
     "group.streams.assignment.interval.ms"},
    {{"streams.heartbeat.interval.ms", int32, "5000", "1.."},
     "group.streams.heartbeat.interval.ms"},
    {{"streams.initial.rebalance.delay.ms", int32, "3000", "0.."},
     "group.streams.initial.rebalance.delay.ms"},
    {{"streams.num.standby.replicas", int32, "0", "0.."}, "group.streams.num.standby.replicas"},
    {{"streams.session.timeout.ms", int32, "45000", "1.."}, "group.streams.session.timeout.ms"},
};

constexpr ConfigKey kClientMetricsKeys[] = {
    {"interval.ms", int32, "300000", ""},
    {"match", list, "", "any"},
    {"metrics", list, "", "any"},
};

template <class Keys, class Name>
auto find_in(const Keys& keys, std::string_view name, Name of) {
    const auto it = std::ranges::find(keys, name, of);
    return it == std::end(keys) ? nullptr : &*it;
}

ResourceConfigRefusal invalid(std::string message) { return {false, std::move(message)}; }
ResourceConfigRefusal bad_request(std::string message) { return {true, std::move(message)}; }

// "consumer.session.timeout.ms" has bounds in group.consumer.min.session.timeout.ms and in
// group.consumer.max...; of standby replicas the broker's key leaves out "num".
std::string bound_key(std::string_view name, std::string_view which) {
    const auto dot = name.find('.');
    std::string_view rest = name.substr(dot + 1);
    if (rest.starts_with("num.")) rest.remove_prefix(4);
    return fmt::format("group.{}.{}.{}", name.substr(0, dot), which, rest);
}

std::optional<std::int64_t> bound(std::string_view name) {
    const ConfigKey* key = find_broker_key(name);
    if (key == nullptr || key->preset == kNull) return std::nullopt;
    return parse_integer(key->preset);
}

// Java's Duration.parse: P, days, then T and hours, minutes, seconds with a fraction. One of them
// at least, none negative here.
bool is_duration(std::string_view text) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (text.empty() || lower(text[0]) != 'p') return false;
    text.remove_prefix(1);
    std::string_view units = "dthms";
    bool any = false, time = false;
    while (!text.empty()) {
        if (lower(text[0]) == 't') {
            if (time || text.size() == 1) return false;
            time = true;
            units = "hms";
            text.remove_prefix(1);
            continue;
        }
        const auto end = text.find_first_not_of("0123456789");
        if (end == 0 || end == std::string_view::npos) return false;
        text.remove_prefix(end);
        bool fraction = false;
        if (text[0] == '.') {
            fraction = true;
            const auto after = text.find_first_not_of("0123456789", 1);
            if (after == std::string_view::npos || after > 10) return false;
            text.remove_prefix(after);
        }
        const char unit = lower(text[0]);
        const auto at = units.find(unit);
        if (at == std::string_view::npos || unit == 't') return false;
        if (!time && unit != 'd') return false;
        if (fraction && unit != 's') return false;
        units.remove_prefix(at + 1);
        text.remove_prefix(1);
        any = true;
    }
    return any;
}

std::optional<std::string> check_offset_reset(std::string_view name, std::string_view value) {
    constexpr std::string_view kBy = "by_duration:";
    if (value == "earliest" || value == "latest") return std::nullopt;
    if (value.starts_with(kBy) && is_duration(value.substr(kBy.size()))) return std::nullopt;
    return fmt::format(
        "Invalid value {0} for configuration {1}: Invalid value `{0}` for configuration {1}. The "
        "value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
        excerpt(value), name);
}

std::optional<std::string> check_bounds(std::string_view name, std::int64_t value) {
    const std::string least = bound_key(name, "min"), most = bound_key(name, "max");
    if (const auto low = bound(least); low && value < *low)
        return fmt::format("{} must be greater than or equal to {}", name, least);
    if (const auto high = bound(most); high && value > *high)
        return fmt::format("{} must be less than or equal to {}", name, most);
    return std::nullopt;
}

// Whether Java would take it for a regular expression, as far as its brackets and quantifiers say.
bool is_pattern(std::string_view text) {
    int depth = 0;
    bool in_class = false, may_repeat = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            if (++i == text.size()) return false;
            may_repeat = true;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = may_repeat = true;
        } else if (c == '(') {
            ++depth;
            may_repeat = false;
        } else if (c == ')') {
            if (--depth < 0) return false;
            may_repeat = true;
        } else if (c == '*' || c == '+' || c == '?') {
            const bool after_group = i > 0 && text[i - 1] == '(' && c == '?';
            if (!may_repeat && !after_group) return false;
        } else {
            may_repeat = c != '|';
        }
    }
    return depth == 0 && !in_class;
}

bool is_match(std::string_view part) {
    constexpr std::string_view kNames[] = {"client_instance_id",    "client_id",
                                           "client_software_name",  "client_software_version",
                                           "client_source_address", "client_source_port"};
    const auto sign = part.find('=');
    if (sign == std::string_view::npos || part.find('=', sign + 1) != std::string_view::npos)
        return false;
    const auto name = part.substr(0, sign);
    return std::ranges::find(kNames, name) != std::end(kNames) && is_pattern(part.substr(sign + 1));
}

// What Kafka makes of a list: nothing stands in it twice.
std::string shown(const ConfigKey& key, const std::string& value) {
    if (key.type != list) return shown_value(key, value);
    std::vector<std::string> once;
    for (std::string& part : parse_list(value)) {
        if (std::ranges::find(once, part) == once.end()) once.push_back(std::move(part));
    }
    return join_list(once);
}

ConfigEntry entry_of(const ConfigKey& key, const ConfigMap& own, ConfigSource source) {
    ConfigEntry entry;
    entry.name = key.name;
    entry.type = key.type;
    entry.documentation = document_of(key);
    if (const auto set = own.find(key.name); set != own.end()) {
        entry.value = shown(key, set->second);
        entry.source = source;
        entry.synonyms.push_back({entry.name, entry.value, source});
    } else {
        entry.value = key.preset;
    }
    return entry;
}
}  // namespace

std::span<const GroupKey> group_keys() { return kGroupKeys; }
std::span<const ConfigKey> client_metrics_keys() { return kClientMetricsKeys; }

std::optional<ResourceConfigRefusal> check_group_config(const ConfigMap& config) {
    const auto name_of = [](const GroupKey& k) { return k.key.name; };
    for (const auto& [name, value] : config) {
        if (find_in(kGroupKeys, name, name_of) == nullptr)
            return invalid(fmt::format("Unknown group config name: {}", excerpt(name)));
    }
    for (const auto& [name, value] : config) {
        const ConfigKey& key = find_in(kGroupKeys, name, name_of)->key;
        if (auto why = check_value(key, name, value)) return invalid(*std::move(why));
        if (name != "share.auto.offset.reset") continue;
        if (auto why = check_offset_reset(name, value)) return invalid(*std::move(why));
    }
    for (const auto& [name, value] : config) {
        if (find_in(kGroupKeys, name, name_of)->key.type != int32) continue;
        if (auto why = check_bounds(name, *parse_integer(value))) return invalid(*std::move(why));
    }
    return std::nullopt;
}

std::optional<ResourceConfigRefusal> check_client_metrics_config(const ConfigMap& config) {
    constexpr std::int64_t kLeast = 100, kMost = 3'600'000;
    for (const auto& [name, value] : config) {
        const ConfigKey* key = find_in(kClientMetricsKeys, name, &ConfigKey::name);
        if (key == nullptr)
            return bad_request(
                fmt::format("Unknown client metrics configuration: {}", excerpt(name)));
        // What stands twice in one of its lists is told once, and not refused.
        if (key->type != list) {
            if (auto why = check_value(*key, name, value)) return invalid(*std::move(why));
        }
        if (name == "interval.ms") {
            const std::int64_t interval = *parse_integer(value);
            if (interval >= kLeast && interval <= kMost) continue;
            return bad_request(fmt::format(
                "Invalid value {} for interval.ms, interval must be between {} and {} (1 hour)",
                interval, kLeast, kMost));
        }
        if (name != "match") continue;
        for (const std::string& part : parse_list(value)) {
            if (!is_match(part))
                return invalid(fmt::format("Illegal client matching pattern: {}", excerpt(part)));
        }
    }
    return std::nullopt;
}

std::vector<ConfigEntry> describe_group(const ConfigMap& own, const BrokerLayers& broker) {
    std::vector<ConfigEntry> entries;
    for (const GroupKey& row : kGroupKeys) {
        ConfigEntry entry = entry_of(row.key, own, ConfigSource::group);
        std::vector<ConfigSynonym> behind;
        if (row.broker_key.empty()) {
            behind.push_back({entry.name, row.key.preset, ConfigSource::preset});
        } else {
            behind = broker_synonyms(row.broker_key, broker);
        }
        if (entry.synonyms.empty() && !behind.empty()) {
            entry.value = shown(row.key, *behind.front().value);
            entry.source = behind.front().source;
        }
        entry.synonyms.insert(entry.synonyms.end(), behind.begin(), behind.end());
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<ConfigEntry> describe_client_metrics(const ConfigMap& own) {
    std::vector<ConfigEntry> entries;
    for (const ConfigKey& key : kClientMetricsKeys)
        entries.push_back(entry_of(key, own, ConfigSource::client_metrics));
    return entries;
}
}  // namespace faultline::model
