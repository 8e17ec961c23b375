// What is decided about configurations: IncrementalAlterConfigs (KIP-339) and AlterConfigs, of
// topics, brokers, groups and client metrics. Each resource is judged alone, in Kafka's order of
// checks. Pure.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/logic/controller/topics.h"
#include "gen/wire/alter_configs_request.h"
#include "gen/wire/alter_configs_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"

namespace faultline::logic {

// Kafka's ConfigResource.Type.
inline constexpr std::int8_t kTopicConfigs = 2, kBrokerConfigs = 4, kLoggerConfigs = 8;
inline constexpr std::int8_t kClientMetricsConfigs = 16, kGroupConfigs = 32;

struct ConfigRefusal {
    wire::KafkaError error = wire::KafkaError::invalid_request;
    std::string message;
};

// What the broker that was asked judges by itself; the controller never sees these resources.
// One for each resource of the request, in order; nothing where the controller decides.
using EarlyAnswers = std::vector<std::optional<ConfigRefusal>>;

// Resources that stand twice, settings that stand twice or have no value, types that are none,
// another broker's settings, and what this broker could not follow. Loggers are not judged here:
// see alter_logger().
EarlyAnswers judge_early(const wire::IncrementalAlterConfigsRequest& request,
                         const model::MetadataImage& image, NodeId self);
EarlyAnswers judge_early(const wire::AlterConfigsRequest& request,
                         const model::MetadataImage& image, NodeId self);

// A broker's one logger, "root": the level that is asked for, in Kafka's words ("WARN"), or why
// not. Nothing: no change.
struct LoggerChange {
    std::optional<std::string> level;
    std::optional<ConfigRefusal> refusal;
};
LoggerChange alter_logger(const wire::IncrementalAlterConfigsRequest::AlterConfigsResource& asked,
                          NodeId self);
inline constexpr const char* kRootLogger = "root";

// By the active controller. Where min.insync.replicas falls, those who were eligible only because
// too few were in sync (KIP-966) are so no more: `defaults` are the cluster's, dynamic ones
// included.
Decision<wire::IncrementalAlterConfigsResponse> incremental_alter_configs(
    const model::MetadataImage& image, const wire::IncrementalAlterConfigsRequest& request,
    const TopicDefaults& defaults);
// Replaces all that is set of a resource.
Decision<wire::AlterConfigsResponse> alter_configs(const model::MetadataImage& image,
                                                   const wire::AlterConfigsRequest& request,
                                                   const TopicDefaults& defaults);

// Why a broker could not follow these as its own (or, `cluster`, as every broker's) settings, in
// Kafka's words; nothing when it could.
std::optional<std::string> check_broker_config(const model::ConfigMap& config, bool cluster);
}  // namespace faultline::logic
