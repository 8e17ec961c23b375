#include "core/broker/dynamic_config.h"

#include <algorithm>

#include "core/model/config_value.h"

namespace faultline::broker {
namespace {
const model::ConfigMap& of_node(const BrokerConfig& config, const model::MetadataImage& image) {
    static const model::ConfigMap kNone;
    const auto it = image.broker_configs.find(config.node.v);
    return it == image.broker_configs.end() ? kNone : it->second;
}

// Values were checked when they were written.
void lay_over(DynamicConfig& out, const model::ConfigMap& config) {
    out.topic_defaults = model::with_broker_keys(std::move(out.topic_defaults), config);
    const auto number = [&](std::string_view key, auto& to) {
        const auto it = config.find(key);
        const auto value = it == config.end() ? std::nullopt : model::parse_integer(it->second);
        if (value) to = static_cast<std::remove_reference_t<decltype(to)>>(*value);
    };
    number("producer.id.expiration.ms", out.producer_id_expiration_ms);
    number("max.connections", out.max_connections);
    number("max.connection.creation.rate", out.connections_per_second);
    number("log.cleaner.backoff.ms", out.cleaner.backoff_ms);
    number("log.cleaner.dedupe.buffer.size", out.cleaner.dedupe_bytes);
    const auto rate = config.find("log.cleaner.io.max.bytes.per.second");
    const auto value = rate == config.end() ? std::nullopt : model::parse_double(rate->second);
    if (value) out.cleaner.io_bytes_per_second = *value;
}
}  // namespace

DynamicConfig dynamic_config(const BrokerConfig& config, const model::MetadataImage& image) {
    DynamicConfig out{config.topic_defaults, config.producer_id_expiration_ms,
                      config.max_connections, config.connections_per_second, config.cleaner};
    out.cleaner.backoff_ms = config.cleaner_backoff_ms;
    lay_over(out, image.broker_defaults);
    lay_over(out, of_node(config, image));
    out.max_connections = std::min(out.max_connections, config.most_connections);
    return out;
}

bool same_config(const BrokerConfig& config, const model::MetadataImage& a,
                 const model::MetadataImage& b) {
    return a.broker_defaults == b.broker_defaults && of_node(config, a) == of_node(config, b);
}
}  // namespace faultline::broker
