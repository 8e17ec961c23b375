// The one table of configuration keys: every broker key of Kafka 4.3 and Faultline's own. Topic
// keys have rows of the same kind in topic_config.h, with the member that each sets.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace faultline::model {

// Keys and values as they stand in a file, a request or a record.
using ConfigMap = std::map<std::string, std::string, std::less<>>;

// Numbers are those of DescribeConfigs.
enum class ConfigType : std::int8_t {
    unknown = 0,
    boolean = 1,  // true or false, any case
    string = 2,
    int32 = 3,
    int16 = 4,
    int64 = 5,
    float64 = 6,
    list = 7,        // separated by commas, spaces around an element dropped
    class_name = 8,  // a Java class in Kafka, a text here
    password = 9,    // a text that is never shown
};

// How a broker key may change while the broker runs (KIP-226). A topic key always may.
enum class Update : std::uint8_t { read_only, per_broker, cluster_wide };

enum class KeyStatus : std::uint8_t {
    known,  // checked and shown, but without effect in this version
    acts,
    internal,  // of Kafka's own tests: checked, without effect, not shown
};

// Defaults that are no text.
inline constexpr const char* kNull = nullptr;  // unset
inline constexpr const char kRequired[] = "\x01";

struct ConfigKey {
    std::string_view name;
    ConfigType type = ConfigType::string;
    const char* preset = kNull;  // the default as it would stand in a file; kNull; kRequired
    // Numbers: "1..", "0..500", "1..9 or -1". Texts: "one of: a b", "any case: A B", "not empty".
    // Lists: "any" (may be empty), "some" (may not), both also with their words, "some: a b";
    // "voters" (1@host:9093), "endpoints" (host:9093), "throttled" (partition:broker or *).
    std::string_view valid;
    Update update = Update::read_only;
    KeyStatus status = KeyStatus::known;

    bool required() const { return preset == kRequired; }
    bool acts() const { return status == KeyStatus::acts; }
    bool sensitive() const { return type == ConfigType::password; }
};

std::span<const ConfigKey> broker_keys();  // sorted by name
// Nothing for a name that is no key.
const ConfigKey* find_broker_key(std::string_view name);
// The same, where "listener.name.NAME.KEY" is KEY.
const ConfigKey* find_broker_or_listener_key(std::string_view name);
// Rates of KIP-73 that no file may have, but a dynamic change.
const ConfigKey* find_dynamic_only_key(std::string_view name);

// The part after "listener.name.NAME."; empty when the name is not such a key.
std::string_view listener_key(std::string_view name);
// The broker key whose name is nearest to `name`; empty when none is near.
std::string nearest_broker_key(std::string_view name);
}  // namespace faultline::model
