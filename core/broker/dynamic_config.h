// What of a broker's configuration may change while it runs, as its metadata say now. Pure.
#pragma once
#include "core/broker/config.h"
#include "core/model/metadata_image.h"

namespace faultline::broker {

struct DynamicConfig {
    model::TopicConfig topic_defaults;  // of topics that set nothing themselves
    std::int64_t producer_id_expiration_ms = 0;
    std::size_t max_connections = 0;
    std::size_t connections_per_second = 0;
    storage::CleanerOptions cleaner;  // of the node
};

// The broker's file below what is set for all brokers, below what is set for this one.
DynamicConfig dynamic_config(const BrokerConfig& config, const model::MetadataImage& image);
// Whether the two images say the same of this node's configuration.
bool same_config(const BrokerConfig& config, const model::MetadataImage& a,
                 const model::MetadataImage& b);
}  // namespace faultline::broker
