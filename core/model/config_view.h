// What DescribeConfigs tells: of every key its value, where that comes from and which values stand
// behind it. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/config_keys.h"
#include "core/model/topic_config.h"

namespace faultline::model {

// Numbers are those of DescribeConfigs.
enum class ConfigSource : std::int8_t {
    topic = 1,            // set on the topic
    dynamic_broker = 2,   // set on this broker while it ran
    dynamic_default = 3,  // set for all brokers while they ran
    static_broker = 4,    // from the broker's file
    preset = 5,
    logger = 6,
    client_metrics = 7,  // set on the subscription
    group = 8,           // set on the group
};

struct ConfigSynonym {
    std::string name;
    std::optional<std::string> value;  // nothing for a secret
    ConfigSource source;
    friend bool operator==(const ConfigSynonym&, const ConfigSynonym&) = default;
};

struct ConfigEntry {
    std::string name;
    std::optional<std::string> value;  // nothing for a secret, and for what is not set
    bool read_only = false;            // it changes with the broker's file alone
    bool sensitive = false;
    ConfigType type = ConfigType::unknown;
    ConfigSource source = ConfigSource::preset;
    std::vector<ConfigSynonym> synonyms;  // what wins first; the first is the value's own
    std::string documentation;
};

// Where a broker's configuration comes from, the strongest first. References: it lives as long as
// what it names.
struct BrokerLayers {
    const ConfigMap& node;     // dynamic, of this broker
    const ConfigMap& cluster;  // dynamic, of all brokers
    const ConfigMap& file;     // as the broker was started
    const ConfigMap& presets;  // defaults other than Kafka's
};

// Of every key in the order of their names; internal ones are left out.
std::vector<ConfigEntry> describe_topic(const ConfigMap& own, const TopicConfig& effective,
                                        const BrokerLayers& broker);
std::vector<ConfigEntry> describe_broker(const BrokerLayers& broker);
// Of what is set for all brokers.
std::vector<ConfigEntry> describe_broker_defaults(const ConfigMap& cluster);

// What counts of a broker's key that is no secret, the strongest first.
std::vector<ConfigSynonym> broker_synonyms(std::string_view name, const BrokerLayers& broker);
// What is said of a key to whom asks for documentation.
std::string document_of(const ConfigKey& key);

// The key of a broker's setting: of Kafka's, a listener's own, or of those that only a dynamic
// change may set. Nothing when it is none: then its value is taken for a secret.
const ConfigKey* find_any_broker_key(std::string_view name);
}  // namespace faultline::model
