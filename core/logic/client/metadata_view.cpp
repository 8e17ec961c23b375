#include "core/logic/client/metadata_view.h"

#include <utility>

namespace faultline::client {
namespace {
// Bounds what a bad answer can make us allocate for one topic.
constexpr std::int32_t kMaxPartitions = 1'000'000;

TopicInfo read_topic(const wire::MetadataResponse::MetadataResponseTopic& t) {
    TopicInfo info;
    info.error = t.error_code;
    info.id = t.topic_id;
    info.internal = t.is_internal;
    for (const auto& p : t.partitions) {
        if (p.partition_index < 0 || p.partition_index >= kMaxPartitions) continue;
        const auto index = static_cast<std::size_t>(p.partition_index);
        if (info.partitions.size() <= index) info.partitions.resize(index + 1);
        info.partitions[index] = {p.leader_id, p.leader_epoch, p.replica_nodes, p.isr_nodes};
    }
    return info;
}

void keep_newer_leaders(const TopicInfo& known, TopicInfo& fresh) {
    if (known.id.is_zero() || known.id != fresh.id) return;
    for (std::size_t i = 0; i < fresh.partitions.size() && i < known.partitions.size(); ++i) {
        if (fresh.partitions[i].leader_epoch < known.partitions[i].leader_epoch) {
            fresh.partitions[i] = known.partitions[i];
        }
    }
}
}  // namespace

void MetadataView::apply(const wire::MetadataResponse& response) {
    brokers_.clear();
    for (const auto& b : response.brokers) {
        brokers_[b.node_id] = {b.node_id, b.host, static_cast<std::uint16_t>(b.port)};
    }
    if (response.cluster_id) cluster_id_ = *response.cluster_id;
    controller_ = response.controller_id;
    for (const auto& t : response.topics) {
        if (!t.name) continue;
        TopicInfo fresh = read_topic(t);
        TopicInfo& known = topics_[*t.name];
        keep_newer_leaders(known, fresh);
        known = std::move(fresh);
    }
}

const TopicInfo* MetadataView::topic(std::string_view name) const {
    const auto it = topics_.find(name);
    return it == topics_.end() ? nullptr : &it->second;
}

std::string_view MetadataView::name_of(const Uuid& id) const {
    for (const auto& [name, info] : topics_) {
        if (info.id == id) return name;
    }
    return {};
}

const PartitionInfo* MetadataView::partition(std::string_view name, std::int32_t index) const {
    const TopicInfo* info = topic(name);
    if (info == nullptr || index < 0) return nullptr;
    const auto i = static_cast<std::size_t>(index);
    return i < info->partitions.size() ? &info->partitions[i] : nullptr;
}

const BrokerInfo* MetadataView::broker(std::int32_t node) const {
    const auto it = brokers_.find(node);
    return it == brokers_.end() ? nullptr : &it->second;
}
}  // namespace faultline::client
