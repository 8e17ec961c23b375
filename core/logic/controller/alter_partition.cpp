// What a leader reports of its ISR.
#include <algorithm>

#include "core/logic/controller/partitions.h"

namespace faultline::logic {
namespace {
using model::MetadataImage;
using model::PartitionImage;
using wire::KafkaError;
using Part = wire::AlterPartitionRequest::PartitionData;

// Whether a member of the wanted ISR may be in it: alive, and the process that the leader means.
bool may_join(const MetadataImage& image, const wire::AlterPartitionRequest::BrokerState& member) {
    const model::BrokerImage* b = image.broker(member.broker_id);
    if (b == nullptr || !b->active()) return false;
    return member.broker_epoch == -1 || member.broker_epoch == b->epoch;
}

KafkaError judge(const MetadataImage& image, const PartitionImage& p, const Part& q,
                 std::int32_t sender) {
    if (q.leader_epoch > p.leader_epoch.v || q.partition_epoch > p.partition_epoch)
        return KafkaError::not_controller;
    if (q.leader_epoch < p.leader_epoch.v) return KafkaError::fenced_leader_epoch;
    if (p.leader.v != sender) return KafkaError::invalid_request;
    if (q.partition_epoch < p.partition_epoch) return KafkaError::invalid_update_version;
    const auto& isr = q.new_isr_with_epochs;
    const bool led = std::ranges::any_of(isr, [&](const auto& m) { return m.broker_id == sender; });
    const bool assigned =
        std::ranges::all_of(isr, [&](const auto& m) { return contains(p.replicas, m.broker_id); });
    if (!led || !assigned) return KafkaError::invalid_request;
    // An unclean leader recovers alone; whoever has recovered does not do so again.
    if (q.leader_recovery_state != 0 && (isr.size() > 1 || !p.recovering))
        return KafkaError::invalid_request;
    const bool all = std::ranges::all_of(isr, [&](const auto& m) { return may_join(image, m); });
    return all ? KafkaError::none : KafkaError::ineligible_replica;
}
}  // namespace

Decision<wire::AlterPartitionResponse> alter_partition(const MetadataImage& image,
                                                       const wire::AlterPartitionRequest& request,
                                                       const model::TopicConfig& defaults) {
    Decision<wire::AlterPartitionResponse> d;
    const model::BrokerImage* sender = image.broker(request.broker_id);
    if (sender == nullptr || sender->epoch != request.broker_epoch) {
        d.response.error_code = KafkaError::stale_broker_epoch;
        return d;
    }
    for (const auto& t : request.topics) {
        wire::AlterPartitionResponse::TopicData out;
        out.topic_id = t.topic_id;
        const model::TopicImage* topic = image.find(t.topic_id);
        for (const Part& q : t.partitions) {
            wire::AlterPartitionResponse::PartitionData a;
            a.partition_index = q.partition_index;
            const bool known = topic != nullptr && q.partition_index >= 0 &&
                               std::cmp_less(q.partition_index, topic->partitions.size());
            if (!known) {
                a.error_code = topic == nullptr ? KafkaError::unknown_topic_id
                                                : KafkaError::unknown_topic_or_partition;
                out.partitions.push_back(std::move(a));
                continue;
            }
            PartitionImage p = topic->partitions[static_cast<std::size_t>(q.partition_index)];
            a.error_code = judge(image, p, q, request.broker_id);
            if (a.error_code == KafkaError::none) {
                PartitionTarget target;
                target.isr.emplace();
                for (const auto& m : q.new_isr_with_epochs) target.isr->push_back(m.broker_id);
                target.recovering = q.leader_recovery_state != 0;
                target.can_lead = [&image](std::int32_t id) {
                    const model::BrokerImage* b = image.broker(id);
                    return b != nullptr && b->active();
                };
                auto change = change_partition(topic->id, q.partition_index, p,
                                               rules_of(*topic, defaults), target);
                if (change) {
                    model::apply(p, *change);
                    d.records.emplace_back(*std::move(change));
                }
                a.leader_id = p.leader.v;
                a.leader_epoch = p.leader_epoch.v;
                a.isr = p.isr;
                a.leader_recovery_state = p.recovering ? 1 : 0;
                a.partition_epoch = p.partition_epoch;
                // The ISR completed a reassignment that takes the leader away.
                if (p.leader_epoch.v != q.leader_epoch)
                    a.error_code = KafkaError::fenced_leader_epoch;
            }
            out.partitions.push_back(std::move(a));
        }
        d.response.topics.push_back(std::move(out));
    }
    return d;
}
}  // namespace faultline::logic
