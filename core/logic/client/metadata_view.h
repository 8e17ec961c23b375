// What a client knows of the cluster: brokers, topics, leaders.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "gen/wire/metadata_response.h"

namespace faultline::client {

struct BrokerInfo {
    std::int32_t node = -1;
    std::string host;
    std::uint16_t port = 0;
};
struct PartitionInfo {
    std::int32_t leader = -1;  // -1: none now
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replicas, isr;
};
struct TopicInfo {
    wire::KafkaError error = wire::KafkaError::none;
    Uuid id;  // zero when the broker did not tell (before Metadata 10)
    bool internal = false;
    std::vector<PartitionInfo> partitions;  // by index
};

class MetadataView {
public:
    // Topics in `response` replace what was known of them; brokers are replaced as a whole. An
    // older leader epoch than the known one of the same topic id is ignored (KIP-320).
    void apply(const wire::MetadataResponse& response);
    // Null when never heard of.
    const TopicInfo* topic(std::string_view name) const;
    // Empty when no known topic has this id.
    std::string_view name_of(const Uuid& id) const;
    const PartitionInfo* partition(std::string_view topic, std::int32_t index) const;
    const BrokerInfo* broker(std::int32_t node) const;
    const std::map<std::int32_t, BrokerInfo>& brokers() const noexcept { return brokers_; }
    const std::map<std::string, TopicInfo, std::less<>>& topics() const noexcept { return topics_; }
    const std::string& cluster_id() const noexcept { return cluster_id_; }
    std::int32_t controller() const noexcept { return controller_; }

private:
    std::map<std::int32_t, BrokerInfo> brokers_;
    std::map<std::string, TopicInfo, std::less<>> topics_;
    std::string cluster_id_;
    std::int32_t controller_ = -1;
};
}  // namespace faultline::client
