#include "core/model/metadata_image.h"

#include <algorithm>

namespace faultline::model {
namespace {
constexpr std::int8_t kTopicResource = 2, kBrokerResource = 4, kMetricsResource = 16,
                      kGroupResource = 32;

void set_config(ConfigMap& config, const wire::ConfigRecord& r) {
    if (r.value) {
        config[r.name] = *r.value;
    } else {
        config.erase(r.name);
    }
}

void add(Digest& d, const ConfigMap& config) {
    d.add(std::uint64_t{config.size()});
    for (const auto& [key, value] : config) {
        d.add(key);
        d.add(value);
    }
}

Uuid digest_of(const TopicImage& topic) {
    Digest d;
    d.add(topic.name);
    d.add(topic.id);
    add(d, topic.config);
    return d.value();
}
}  // namespace

const TopicImage* MetadataImage::find(std::string_view name) const {
    const TopicRef* topic = topics.get(name);
    return topic == nullptr ? nullptr : topic->get();
}

const TopicImage* MetadataImage::find(const Uuid& id) const {
    const std::string* name = names.get(id);
    return name == nullptr ? nullptr : find(*name);
}

// Where it stands, or would stand.
std::size_t MetadataImage::place_of(NodeId broker) const {
    std::size_t from = 0, to = brokers.size();
    while (from < to) {
        const std::size_t middle = (from + to) / 2;
        if (brokers[middle].id < broker) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

const BrokerImage* MetadataImage::broker(NodeId id) const {
    const std::size_t at = place_of(id);
    return at == brokers.size() || brokers[at].id != id ? nullptr : &brokers[at];
}

TopicImage* MetadataImage::edit(const Uuid& id) {
    const std::string* name = names.get(id);
    TopicRef* topic = name == nullptr ? nullptr : topics.write(*name);
    return topic == nullptr ? nullptr : &topic->write();
}

BrokerImage* MetadataImage::edit_broker(std::int32_t id, std::int64_t epoch) {
    const std::size_t at = place_of(NodeId{id});
    const bool known = at < brokers.size() && brokers[at].id.v == id && brokers[at].epoch == epoch;
    return known ? &brokers.write(at) : nullptr;
}

void MetadataImage::apply(const MetadataRecord& record, ImageChanges* changes) {
    std::visit([&](const auto& r) { on(r, changes); }, record);
}

void MetadataImage::on(const wire::TopicRecord& r, ImageChanges* changes) {
    if (const TopicImage* before = find(r.name)) forget(*before);
    const TopicRef topic(TopicImage{r.name, r.topic_id, {}, {}});
    topics_digest_.add(digest_of(*topic));
    topics.set(r.name, topic);
    names.set(r.topic_id, r.name);
    if (changes != nullptr) changes->topics.insert(r.name);
}

void MetadataImage::on(const wire::PartitionRecord& r, ImageChanges* changes) {
    if (r.partition_id < 0) return;
    TopicImage* topic = edit(r.topic_id);
    if (topic == nullptr) return;
    if (changes != nullptr) changes->partitions[topic->name].insert(r.partition_id);
    const auto at = static_cast<std::size_t>(r.partition_id);
    while (topic->partitions.size() <= at) {
        const auto made = static_cast<std::int32_t>(topic->partitions.size());
        index.changed({r.topic_id, made}, nullptr, &topic->partitions.emplace_back());
    }
    PartitionImage& p = topic->partitions.write(at);
    const PartitionImage before = p;
    p.leader = NodeId{r.leader};
    p.leader_epoch = Epoch{r.leader_epoch};
    p.replicas = r.replicas;
    p.isr = r.isr;
    p.partition_epoch = r.partition_epoch;
    p.recovering = r.leader_recovery_state != 0;
    p.elr = r.eligible_leader_replicas.value_or(BrokerIds{});
    p.last_known_elr = r.last_known_elr.value_or(BrokerIds{});
    p.adding = r.adding_replicas;
    p.removing = r.removing_replicas;
    index.changed({r.topic_id, r.partition_id}, &before, &p);
}

void apply(PartitionImage& p, const wire::PartitionChangeRecord& r) {
    constexpr std::int32_t kSameLeader = -2;
    if (r.isr) p.isr = *r.isr;
    if (r.replicas) p.replicas = *r.replicas;
    if (r.adding_replicas) p.adding = *r.adding_replicas;
    if (r.removing_replicas) p.removing = *r.removing_replicas;
    if (r.eligible_leader_replicas) p.elr = *r.eligible_leader_replicas;
    if (r.last_known_elr) p.last_known_elr = *r.last_known_elr;
    if (r.leader_recovery_state >= 0) p.recovering = r.leader_recovery_state != 0;
    if (r.leader != kSameLeader) {
        // Naming the leader, were it the same, begins an epoch.
        p.leader = NodeId{r.leader};
        p.leader_epoch = Epoch{p.leader_epoch.v + 1};
    }
    ++p.partition_epoch;
}

void MetadataImage::on(const wire::PartitionChangeRecord& r, ImageChanges* changes) {
    const TopicImage* known = find(r.topic_id);
    if (known == nullptr || r.partition_id < 0 ||
        std::cmp_greater_equal(r.partition_id, known->partitions.size()))
        return;
    if (changes != nullptr) changes->partitions[known->name].insert(r.partition_id);
    PartitionImage& p =
        edit(r.topic_id)->partitions.write(static_cast<std::size_t>(r.partition_id));
    const PartitionImage before = p;
    model::apply(p, r);
    index.changed({r.topic_id, r.partition_id}, &before, &p);
}

void MetadataImage::on(const wire::ConfigRecord& r, ImageChanges* changes) {
    if (r.resource_type == kTopicResource) {
        const TopicImage* topic = find(r.resource_name);
        if (topic == nullptr) return;
        topics_digest_.remove(digest_of(*topic));
        TopicImage& changed = *edit(topic->id);
        set_config(changed.config, r);
        topics_digest_.add(digest_of(changed));
        if (changes != nullptr) changes->topics.insert(r.resource_name);
        return;
    }
    if (r.resource_type == kGroupResource || r.resource_type == kMetricsResource) {
        auto& all = r.resource_type == kGroupResource ? group_configs : client_metrics;
        const auto own = all.try_emplace(r.resource_name).first;
        set_config(own->second, r);
        if (own->second.empty()) all.erase(own);
        return;
    }
    if (r.resource_type != kBrokerResource) return;
    if (r.resource_name.empty()) return set_config(broker_defaults, r);
    std::int32_t id = 0;
    for (const char c : r.resource_name) {
        if (c < '0' || c > '9') return;
        id = id * 10 + (c - '0');
    }
    set_config(broker_configs[id], r);
    if (broker_configs[id].empty()) broker_configs.erase(id);
}

void MetadataImage::on(const wire::RemoveTopicRecord& r, ImageChanges* changes) {
    const TopicImage* topic = find(r.topic_id);
    if (topic == nullptr) return;
    if (changes != nullptr) changes->topics.insert(topic->name);
    forget(*topic);
}

void MetadataImage::forget(const TopicImage& topic) {
    for (std::size_t i = 0; i < topic.partitions.size(); ++i)
        index.changed({topic.id, static_cast<std::int32_t>(i)}, &topic.partitions[i], nullptr);
    topics_digest_.remove(digest_of(topic));
    names.erase(topic.id);
    topics.erase(std::string(topic.name));  // a copy: the topic may go with its entry
}

void MetadataImage::on(const wire::ProducerIdsRecord& r, ImageChanges*) {
    next_producer_id = std::max(next_producer_id, r.next_producer_id);
}

void MetadataImage::on(const wire::RegisterBrokerRecord& r, ImageChanges* changes) {
    BrokerImage b;
    b.id = NodeId{r.broker_id};
    if (!r.end_points.empty()) {
        b.host = r.end_points.front().host;
        b.port = r.end_points.front().port;
    }
    b.epoch = r.broker_epoch;
    b.incarnation = r.incarnation_id;
    b.fenced = r.fenced;
    // In a snapshot the record stands for another one below its end: all of it must be known.
    if (r.fenced) b.fenced_at = applied;
    b.in_controlled_shutdown = r.in_controlled_shutdown;
    b.rack = r.rack;
    b.log_dirs = r.log_dirs;
    if (changes != nullptr) changes->brokers.insert(b.id);
    const std::size_t at = place_of(b.id);
    if (at < brokers.size() && brokers[at].id == b.id) {
        brokers.write(at) = std::move(b);
    } else {
        brokers.insert(at, std::move(b));
    }
}

void MetadataImage::on(const wire::UnregisterBrokerRecord& r, ImageChanges* changes) {
    const std::size_t at = place_of(NodeId{r.broker_id});
    if (at == brokers.size() || brokers[at].id.v != r.broker_id ||
        brokers[at].epoch != r.broker_epoch)
        return;
    brokers.erase(at);
    if (changes != nullptr) changes->brokers.insert(NodeId{r.broker_id});
}

void MetadataImage::on(const wire::BrokerRegistrationChangeRecord& r, ImageChanges* changes) {
    BrokerImage* b = edit_broker(r.broker_id, r.broker_epoch);
    if (b == nullptr) return;
    if (r.fenced != 0) b->fenced = r.fenced > 0;  // -1: unfenced, 1: fenced, 0: as it was
    if (r.fenced > 0) b->fenced_at = applied;
    if (r.in_controlled_shutdown > 0) b->in_controlled_shutdown = true;
    if (changes != nullptr) changes->brokers.insert(NodeId{r.broker_id});
}

void MetadataImage::on(const wire::FeatureLevelRecord& r, ImageChanges*) {
    if (r.feature_level == 0) {
        features.erase(r.name);
    } else {
        features[r.name] = r.feature_level;
    }
}

Uuid MetadataImage::digest() const {
    Digest d;
    d.add(next_producer_id);
    for (const BrokerImage& b : brokers) {
        d.add(static_cast<std::int64_t>(b.id.v));
        d.add(b.host);
        d.add(static_cast<std::int64_t>(b.port));
        d.add(b.epoch);
        d.add(b.incarnation);
        d.add(static_cast<std::int64_t>((b.fenced ? 1 : 0) + (b.in_controlled_shutdown ? 2 : 0)));
        d.add(b.rack.value_or(""));
        for (const Uuid& dir : b.log_dirs) d.add(dir);
    }
    d.add(topics_digest_.value());
    d.add(index.digest());
    for (const auto& [name, level] : features) {
        d.add(name);
        d.add(static_cast<std::int64_t>(level));
    }
    add(d, broker_defaults);
    for (const auto& [id, config] : broker_configs) {
        d.add(static_cast<std::int64_t>(id));
        add(d, config);
    }
    for (const auto* all : {&group_configs, &client_metrics}) {
        for (const auto& [name, config] : *all) {
            d.add(name);
            add(d, config);
        }
        d.add(static_cast<std::int64_t>(all->size()));
    }
    return d.value();
}
}  // namespace faultline::model
