// Configurations of groups and of subscriptions to client metrics (KIP-714, KIP-848, KIP-932,
// KIP-1071): which keys there are, what Kafka says of a value, and what DescribeConfigs tells. They
// are kept and shown; there are no groups that obey them. Pure. Source: Kafka 4.3.1's answers
// (tests/integration/compare).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model/config_view.h"

namespace faultline::model {

// Kafka's ConfigResource.Type.
inline constexpr std::int8_t kClientMetricsResource = 16, kGroupResource = 32;

struct GroupKey {
    ConfigKey key;
    std::string_view broker_key;  // whose value counts where a group sets none; empty: none
};
std::span<const GroupKey> group_keys();            // sorted by name
std::span<const ConfigKey> client_metrics_keys();  // sorted by name

struct ResourceConfigRefusal {
    bool invalid_request = false;  // else INVALID_CONFIG
    std::string message;
};
// Why a group, or a subscription, cannot be configured so; nothing when it can. Bounds are those
// that Kafka's brokers have when their file sets none.
std::optional<ResourceConfigRefusal> check_group_config(const ConfigMap& config);
std::optional<ResourceConfigRefusal> check_client_metrics_config(const ConfigMap& config);

std::vector<ConfigEntry> describe_group(const ConfigMap& own, const BrokerLayers& broker);
std::vector<ConfigEntry> describe_client_metrics(const ConfigMap& own);
}  // namespace faultline::model
