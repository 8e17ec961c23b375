#include "core/model/config_view.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/model/config_value.h"

namespace faultline::model {
namespace {

// Keys of which the first that is set counts.
constexpr std::string_view kChains[] = {
    "log.roll.ms log.roll.hours",
    "log.roll.jitter.ms log.roll.jitter.hours",
    "log.flush.interval.ms log.flush.scheduler.interval.ms",
    "log.retention.ms log.retention.minutes log.retention.hours",
};

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::vector<std::string_view> chain_of(std::string_view name) {
    for (const std::string_view chain : kChains) {
        auto names = words_of(chain);
        // The scheduler's interval is a key of its own too.
        const bool heads = chain.starts_with("log.flush");
        const bool in =
            heads ? names.front() == name : std::ranges::find(names, name) != names.end();
        if (in) return names;
    }
    if (const std::string_view base = listener_key(name); !base.empty()) return {name, base};
    return {name};
}

const ConfigMap& default_values() {
    static const ConfigMap kValues = [] {
        ConfigMap values;
        for (const ConfigKey& key : broker_keys()) {
            if (key.preset != kNull && !key.required()) values[std::string(key.name)] = key.preset;
        }
        return values;
    }();
    return kValues;
}

// What is set of `name` and of the keys that it gives way to.
std::vector<ConfigSynonym> synonyms_of(std::string_view name, const BrokerLayers& broker,
                                       bool sensitive) {
    std::vector<ConfigSynonym> found;
    const auto names = chain_of(name);
    const auto add = [&](const ConfigMap& map, ConfigSource source) {
        for (const std::string_view n : names) {
            const auto it = map.find(n);
            if (it == map.end()) continue;
            found.push_back({it->first, it->second, source});
            if (sensitive) found.back().value.reset();
        }
    };
    add(broker.node, ConfigSource::dynamic_broker);
    add(broker.cluster, ConfigSource::dynamic_default);
    add(broker.file, ConfigSource::static_broker);
    add(broker.presets, ConfigSource::preset);
    for (const std::string_view n : names) {
        const auto it = default_values().find(n);
        if (it == default_values().end() || broker.presets.contains(n)) continue;
        found.push_back({it->first, it->second, ConfigSource::preset});
        if (sensitive) found.back().value.reset();
    }
    // What stands in front of the key's own value belongs to another one.
    const auto own = std::ranges::find(found, name, &ConfigSynonym::name);
    found.erase(found.begin(), own);
    return found;
}

std::string_view type_name(ConfigType type) {
    switch (type) {
        case ConfigType::boolean: return "true or false";
        case ConfigType::string: return "text";
        case ConfigType::int32: return "number of 32 bits";
        case ConfigType::int16: return "number of 16 bits";
        case ConfigType::int64: return "number of 64 bits";
        case ConfigType::float64: return "number with a fraction";
        case ConfigType::list: return "list, separated by commas";
        case ConfigType::class_name: return "class of Kafka's";
        case ConfigType::password: return "secret";
        case ConfigType::unknown: return "text";
    }
    return "text";
}

std::string document(const ConfigKey& key, std::string_view broker_keys) {
    std::string text = fmt::format("Type: {}.", type_name(key.type));
    if (!key.valid.empty()) text += fmt::format(" Allowed: {}.", key.valid);
    if (key.required()) text += " It has to be given.";
    if (!broker_keys.empty())
        text += fmt::format(" Unless a topic sets it, the broker's {} counts.",
                            words_of(broker_keys).front());
    if (!key.acts()) text += " It is checked, but has no effect in this version.";
    return text;
}

ConfigEntry broker_entry(std::string_view name, const BrokerLayers& broker) {
    const ConfigKey* key = find_any_broker_key(name);
    ConfigEntry entry;
    entry.name = name;
    entry.sensitive = key == nullptr || key->sensitive();
    entry.synonyms = synonyms_of(name, broker, entry.sensitive);
    if (!entry.synonyms.empty()) {
        entry.source = entry.synonyms.front().source;
        if (!entry.sensitive) entry.value = shown_value(*key, *entry.synonyms.front().value);
    }
    // Only the keys that are known by this very name: not those of one listener.
    const ConfigKey* exact = find_broker_key(name);
    if (exact == nullptr) exact = find_dynamic_only_key(name);
    entry.read_only = exact == nullptr || exact->update == Update::read_only;
    if (key != nullptr) {
        entry.type = key->type;
        entry.documentation = document(*key, "");
    }
    return entry;
}
}  // namespace

std::vector<ConfigSynonym> broker_synonyms(std::string_view name, const BrokerLayers& broker) {
    return synonyms_of(name, broker, false);
}

std::string document_of(const ConfigKey& key) { return document(key, ""); }

const ConfigKey* find_any_broker_key(std::string_view name) {
    const ConfigKey* key = find_broker_or_listener_key(name);
    return key != nullptr ? key : find_dynamic_only_key(name);
}

std::vector<ConfigEntry> describe_topic(const ConfigMap& own, const TopicConfig& effective,
                                        const BrokerLayers& broker) {
    std::vector<ConfigEntry> entries;
    for (const TopicKey& row : topic_keys()) {
        const ConfigKey& key = row.key;
        const auto set = own.find(row.name());
        if (key.status == KeyStatus::internal && set == own.end()) continue;
        ConfigEntry entry;
        entry.name = row.name();
        entry.type = key.type;
        entry.documentation = document(key, row.broker_keys);
        if (!row.broker_keys.empty()) entry.synonyms = synonyms_of(row.broker_key(), broker, false);
        if (set != own.end()) {
            entry.value = shown_value(key, set->second);
            entry.synonyms.insert(entry.synonyms.begin(),
                                  {entry.name, entry.value, ConfigSource::topic});
        } else if (auto value = topic_value(effective, row)) {
            entry.value = std::move(value);
        } else if (!entry.synonyms.empty()) {
            entry.value = shown_value(key, *entry.synonyms.front().value);
        } else if (key.preset != kNull) {
            entry.value = key.preset;
        }
        if (!entry.synonyms.empty()) entry.source = entry.synonyms.front().source;
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<ConfigEntry> describe_broker(const BrokerLayers& broker) {
    std::set<std::string, std::less<>> names;
    for (const ConfigKey& key : broker_keys()) {
        if (key.status != KeyStatus::internal) names.emplace(key.name);
    }
    for (const ConfigMap* layer : {&broker.node, &broker.cluster, &broker.file}) {
        for (const auto& [name, value] : *layer) names.insert(name);
    }
    std::vector<ConfigEntry> entries;
    for (const std::string& name : names) entries.push_back(broker_entry(name, broker));
    return entries;
}

std::vector<ConfigEntry> describe_broker_defaults(const ConfigMap& cluster) {
    static const ConfigMap kNone;
    std::vector<ConfigEntry> entries;
    for (const auto& [name, value] : cluster) {
        entries.push_back(broker_entry(name, {kNone, cluster, kNone, kNone}));
        std::erase_if(entries.back().synonyms, [](const ConfigSynonym& s) {
            return s.source != ConfigSource::dynamic_default;
        });
    }
    return entries;
}
}  // namespace faultline::model
