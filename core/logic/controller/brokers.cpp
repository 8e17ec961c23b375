#include "core/logic/controller/brokers.h"

#include <algorithm>

#include "core/logic/controller/each_of.h"

namespace faultline::logic {
namespace {
using model::MetadataImage;
using wire::KafkaError;

std::function<bool(std::int32_t)> active_in(const MetadataImage& image, std::int32_t but = -1) {
    return [&image, but](std::int32_t id) {
        const model::BrokerImage* b = image.broker(id);
        return id != but && b != nullptr && b->active();
    };
}

struct Leaving {
    bool may_have_lost = false;  // what was not made durable
    bool disk_gone = false;      // nor is what was
    bool shutting_down = false;  // it goes on until others have taken over
};

// The changes of all partitions when the broker is no longer to be counted on.
void leave_all(const MetadataImage& image, NodeId broker, const model::TopicConfig& defaults,
               const Leaving& how, Records& records) {
    each_of(
        image, image.index.of(broker),
        [&](const model::TopicImage& topic, std::int32_t index, const model::PartitionImage& p) {
            const bool touched =
                contains(p.isr, broker.v) || p.leader == broker ||
                ((how.may_have_lost || how.disk_gone) &&
                 (contains(p.elr, broker.v) || contains(p.last_known_elr, broker.v)));
            if (!touched) return;
            PartitionTarget target;
            target.can_lead = active_in(image, broker.v);
            target.isr = without(p.isr, broker.v);
            if (how.shutting_down) {
                const bool another = std::ranges::any_of(*target.isr, target.can_lead);
                if (!another) return;
            }
            const auto config = model::with_overrides(defaults, topic.config);
            // What was acknowledged was durable in this mode: a crash takes none of it.
            if (how.disk_gone || (how.may_have_lost && !config.flush_before_ack))
                target.forget = broker.v;
            auto change = change_partition(topic.id, index, p, rules_of(topic, defaults), target);
            if (change) records.emplace_back(*std::move(change));
        });
}

wire::RegisterBrokerRecord registration(const wire::BrokerRegistrationRequest& q,
                                        std::int64_t epoch) {
    wire::RegisterBrokerRecord r;
    r.broker_id = q.broker_id;
    r.incarnation_id = q.incarnation_id;
    r.broker_epoch = epoch;
    for (const auto& l : q.listeners) {
        wire::RegisterBrokerRecord::BrokerEndpoint e;
        e.name = l.name;
        e.host = l.host;
        e.port = l.port;
        e.security_protocol = l.security_protocol;
        r.end_points.push_back(std::move(e));
    }
    for (const auto& f : q.features) {
        wire::RegisterBrokerRecord::BrokerFeature b;
        b.name = f.name;
        b.min_supported_version = f.min_supported_version;
        b.max_supported_version = f.max_supported_version;
        r.features.push_back(std::move(b));
    }
    r.rack = q.rack;
    r.fenced = true;
    r.log_dirs = q.log_dirs;
    return r;
}
}  // namespace

PartitionRules rules_of(const model::TopicImage& topic, const model::TopicConfig& defaults) {
    const auto config = model::with_overrides(defaults, topic.config);
    return {static_cast<std::int32_t>(config.min_insync_replicas), config.unclean_leader_election};
}

Decision<wire::BrokerRegistrationResponse> register_broker(const MetadataImage& image,
                                                           const wire::BrokerRegistrationRequest& q,
                                                           std::int64_t next_offset, bool alive,
                                                           const model::TopicConfig& defaults) {
    Decision<wire::BrokerRegistrationResponse> d;
    if (q.cluster_id != image.cluster_id) {
        d.response.error_code = KafkaError::inconsistent_cluster_id;
        return d;
    }
    const model::BrokerImage* known = image.broker(q.broker_id);
    if (known != nullptr && known->incarnation == q.incarnation_id) {
        d.response.broker_epoch = known->epoch;  // the answer was lost: it asks again
        return d;
    }
    // Whoever has said good-bye comes back as another process.
    if (known != nullptr && alive && !known->in_controlled_shutdown) {
        d.response.error_code = KafkaError::duplicate_broker_registration;
        return d;
    }
    d.response.broker_epoch = next_offset;
    d.records.emplace_back(registration(q, next_offset));
    if (known != nullptr) {
        const bool clean = q.previous_broker_epoch >= 0 && q.previous_broker_epoch == known->epoch;
        const bool kept = std::ranges::all_of(known->log_dirs, [&](const Uuid& dir) {
            return std::ranges::find(q.log_dirs, dir) != q.log_dirs.end();
        });
        leave_all(image, known->id, defaults, {.may_have_lost = !clean, .disk_gone = !kept},
                  d.records);
    }
    return d;
}

Decision<wire::BrokerHeartbeatResponse> heartbeat(const MetadataImage& image,
                                                  const wire::BrokerHeartbeatRequest& q,
                                                  const model::TopicConfig& defaults) {
    Decision<wire::BrokerHeartbeatResponse> d;
    auto& r = d.response;
    const model::BrokerImage* b = image.broker(q.broker_id);
    if (b == nullptr || b->epoch != q.broker_epoch) {
        r.error_code =
            b == nullptr ? KafkaError::broker_id_not_registered : KafkaError::stale_broker_epoch;
        return d;
    }
    r.is_fenced = b->fenced;
    // It must know that it was fenced, and so who leads instead: else it would go on to lead what
    // another leads by now.
    r.is_caught_up =
        q.current_metadata_offset >= b->epoch && q.current_metadata_offset + 1 >= b->fenced_at.v;
    wire::BrokerRegistrationChangeRecord change;
    change.broker_id = q.broker_id;
    change.broker_epoch = q.broker_epoch;
    if (q.want_shut_down) {
        if (!b->in_controlled_shutdown && !b->fenced) {
            change.in_controlled_shutdown = 1;
            d.records.emplace_back(change);
            leave_all(image, b->id, defaults, {.shutting_down = true}, d.records);
        } else {
            r.should_shut_down = true;
        }
        return d;
    }
    if (b->fenced && !q.want_fence && r.is_caught_up) {
        change.fenced = -1;
        d.records.emplace_back(change);
        MetadataImage next = image;
        next.apply(change);
        for (auto& record : elect_missing(next, defaults)) d.records.push_back(std::move(record));
        r.is_fenced = false;
    } else if (!b->fenced && q.want_fence) {
        d.records = fence_broker(image, b->id, defaults);
        r.is_fenced = true;
    }
    return d;
}

Records fence_broker(const MetadataImage& image, NodeId broker,
                     const model::TopicConfig& defaults) {
    const model::BrokerImage* b = image.broker(broker);
    if (b == nullptr || b->fenced) return {};
    Records records;
    wire::BrokerRegistrationChangeRecord change;
    change.broker_id = broker.v;
    change.broker_epoch = b->epoch;
    change.fenced = 1;
    records.emplace_back(change);
    leave_all(image, broker, defaults, {}, records);
    return records;
}

Decision<KafkaError> unregister_broker(const MetadataImage& image, NodeId broker,
                                       const model::TopicConfig& defaults) {
    Decision<KafkaError> d{{}, KafkaError::none};
    const model::BrokerImage* b = image.broker(broker);
    if (b == nullptr) {
        d.response = KafkaError::broker_id_not_registered;
        return d;
    }
    leave_all(image, broker, defaults, {.may_have_lost = true, .disk_gone = true}, d.records);
    wire::UnregisterBrokerRecord r;
    r.broker_id = broker.v;
    r.broker_epoch = b->epoch;
    d.records.emplace_back(r);
    return d;
}

Records elect_missing(const MetadataImage& image, const model::TopicConfig& defaults) {
    Records records;
    each_of(
        image, image.index.leaderless(),
        [&](const model::TopicImage& topic, std::int32_t index, const model::PartitionImage& p) {
            PartitionTarget target;
            target.can_lead = active_in(image);
            auto change = change_partition(topic.id, index, p, rules_of(topic, defaults), target);
            if (change) records.emplace_back(*std::move(change));
        });
    return records;
}
}  // namespace faultline::logic
