#include "core/model/image_records.h"

namespace faultline::model {
namespace {
constexpr std::int8_t kTopicResource = 2, kBrokerResource = 4, kMetricsResource = 16,
                      kGroupResource = 32;

// Where what a type of record says stands in a snapshot. A new type does not compile until it is
// said here, and image_records() writes it.
enum class Kept : std::uint8_t { itself, in_another, nowhere };
constexpr Kept kept(const wire::TopicRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::PartitionRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::PartitionChangeRecord*) { return Kept::in_another; }
constexpr Kept kept(const wire::ConfigRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::RemoveTopicRecord*) { return Kept::nowhere; }
constexpr Kept kept(const wire::ProducerIdsRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::RegisterBrokerRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::UnregisterBrokerRecord*) { return Kept::nowhere; }
constexpr Kept kept(const wire::BrokerRegistrationChangeRecord*) { return Kept::in_another; }
constexpr Kept kept(const wire::FeatureLevelRecord*) { return Kept::itself; }
constexpr Kept kept(const wire::NoOpRecord*) { return Kept::nowhere; }

template <class... Record>
constexpr bool all_said(const std::variant<Record...>*) {
    return ((kept(static_cast<const Record*>(nullptr)) <= Kept::nowhere) && ...);
}
static_assert(all_said(static_cast<const MetadataRecord*>(nullptr)));

wire::RegisterBrokerRecord registration(const BrokerImage& b) {
    wire::RegisterBrokerRecord r;
    r.broker_id = b.id.v;
    r.incarnation_id = b.incarnation;
    r.broker_epoch = b.epoch;
    r.fenced = b.fenced;
    r.in_controlled_shutdown = b.in_controlled_shutdown;
    r.rack = b.rack;
    r.log_dirs = b.log_dirs;
    if (!b.host.empty() || b.port != 0) {
        auto& endpoint = r.end_points.emplace_back();
        endpoint.name = "PLAINTEXT";
        endpoint.host = b.host;
        endpoint.port = b.port;
    }
    return r;
}

wire::PartitionRecord partition(const TopicImage& topic, std::size_t index) {
    const PartitionImage& p = topic.partitions[index];
    wire::PartitionRecord r;
    r.topic_id = topic.id;
    r.partition_id = static_cast<std::int32_t>(index);
    r.leader = p.leader.v;
    r.leader_epoch = p.leader_epoch.v;
    r.replicas = p.replicas;
    r.isr = p.isr;
    r.partition_epoch = p.partition_epoch;
    r.leader_recovery_state = p.recovering ? 1 : 0;
    r.adding_replicas = p.adding;
    r.removing_replicas = p.removing;
    // Absent and empty mean the same; Kafka writes them only where there are some.
    if (!p.elr.empty()) r.eligible_leader_replicas = p.elr;
    if (!p.last_known_elr.empty()) r.last_known_elr = p.last_known_elr;
    return r;
}

void add_config(std::int8_t type, const std::string& resource, const ConfigMap& config,
                std::vector<MetadataRecord>& out) {
    for (const auto& [key, value] : config) {
        wire::ConfigRecord r;
        r.resource_type = type;
        r.resource_name = resource;
        r.name = key;
        r.value = value;
        out.emplace_back(std::move(r));
    }
}
}  // namespace

std::vector<MetadataRecord> image_records(const MetadataImage& image) {
    std::vector<MetadataRecord> out;
    for (const auto& [name, level] : image.features) {
        wire::FeatureLevelRecord r;
        r.name = name;
        r.feature_level = level;
        // Kafka reads how to understand the rest from the first record.
        out.insert(name == "metadata.version" ? out.begin() : out.end(), std::move(r));
    }
    for (const BrokerImage& b : image.brokers) out.emplace_back(registration(b));
    for (const auto& [name, topic] : image.topics) {
        wire::TopicRecord r;
        r.name = name;
        r.topic_id = topic->id;
        out.emplace_back(std::move(r));
        for (std::size_t i = 0; i < topic->partitions.size(); ++i)
            out.emplace_back(partition(*topic, i));
        add_config(kTopicResource, name, topic->config, out);
    }
    add_config(kBrokerResource, "", image.broker_defaults, out);
    for (const auto& [id, config] : image.broker_configs)
        add_config(kBrokerResource, std::to_string(id), config, out);
    for (const auto& [name, config] : image.client_metrics)
        add_config(kMetricsResource, name, config, out);
    for (const auto& [name, config] : image.group_configs)
        add_config(kGroupResource, name, config, out);
    if (image.next_producer_id > 0) {
        wire::ProducerIdsRecord r;
        r.broker_id = -1;
        r.next_producer_id = image.next_producer_id;
        out.emplace_back(r);
    }
    return out;
}

MetadataImage image_of(const std::vector<MetadataRecord>& records, Offset end) {
    MetadataImage image;
    image.applied = end;
    for (const MetadataRecord& r : records) image.apply(r);
    return image;
}
}  // namespace faultline::model
