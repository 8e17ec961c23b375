#include "core/model/metadata_image.h"

#include <algorithm>

namespace faultline::model {
namespace {
constexpr std::int8_t kTopicResource = 2, kBrokerResource = 4;

TopicImage& writable(TopicRef& ref) {
    // Images share topics: whoever changes one that another holds changes a copy.
    if (ref.use_count() == 1) return const_cast<TopicImage&>(*ref);  // made non-const, here
    auto copy = std::make_shared<TopicImage>(*ref);
    TopicImage& topic = *copy;
    ref = std::move(copy);
    return topic;
}

void set_config(ConfigMap& config, const wire::ConfigRecord& r) {
    if (r.value) {
        config[r.name] = *r.value;
    } else {
        config.erase(r.name);
    }
}

// FNV-1a, twice with different beginnings.
class Digest {
public:
    void add(std::string_view text) {
        add(static_cast<std::int64_t>(text.size()));
        for (const char c : text) byte(static_cast<unsigned char>(c));
    }
    void add(std::int64_t value) {
        for (int i = 0; i < 8; ++i) byte(static_cast<unsigned char>(value >> (8 * i)));
    }
    void add(const BrokerIds& ids) {
        add(static_cast<std::int64_t>(ids.size()));
        for (const std::int32_t id : ids) add(static_cast<std::int64_t>(id));
    }
    void add(const Uuid& id) {
        add(static_cast<std::int64_t>(id.hi));
        add(static_cast<std::int64_t>(id.lo));
    }
    void add(const ConfigMap& config) {
        add(static_cast<std::int64_t>(config.size()));
        for (const auto& [key, value] : config) {
            add(key);
            add(value);
        }
    }
    Uuid value() const { return {.hi = a_, .lo = b_}; }

private:
    void byte(unsigned char c) {
        a_ = (a_ ^ c) * 0x100000001b3ULL;
        b_ = (b_ ^ c) * 0x10000000233ULL;
    }
    std::uint64_t a_ = 0xcbf29ce484222325ULL, b_ = 0x84222325cbf29ce4ULL;
};
}  // namespace

const TopicImage* MetadataImage::find(std::string_view name) const {
    const auto it = topics.find(name);
    return it == topics.end() ? nullptr : it->second.get();
}

const TopicImage* MetadataImage::find(const Uuid& id) const {
    const auto it = names.find(id);
    return it == names.end() ? nullptr : find(it->second);
}

const BrokerImage* MetadataImage::broker(NodeId id) const {
    const auto it = std::ranges::lower_bound(brokers, id, {}, &BrokerImage::id);
    return it == brokers.end() || it->id != id ? nullptr : &*it;
}

TopicImage* MetadataImage::edit(const Uuid& id, ImageChanges* changes) {
    const auto name = names.find(id);
    if (name == names.end()) return nullptr;
    if (changes != nullptr) changes->topics.insert(name->second);
    return &writable(topics.at(name->second));
}

BrokerImage* MetadataImage::edit_broker(std::int32_t id, std::int64_t epoch) {
    const auto it = std::ranges::find(brokers, NodeId{id}, &BrokerImage::id);
    return it == brokers.end() || it->epoch != epoch ? nullptr : &*it;
}

void MetadataImage::apply(const MetadataRecord& record, ImageChanges* changes) {
    std::visit([&](const auto& r) { on(r, changes); }, record);
}

void MetadataImage::on(const wire::TopicRecord& r, ImageChanges* changes) {
    topics[r.name] = std::make_shared<TopicImage>(TopicImage{r.name, r.topic_id, {}, {}});
    names[r.topic_id] = r.name;
    if (changes != nullptr) changes->topics.insert(r.name);
}

void MetadataImage::on(const wire::PartitionRecord& r, ImageChanges* changes) {
    if (r.partition_id < 0) return;
    TopicImage* topic = edit(r.topic_id, changes);
    if (topic == nullptr) return;
    const auto index = static_cast<std::size_t>(r.partition_id);
    if (topic->partitions.size() <= index) topic->partitions.resize(index + 1);
    PartitionImage& p = topic->partitions[index];
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
}

void MetadataImage::on(const wire::PartitionChangeRecord& r, ImageChanges* changes) {
    constexpr std::int32_t kSameLeader = -2;
    const TopicImage* known = find(r.topic_id);
    if (known == nullptr || r.partition_id < 0 ||
        std::cmp_greater_equal(r.partition_id, known->partitions.size()))
        return;
    PartitionImage& p =
        edit(r.topic_id, changes)->partitions[static_cast<std::size_t>(r.partition_id)];
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

void MetadataImage::on(const wire::ConfigRecord& r, ImageChanges* changes) {
    if (r.resource_type == kTopicResource) {
        const TopicImage* topic = find(r.resource_name);
        if (topic != nullptr) set_config(edit(topic->id, changes)->config, r);
        return;
    }
    if (r.resource_type != kBrokerResource) return;
    if (changes != nullptr) changes->brokers = true;
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
    const auto name = names.find(r.topic_id);
    if (name == names.end()) return;
    if (changes != nullptr) changes->topics.insert(name->second);
    topics.erase(name->second);
    names.erase(name);
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
    const auto at = std::ranges::lower_bound(brokers, b.id, {}, &BrokerImage::id);
    if (at != brokers.end() && at->id == b.id) {
        *at = std::move(b);
    } else {
        brokers.insert(at, std::move(b));
    }
    if (changes != nullptr) changes->brokers = true;
}

void MetadataImage::on(const wire::UnregisterBrokerRecord& r, ImageChanges* changes) {
    std::erase_if(brokers, [&](const BrokerImage& b) {
        return b.id.v == r.broker_id && b.epoch == r.broker_epoch;
    });
    if (changes != nullptr) changes->brokers = true;
}

void MetadataImage::on(const wire::BrokerRegistrationChangeRecord& r, ImageChanges* changes) {
    BrokerImage* b = edit_broker(r.broker_id, r.broker_epoch);
    if (b == nullptr) return;
    if (r.fenced != 0) b->fenced = r.fenced > 0;  // -1: unfenced, 1: fenced, 0: as it was
    if (r.fenced > 0) b->fenced_at = applied;
    if (r.in_controlled_shutdown > 0) b->in_controlled_shutdown = true;
    if (changes != nullptr) changes->brokers = true;
}

void MetadataImage::on(const wire::FeatureLevelRecord& r, ImageChanges* changes) {
    if (r.feature_level == 0) {
        features.erase(r.name);
    } else {
        features[r.name] = r.feature_level;
    }
    if (changes != nullptr) changes->brokers = true;
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
    for (const auto& [name, topic] : topics) {
        d.add(name);
        d.add(topic->id);
        d.add(topic->config);
        for (const PartitionImage& p : topic->partitions) {
            d.add(static_cast<std::int64_t>(p.leader.v));
            d.add(static_cast<std::int64_t>(p.leader_epoch.v));
            d.add(static_cast<std::int64_t>(p.partition_epoch));
            d.add(static_cast<std::int64_t>(p.recovering));
            for (const BrokerIds* ids :
                 {&p.replicas, &p.isr, &p.elr, &p.last_known_elr, &p.adding, &p.removing})
                d.add(*ids);
        }
    }
    for (const auto& [name, level] : features) {
        d.add(name);
        d.add(static_cast<std::int64_t>(level));
    }
    d.add(broker_defaults);
    for (const auto& [id, config] : broker_configs) {
        d.add(static_cast<std::int64_t>(id));
        d.add(config);
    }
    return d.value();
}
}  // namespace faultline::model
