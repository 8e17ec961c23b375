#include "core/logic/controller/configs.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"
#include "core/logic/controller/brokers.h"
#include "core/model/config_value.h"
#include "core/model/config_view.h"
#include "core/model/resource_configs.h"

namespace faultline::logic {
namespace {
using model::ConfigMap;
using wire::AlterConfigsRequest;
using wire::IncrementalAlterConfigsRequest;
using wire::KafkaError;

constexpr std::int8_t kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3;

// --- what both requests are made of --------------------------------------------------------------

struct Setting {
    std::string name;
    std::int8_t operation = kSet;
    std::optional<std::string> value;
};
struct Resource {
    std::int8_t type = 0;
    std::string name;
    std::vector<Setting> settings;
};

std::vector<Resource> resources_of(const IncrementalAlterConfigsRequest& request) {
    std::vector<Resource> all;
    for (const auto& r : request.resources) {
        Resource& out = all.emplace_back(Resource{r.resource_type, r.resource_name, {}});
        for (const auto& c : r.configs)
            out.settings.push_back({c.name, c.config_operation, c.value});
    }
    return all;
}

std::vector<Resource> resources_of(const AlterConfigsRequest& request) {
    std::vector<Resource> all;
    for (const auto& r : request.resources) {
        Resource& out = all.emplace_back(Resource{r.resource_type, r.resource_name, {}});
        for (const auto& c : r.configs) out.settings.push_back({c.name, kSet, c.value});
    }
    return all;
}

ConfigRefusal invalid_request(std::string message) {
    return {KafkaError::invalid_request, std::move(message)};
}
ConfigRefusal invalid_config(std::string message) {
    return {KafkaError::invalid_config, std::move(message)};
}

std::optional<std::int32_t> node_of(std::string_view text) {
    const auto number = model::parse_integer(text);
    if (!number || *number < INT32_MIN || *number > INT32_MAX || text.find(' ') < text.size())
        return std::nullopt;
    return static_cast<std::int32_t>(*number);
}

// What is set of a resource now; empty where nothing is.
ConfigMap configured(const model::MetadataImage& image, const Resource& r) {
    if (r.type == kTopicConfigs) {
        const model::TopicImage* topic = image.find(r.name);
        return topic == nullptr ? ConfigMap{} : topic->config;
    }
    if (r.type == kGroupConfigs || r.type == kClientMetricsConfigs) {
        const auto& all = r.type == kGroupConfigs ? image.group_configs : image.client_metrics;
        const auto own = all.find(r.name);
        return own == all.end() ? ConfigMap{} : own->second;
    }
    if (r.name.empty()) return image.broker_defaults;
    const auto id = node_of(r.name);
    const auto it = id ? image.broker_configs.find(*id) : image.broker_configs.end();
    return it == image.broker_configs.end() ? ConfigMap{} : it->second;
}

const model::ConfigKey* key_of(const Resource& r, std::string_view name) {
    if (r.type == kBrokerConfigs) return model::find_any_broker_key(name);
    if (r.type != kTopicConfigs) return nullptr;  // Kafka's lists of these cannot be added to
    const model::TopicKey* key = model::find_topic_key(name);
    return key == nullptr ? nullptr : &key->key;
}

// Parts of a list's text; empty ones do not count.
std::vector<std::string> parts_of(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (comma > 0) parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

// Carries out one operation on `config`, or says why not.
std::optional<ConfigRefusal> operate(const Resource& r, const Setting& s, ConfigMap& config) {
    if (s.operation == kDelete) {
        config.erase(s.name);
        return std::nullopt;
    }
    if (s.operation == kSet) {
        config[s.name] = *s.value;
        return std::nullopt;
    }
    if (s.operation != kAppend && s.operation != kSubtract)
        return invalid_request(fmt::format("Unknown operations type {}", s.operation));
    const model::ConfigKey* key = key_of(r, s.name);
    const bool append = s.operation == kAppend;
    if (key == nullptr && r.type == kBrokerConfigs)
        return invalid_config(fmt::format("Unknown config name: {}", excerpt(s.name)));
    if (key == nullptr || key->type != model::ConfigType::list) {
        return invalid_config(r.type == kBrokerConfigs
                                  ? fmt::format("Config value {} is not allowed for config key: {}",
                                                append ? "append" : "subtract", excerpt(s.name))
                                  : fmt::format("Can't {} to key {} because its type is not LIST.",
                                                append ? "APPEND" : "SUBTRACT", excerpt(s.name)));
    }
    const auto now = config.find(s.name);
    auto parts = parts_of(now != config.end()           ? std::string_view(now->second)
                          : key->preset == model::kNull ? std::string_view()
                                                        : std::string_view(key->preset));
    for (const std::string& part : parts_of(*s.value)) {
        const auto at = std::ranges::find(parts, part);
        if (s.operation == kSubtract) {
            if (at != parts.end()) parts.erase(at);
        } else if (at == parts.end()) {
            parts.push_back(part);
        }
    }
    std::string joined = model::join_list(parts);
    constexpr std::size_t kMost = INT16_MAX;  // bytes of a text in the metadata log, too
    if (joined.size() > kMost) {
        return invalid_config(
            "The configuration value cannot be added because it exceeds the maximum value size of "
            "32767 bytes.");
    }
    config[s.name] = std::move(joined);
    return std::nullopt;
}

std::optional<ConfigRefusal> operate_all(const Resource& r, ConfigMap& config) {
    for (const Setting& s : r.settings) {
        if (auto refusal = operate(r, s, config)) return refusal;
    }
    return std::nullopt;
}

// --- on the broker that was asked ----------------------------------------------------------------

std::optional<ConfigRefusal> judge_settings(const Resource& r) {
    std::set<std::string_view> names;
    std::vector<std::string_view> without;
    for (const Setting& s : r.settings) {
        if (!names.insert(s.name).second)
            return invalid_request("Error due to duplicate config keys");
        if (s.operation != kDelete && !s.value) without.push_back(s.name);
    }
    if (!without.empty()) {
        return invalid_request("Null value not supported for : " +
                               excerpt(fmt::format("{}", fmt::join(without, ", "))));
    }
    return std::nullopt;
}

std::optional<ConfigRefusal> judge_broker(const Resource& r, const model::MetadataImage& image,
                                          NodeId self, bool incremental) {
    if (!r.name.empty()) {
        const auto id = node_of(r.name);
        if (!id)
            return invalid_request("Node id must be an integer, but it is: " + excerpt(r.name));
        if (*id != self.v) {
            return invalid_request(fmt::format("Unexpected broker id, expected {}, but received {}",
                                               self.v, excerpt(r.name)));
        }
    }
    ConfigMap config;
    if (incremental) config = configured(image, r);
    if (auto refusal = operate_all(r, config)) return refusal;
    if (auto why = check_broker_config(config, r.name.empty()))
        return invalid_request(*std::move(why));
    return std::nullopt;
}

EarlyAnswers judge_all(const std::vector<Resource>& resources, const model::MetadataImage& image,
                       NodeId self, bool incremental) {
    EarlyAnswers answers(resources.size());
    std::map<std::pair<std::int8_t, std::string_view>, int> times;
    for (const Resource& r : resources) ++times[{r.type, r.name}];
    for (std::size_t i = 0; i < resources.size(); ++i) {
        const Resource& r = resources[i];
        if (times[{r.type, r.name}] > 1) {
            answers[i] = invalid_request("Each resource must appear at most once.");
        } else if (auto refusal = judge_settings(r)) {
            answers[i] = std::move(refusal);
        } else if (r.type == kBrokerConfigs) {
            answers[i] = judge_broker(r, image, self, incremental);
        } else if (r.type != kTopicConfigs && r.type != kGroupConfigs &&
                   r.type != kClientMetricsConfigs && !(incremental && r.type == kLoggerConfigs)) {
            answers[i] = invalid_request(fmt::format("Unknown resource type {}", r.type));
        }
    }
    return answers;
}

// --- by the controller ---------------------------------------------------------------------------

std::optional<ConfigRefusal> judge_topic(const model::MetadataImage& image, const Resource& r,
                                         const ConfigMap& config, bool tiny_segments) {
    if (r.name.empty()) return invalid_request("Default topic resources are not allowed.");
    if (auto why = model::bad_topic_name(r.name))
        return ConfigRefusal{KafkaError::invalid_topic_exception, *std::move(why)};
    if (auto why = model::check_topic_config(config, tiny_segments))
        return invalid_config(*std::move(why));
    if (image.find(r.name) == nullptr) {
        return ConfigRefusal{KafkaError::unknown_topic_or_partition,
                             fmt::format("The topic '{}' does not exist.", r.name)};
    }
    return std::nullopt;
}

std::optional<ConfigRefusal> judge_broker_name(const Resource& r) {
    if (r.name.empty()) return std::nullopt;
    const auto id = node_of(r.name);
    if (!id) return invalid_request("Unable to parse broker name as a base 10 number.");
    if (*id < 0) return invalid_request("Invalid negative broker ID.");
    for (const Setting& s : r.settings) {
        // Every broker must count the eligible leaders by the same rule.
        if (s.name == "min.insync.replicas")
            return invalid_config(
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    }
    return std::nullopt;
}

std::optional<ConfigRefusal> judge_other(const Resource& r, const ConfigMap& config) {
    const bool group = r.type == kGroupConfigs;
    if (r.name.empty()) {
        return invalid_request(group ? "Default group resources are not allowed."
                                     : "Subscription name can't be empty");
    }
    auto why =
        group ? model::check_group_config(config) : model::check_client_metrics_config(config);
    if (!why) return std::nullopt;
    return why->invalid_request ? invalid_request(std::move(why->message))
                                : invalid_config(std::move(why->message));
}

void write_changes(const Resource& r, const ConfigMap& before, const ConfigMap& after,
                   Records& records) {
    const auto write = [&](const std::string& name, std::optional<std::string> value) {
        wire::ConfigRecord record;
        record.resource_type = r.type;
        record.resource_name = r.name;
        record.name = name;
        record.value = std::move(value);
        records.emplace_back(std::move(record));
    };
    for (const auto& [name, value] : after) {
        const auto was = before.find(name);
        if (was == before.end() || was->second != value) write(name, value);
    }
    for (const auto& [name, value] : before) {
        if (!after.contains(name)) write(name, std::nullopt);
    }
}

// Judges one resource whose configuration is to be `after`, and writes the records.
std::optional<ConfigRefusal> decide(const model::MetadataImage& image, const Resource& r,
                                    const ConfigMap& after, bool tiny_segments, Records& records) {
    std::optional<ConfigRefusal> refusal;
    if (r.type == kTopicConfigs) {
        refusal = judge_topic(image, r, after, tiny_segments);
    } else if (r.type == kBrokerConfigs) {
        refusal = judge_broker_name(r);
        if (!refusal) {
            if (auto why = check_broker_config(after, r.name.empty()))
                refusal = invalid_request(*std::move(why));
        }
    } else if (r.type == kGroupConfigs || r.type == kClientMetricsConfigs) {
        refusal = judge_other(r, after);
    } else {
        refusal = invalid_request(fmt::format("Unknown resource type {}", r.type));
    }
    if (!refusal) write_changes(r, configured(image, r), after, records);
    return refusal;
}

// An ISR that was too small may be large enough now: then the high watermark goes on without those
// who left it, and they hold all that is committed no more.
void forget_eligible(const model::MetadataImage& image, const TopicDefaults& defaults,
                     Records& records) {
    const bool touched = std::ranges::any_of(records, [](const model::MetadataRecord& record) {
        const auto* c = std::get_if<wire::ConfigRecord>(&record);
        return c != nullptr && c->name == "min.insync.replicas";
    });
    if (!touched) return;
    model::MetadataImage next = image;
    for (const auto& record : records) next.apply(record);
    const model::TopicConfig base = model::with_broker_keys(defaults.config, next.broker_defaults);
    const auto can_lead = [&](std::int32_t id) {
        const model::BrokerImage* b = next.broker(id);
        return b != nullptr && b->active();
    };
    for (const auto& [name, topic] : next.topics) {
        for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
            const model::PartitionImage& p = topic->partitions[i];
            if (p.elr.empty() && p.last_known_elr.empty()) continue;
            PartitionTarget target;
            target.can_lead = can_lead;
            auto change = change_partition(topic->id, static_cast<std::int32_t>(i), p,
                                           rules_of(*topic, base), target);
            if (change) records.emplace_back(*std::move(change));
        }
    }
}

template <class Response, class Request>
Decision<Response> alter(const model::MetadataImage& image, const Request& request,
                         const TopicDefaults& defaults, bool incremental) {
    Decision<Response> decision;
    for (const Resource& r : resources_of(request)) {
        std::optional<ConfigRefusal> refusal = judge_settings(r);
        ConfigMap after;
        if (!refusal && incremental) after = configured(image, r);
        if (!refusal) refusal = operate_all(r, after);
        if (!refusal) refusal = decide(image, r, after, defaults.tiny_segments, decision.records);
        auto& answer = decision.response.responses.emplace_back();
        answer.resource_type = r.type;
        answer.resource_name = r.name;
        answer.error_message.reset();
        if (!refusal) continue;
        answer.error_code = refusal->error;
        answer.error_message = std::move(refusal->message);
    }
    if (request.validate_only) {
        decision.records.clear();
    } else {
        forget_eligible(image, defaults, decision.records);
    }
    return decision;
}
}  // namespace

std::optional<std::string> check_broker_config(const ConfigMap& config, bool cluster) {
    std::vector<std::string_view> fixed, secured, per_broker;
    for (const auto& [name, value] : config) {
        const model::ConfigKey* key = model::find_broker_key(name);
        const bool own = key != nullptr && key->update == model::Update::per_broker;
        const std::string_view of_listener = model::listener_key(name);
        const bool shared = of_listener == "max.connections" ||
                            of_listener == "max.connection.creation.rate" ||
                            of_listener == "num.network.threads";
        if (key != nullptr && key->update == model::Update::read_only) fixed.push_back(name);
        if (own && name.starts_with("ssl.")) secured.push_back(name);
        if (own || (!of_listener.empty() && !shared)) per_broker.push_back(name);
    }
    if (!fixed.empty())
        return fmt::format("Cannot update these configs dynamically: [{}]", fmt::join(fixed, ", "));
    if (!secured.empty()) {
        return fmt::format(
            "These security configs can be dynamically updated only per-listener using the "
            "listener prefix: [{}]",
            fmt::join(secured, ", "));
    }
    for (const auto& [name, value] : config) {
        const model::ConfigKey* key = model::find_any_broker_key(name);
        if (key == nullptr) continue;
        const std::string_view base = model::listener_key(name);
        if (auto why = model::check_value(*key, base.empty() ? name : base, value)) return why;
    }
    if (cluster && !per_broker.empty()) {
        return fmt::format(
            "Cannot update these configs at default cluster level, broker id must be specified: "
            "[{}]",
            excerpt(fmt::format("{}", fmt::join(per_broker, ", "))));
    }
    for (const std::string_view name : {"log.roll.ms", "log.roll.jitter.ms", "log.retention.ms"}) {
        const auto it = config.find(name);
        if (it == config.end()) continue;
        const auto number = *model::parse_integer(it->second);
        if (name == "log.roll.ms" && number < 1)
            return "requirement failed: log.roll.ms must be greater than or equal to 1";
        if (name == "log.roll.jitter.ms" && number < 0)
            return "requirement failed: log.roll.jitter.ms must be greater than or equal to 0";
        if (name == "log.retention.ms" && number == 0)
            return "requirement failed: log.retention.ms must be unlimited (-1) or, greater than "
                   "or equal to 1";
    }
    return std::nullopt;
}

EarlyAnswers judge_early(const IncrementalAlterConfigsRequest& request,
                         const model::MetadataImage& image, NodeId self) {
    return judge_all(resources_of(request), image, self, true);
}
EarlyAnswers judge_early(const AlterConfigsRequest& request, const model::MetadataImage& image,
                         NodeId self) {
    return judge_all(resources_of(request), image, self, false);
}

LoggerChange alter_logger(const IncrementalAlterConfigsRequest::AlterConfigsResource& asked,
                          NodeId self) {
    static constexpr std::string_view kLevels[] = {"DEBUG", "ERROR", "FATAL",
                                                   "INFO",  "TRACE", "WARN"};
    LoggerChange change;
    const auto refuse = [&](ConfigRefusal refusal) {
        return LoggerChange{std::nullopt, std::move(refusal)};
    };
    const auto id = node_of(asked.resource_name);
    if (!id)
        return refuse(invalid_request("Node id must be an integer, but it is: " +
                                      excerpt(asked.resource_name)));
    if (*id != self.v) {
        return refuse(invalid_request(
            fmt::format("Unexpected node id. Expected {}, but received {}", self.v, *id)));
    }
    for (const auto& c : asked.configs) {
        if (c.config_operation != kSet && c.config_operation != kDelete) {
            const bool known = c.config_operation == kAppend || c.config_operation == kSubtract;
            return refuse(invalid_request(
                fmt::format("{} operation is not allowed for the BROKER_LOGGER resource",
                            !known ? fmt::format("Unknown operation type {}", c.config_operation)
                            : c.config_operation == kAppend ? "APPEND"
                                                            : "SUBTRACT")));
        }
        if (c.name != kRootLogger)
            return refuse(
                invalid_config(fmt::format("Logger {} does not exist!", excerpt(c.name))));
        if (c.config_operation == kDelete)
            return refuse(
                invalid_request("Removing the log level of the root logger is not allowed"));
        if (std::ranges::find(kLevels, *c.value) == std::end(kLevels)) {
            return refuse(invalid_config(fmt::format(
                "Cannot set the log level of {} to {} as it is not a supported log level. Valid "
                "log levels are {}",
                c.name, excerpt(*c.value), fmt::join(kLevels, ", "))));
        }
        change.level = c.value;
    }
    return change;
}

Decision<wire::IncrementalAlterConfigsResponse> incremental_alter_configs(
    const model::MetadataImage& image, const IncrementalAlterConfigsRequest& request,
    const TopicDefaults& defaults) {
    return alter<wire::IncrementalAlterConfigsResponse>(image, request, defaults, true);
}

Decision<wire::AlterConfigsResponse> alter_configs(const model::MetadataImage& image,
                                                   const AlterConfigsRequest& request,
                                                   const TopicDefaults& defaults) {
    return alter<wire::AlterConfigsResponse>(image, request, defaults, false);
}
}  // namespace faultline::logic
