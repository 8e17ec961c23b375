// DescribeCluster (KIP-700) and DescribeConfigs, of topics: what tools ask before they show
// anything.
#include <algorithm>

#include "core/broker/handlers/respond.h"
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"

namespace faultline::broker {
namespace {
using wire::DescribeConfigsRequest;
using wire::DescribeConfigsResponse;
using wire::KafkaError;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kTopicSource = 1, kDefaultSource = 5;  // Kafka's ConfigSource

DescribeConfigsResponse::DescribeConfigsResourceResult entry(std::string_view name,
                                                             const std::string& value,
                                                             std::int8_t type, bool overridden,
                                                             bool synonyms) {
    DescribeConfigsResponse::DescribeConfigsResourceResult out;
    out.name = name;
    out.value = value;
    out.config_source = overridden ? kTopicSource : kDefaultSource;
    out.config_type = type;
    out.documentation.reset();
    if (synonyms) out.synonyms.push_back({std::string(name), value, out.config_source, {}});
    return out;
}

void describe_topic(const model::TopicImage& topic, const model::TopicConfig& defaults,
                    const DescribeConfigsRequest::DescribeConfigsResource& asked, bool synonyms,
                    DescribeConfigsResponse::DescribeConfigsResult& out) {
    const auto wanted = [&](std::string_view name) {
        return !asked.configuration_keys || std::ranges::find(*asked.configuration_keys, name) !=
                                                asked.configuration_keys->end();
    };
    const model::TopicConfig config = model::with_overrides(defaults, topic.config);
    for (const model::TopicKey& key : model::topic_keys()) {
        const auto own = topic.config.find(key.name());
        const bool overridden = own != topic.config.end();
        if (!wanted(key.name()) || (!key.key.acts() && !overridden)) continue;
        const auto value = model::topic_value(config, key);
        out.configs.push_back(entry(key.name(), value ? *value : own->second,
                                    static_cast<std::int8_t>(key.key.type), overridden, synonyms));
    }
}
}  // namespace

bool handle_describe_configs(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DescribeConfigsRequest request;
    if (!decode(r, request)) return false;
    const auto image = context.shard.image();
    DescribeConfigsResponse response;
    for (const auto& asked : request.resources) {
        DescribeConfigsResponse::DescribeConfigsResult out;
        out.resource_type = asked.resource_type;
        out.resource_name = asked.resource_name;
        out.error_message.reset();
        const model::TopicImage* topic = image->find(asked.resource_name);
        if (asked.resource_type != kTopicResource) {
            out.error_code = KafkaError::invalid_request;
            out.error_message = "This version describes topics only.";
        } else if (const auto why = model::bad_topic_name(asked.resource_name)) {
            out.error_code = KafkaError::invalid_topic_exception;
            out.error_message = *why;
        } else if (topic == nullptr) {
            out.error_code = KafkaError::unknown_topic_or_partition;
            out.error_message = "This server does not host this topic-partition.";
        } else {
            describe_topic(*topic, context.shard.config().topic_defaults, asked,
                           request.include_synonyms, out);
        }
        response.results.push_back(std::move(out));
    }
    respond(responder, r, response);
    return true;
}

bool handle_describe_cluster(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::DescribeClusterRequest request;
    if (!decode(r, request)) return false;
    constexpr std::int8_t kBrokers = 1;
    const auto image = context.shard.image();
    wire::DescribeClusterResponse response;
    response.cluster_id = image->cluster_id;
    response.endpoint_type = kBrokers;
    if (request.endpoint_type != kBrokers) {
        // As Kafka answers on a broker's listener.
        response.error_code = request.endpoint_type == 2 ? KafkaError::mismatched_endpoint_type
                                                         : KafkaError::unsupported_endpoint_type;
        response.error_message = "The request was sent to an endpoint of type BROKER.";
        respond(responder, r, response);
        return true;
    }
    response.controller_id = image->controller.v;
    for (const model::BrokerImage& b : image->brokers) {
        wire::DescribeClusterResponse::DescribeClusterBroker broker;
        broker.broker_id = b.id.v;
        broker.host = b.host;
        broker.port = b.port;
        response.brokers.push_back(std::move(broker));
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
