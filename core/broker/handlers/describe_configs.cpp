// DescribeConfigs and ListConfigResources (KIP-1142): what is configured, and where that was said.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/broker/handlers/respond.h"
#include "core/logic/controller/configs.h"
#include "core/model/config_value.h"
#include "core/model/config_view.h"
#include "core/model/resource_configs.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/list_config_resources_request.h"
#include "gen/wire/list_config_resources_response.h"

namespace faultline::broker {
namespace {
using wire::DescribeConfigsRequest;
using wire::DescribeConfigsResponse;
using wire::KafkaError;
using Asked = DescribeConfigsRequest::DescribeConfigsResource;
using Described = DescribeConfigsResponse::DescribeConfigsResult;

// What the shard knows of its broker's own configuration.
class Layers {
public:
    explicit Layers(const Shard& shard) : image_(shard.image()), config_(shard.config()) {
        const auto it = image_->broker_configs.find(config_.node.v);
        if (it != image_->broker_configs.end()) node_ = it->second;
    }
    model::BrokerLayers view() const {
        return {node_, image_->broker_defaults, config_.given, config_.presets};
    }
    const model::MetadataImage& image() const { return *image_; }

private:
    Snapshot<model::MetadataImage> image_;
    const BrokerConfig& config_;
    model::ConfigMap node_;
};

// In Kafka's words.
std::string level_name(const Logger& log) {
    constexpr std::pair<LogLevel, const char*> kLevels[] = {{LogLevel::trace, "TRACE"},
                                                            {LogLevel::debug, "DEBUG"},
                                                            {LogLevel::info, "INFO"},
                                                            {LogLevel::warn, "WARN"}};
    for (const auto& [level, name] : kLevels) {
        if (log.enabled(level)) return name;
    }
    return "ERROR";
}

void refuse(Described& out, KafkaError error, std::string message) {
    out.error_code = error;
    out.error_message = std::move(message);
}

void add(const Asked& asked, const DescribeConfigsRequest& request,
         const std::vector<model::ConfigEntry>& entries, Described& out) {
    for (const model::ConfigEntry& e : entries) {
        const bool wanted =
            !asked.configuration_keys || asked.configuration_keys->empty() ||
            std::ranges::find(*asked.configuration_keys, e.name) != asked.configuration_keys->end();
        if (!wanted) continue;
        auto& entry = out.configs.emplace_back();
        entry.name = e.name;
        entry.value = e.value;
        entry.read_only = e.read_only;
        entry.is_sensitive = e.sensitive;
        entry.config_source = static_cast<std::int8_t>(e.source);
        entry.config_type = static_cast<std::int8_t>(e.type);
        entry.documentation.reset();
        if (request.include_documentation && !e.documentation.empty())
            entry.documentation = e.documentation;
        if (!request.include_synonyms) continue;
        for (const model::ConfigSynonym& s : e.synonyms)
            entry.synonyms.push_back({s.name, s.value, static_cast<std::int8_t>(s.source), {}});
    }
}

void describe_topic(const Shard& shard, const Layers& layers, const Asked& asked,
                    const DescribeConfigsRequest& request, Described& out) {
    if (auto why = model::bad_topic_name(asked.resource_name))
        return refuse(out, KafkaError::invalid_topic_exception, *std::move(why));
    const model::TopicImage* topic = layers.image().find(asked.resource_name);
    if (topic == nullptr) {
        out.error_code = KafkaError::unknown_topic_or_partition;
        return;
    }
    const auto config = model::with_overrides(shard.topic_defaults(), topic->config);
    add(asked, request, model::describe_topic(topic->config, config, layers.view()), out);
}

// Whether the resource is this broker; else what is wrong is said.
bool is_self(const Shard& shard, const Asked& asked, std::string_view expected, Described& out) {
    auto id = model::parse_integer(asked.resource_name);
    if (asked.resource_name.find(' ') != std::string::npos) id.reset();
    if (!id) {
        refuse(out, KafkaError::invalid_request,
               fmt::format("Broker id must be an integer, but it is: {}",
                           excerpt(asked.resource_name)));
    } else if (*id != shard.config().node.v) {
        refuse(out, KafkaError::invalid_request,
               fmt::format("Unexpected broker id, expected {}{} but received {}",
                           shard.config().node.v, expected, excerpt(asked.resource_name)));
    }
    return id && *id == shard.config().node.v;
}

void describe_broker(const Shard& shard, const Layers& layers, const Asked& asked,
                     const DescribeConfigsRequest& request, Described& out) {
    if (asked.resource_name.empty())
        return add(asked, request, model::describe_broker_defaults(layers.image().broker_defaults),
                   out);
    if (is_self(shard, asked, " or empty string,", out))
        add(asked, request, model::describe_broker(layers.view()), out);
}

void describe_logger(Shard& shard, const Asked& asked, const DescribeConfigsRequest& request,
                     Described& out) {
    if (asked.resource_name.empty())
        return refuse(out, KafkaError::invalid_request, "Broker id must not be empty");
    if (!is_self(shard, asked, "", out)) return;
    model::ConfigEntry root;
    root.name = logic::kRootLogger;
    root.value = level_name(shard.env().log);
    root.source = model::ConfigSource::logger;
    add(asked, request, {root}, out);
    for (auto& entry : out.configs) entry.documentation.emplace();  // as Kafka, which has none
}
const model::ConfigMap& own_of(const std::map<std::string, model::ConfigMap, std::less<>>& all,
                               const std::string& name) {
    static const model::ConfigMap kNone;
    const auto it = all.find(name);
    return it == all.end() ? kNone : it->second;
}

// There are no groups and nobody subscribes; what is set of them is kept and shown.
void describe_other(const Layers& layers, const Asked& asked, const DescribeConfigsRequest& request,
                    Described& out) {
    const bool group = asked.resource_type == logic::kGroupConfigs;
    const std::string& name = asked.resource_name;
    if (name.empty())
        return refuse(out, KafkaError::invalid_request,
                      group ? "Group name must not be empty"
                            : "Client metrics subscription name must not be empty");
    const auto& image = layers.image();
    add(asked, request,
        group ? model::describe_group(own_of(image.group_configs, name), layers.view())
              : model::describe_client_metrics(own_of(image.client_metrics, name)),
        out);
}

void describe(Shard& shard, const Layers& layers, const Asked& asked,
              const DescribeConfigsRequest& request, Described& out) {
    if (asked.resource_type == logic::kTopicConfigs) {
        describe_topic(shard, layers, asked, request, out);
    } else if (asked.resource_type == logic::kBrokerConfigs) {
        describe_broker(shard, layers, asked, request, out);
    } else if (asked.resource_type == logic::kLoggerConfigs) {
        describe_logger(shard, asked, request, out);
    } else if (asked.resource_type == logic::kGroupConfigs ||
               asked.resource_type == logic::kClientMetricsConfigs) {
        describe_other(layers, asked, request, out);
    } else {
        refuse(out, KafkaError::invalid_request,
               fmt::format("Nothing of resource type {} can be described: topics are 2, "
                           "brokers 4, loggers 8, client metrics 16, groups 32.",
                           asked.resource_type));
    }
}

// Bytes of it in the answer, about.
std::size_t size_of(const Described& d) {
    constexpr std::size_t kRest = 16;  // lengths and numbers
    const auto size = [](const std::optional<std::string>& text) {
        return text ? text->size() : 0;
    };
    std::size_t sum = kRest + d.resource_name.size() + size(d.error_message);
    for (const auto& entry : d.configs) {
        sum += kRest + entry.name.size() + size(entry.value) + size(entry.documentation);
        for (const auto& s : entry.synonyms) sum += kRest + s.name.size() + size(s.value);
    }
    return sum;
}
}  // namespace

bool handle_describe_configs(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DescribeConfigsRequest request;
    if (!decode(r, request)) return false;
    const Layers layers(context.shard);
    DescribeConfigsResponse response;
    // All that is configured of ten thousand topics. What is asked for has no end: a resource may
    // stand in it twice, as in Kafka, and a group be described that nobody knows.
    constexpr std::size_t kMost = 128U << 20;
    std::size_t size = 0;
    for (const Asked& asked : request.resources) {
        Described& out = response.results.emplace_back();
        out.resource_type = asked.resource_type;
        out.resource_name = asked.resource_name;
        out.error_message.emplace();
        if (size < kMost) {
            describe(context.shard, layers, asked, request, out);
            size += size_of(out);
        } else {
            refuse(out, KafkaError::policy_violation, "The answer is too large.");
        }
    }
    respond(responder, r, response);
    return true;
}

bool handle_list_config_resources(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::ListConfigResourcesRequest request;
    if (!decode(r, request)) return false;
    const auto image = context.shard.image();
    wire::ListConfigResourcesResponse response;
    const auto add = [&](std::string name, std::int8_t type) {
        auto& resource = response.config_resources.emplace_back();
        resource.resource_name = std::move(name);
        resource.resource_type = type;
    };
    // Version 0 asks for client metrics.
    std::vector<std::int8_t> types{logic::kClientMetricsConfigs};
    if (r.version.v > 0) types = request.resource_types;
    if (r.version.v > 0 && types.empty())
        types = {logic::kGroupConfigs, logic::kClientMetricsConfigs, logic::kLoggerConfigs,
                 logic::kBrokerConfigs, logic::kTopicConfigs};
    std::set<std::int8_t> listed;
    for (const std::int8_t type : types) {
        if (!listed.insert(type).second) continue;
        if (type == logic::kTopicConfigs) {
            for (const auto& [name, topic] : image->topics) add(name, type);
        } else if (type == logic::kBrokerConfigs || type == logic::kLoggerConfigs) {
            for (const model::BrokerImage& b : image->brokers) add(std::to_string(b.id.v), type);
        } else if (type == logic::kGroupConfigs || type == logic::kClientMetricsConfigs) {
            const auto& all =
                type == logic::kGroupConfigs ? image->group_configs : image->client_metrics;
            for (const auto& [name, config] : all) add(name, type);
        } else {
            response.config_resources.clear();
            response.error_code = KafkaError::unsupported_version;
            break;
        }
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
