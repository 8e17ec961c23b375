// Moving replicas (KIP-455).
#include <algorithm>
#include <set>

#include "core/logic/controller/partitions.h"

namespace faultline::logic {
namespace {
using model::BrokerIds;
using model::MetadataImage;
using model::PartitionImage;
using wire::KafkaError;
using Answer = wire::AlterPartitionReassignmentsResponse::ReassignablePartitionResponse;

std::optional<Answer> refuse(KafkaError error, std::string message) {
    Answer a;
    a.error_code = error;
    a.error_message = std::move(message);
    return a;
}

std::optional<Answer> bad_target(const MetadataImage& image, const BrokerIds& wanted,
                                 const PartitionImage& p, bool may_change_factor) {
    if (wanted.empty())
        return refuse(KafkaError::invalid_replica_assignment,
                      "The manual partition assignment includes an empty replica list.");
    if (std::set<std::int32_t>(wanted.begin(), wanted.end()).size() != wanted.size())
        return refuse(KafkaError::invalid_replica_assignment,
                      "The manual partition assignment includes the broker more than once.");
    for (const std::int32_t id : wanted) {
        if (image.broker(id) == nullptr)
            return refuse(KafkaError::invalid_replica_assignment,
                          "The manual partition assignment includes broker " + std::to_string(id) +
                              ", but no such broker is registered.");
    }
    const std::size_t before = without(p.replicas, p.adding).size();
    if (!may_change_factor && before != wanted.size())
        return refuse(KafkaError::invalid_replication_factor,
                      "The replication factor is changed from " + std::to_string(before) + " to " +
                          std::to_string(wanted.size()));
    return std::nullopt;
}

PartitionTarget begin(const PartitionImage& p, const BrokerIds& wanted) {
    PartitionTarget t;
    const BrokerIds before = without(p.replicas, p.adding);  // as if none were under way
    BrokerIds all = wanted;
    for (const std::int32_t id : before) {
        if (!contains(all, id)) all.push_back(id);
    }
    t.adding = without(wanted, before);
    t.removing = without(before, wanted);
    t.replicas = all;
    BrokerIds isr;
    for (const std::int32_t id : p.isr) {
        if (contains(all, id)) isr.push_back(id);
    }
    t.isr = isr;
    return t;
}

PartitionTarget cancel(const PartitionImage& p) {
    PartitionTarget t;
    t.replicas = without(p.replicas, p.adding);
    t.isr = without(p.isr, p.adding);
    t.adding.emplace();
    t.removing.emplace();
    return t;
}

Answer one(const MetadataImage& image, const model::TopicImage* topic, std::int32_t index,
           const std::optional<BrokerIds>& wanted, bool may_change_factor,
           const model::TopicConfig& defaults, Records& records) {
    Answer a;
    a.partition_index = index;
    a.error_message.reset();
    if (topic == nullptr || index < 0 || std::cmp_greater_equal(index, topic->partitions.size())) {
        a.error_code = KafkaError::unknown_topic_or_partition;
        a.error_message = "This server does not host this topic-partition.";
        return a;
    }
    const PartitionImage& p = topic->partitions[static_cast<std::size_t>(index)];
    PartitionTarget target;
    if (!wanted) {
        if (p.adding.empty() && p.removing.empty()) {
            a.error_code = KafkaError::no_reassignment_in_progress;
            a.error_message = "No partition reassignment is in progress.";
            return a;
        }
        target = cancel(p);
        if (target.isr->empty()) {
            a.error_code = KafkaError::invalid_replica_assignment;
            a.error_message = "Unable to revert: none of the former replicas is in sync.";
            return a;
        }
    } else {
        if (auto refusal = bad_target(image, *wanted, p, may_change_factor)) {
            refusal->partition_index = index;
            return *refusal;
        }
        target = begin(p, *wanted);
    }
    target.can_lead = [&image](std::int32_t id) {
        const model::BrokerImage* b = image.broker(id);
        return b != nullptr && b->active();
    };
    auto change = change_partition(topic->id, index, p, rules_of(*topic, defaults), target);
    if (change) records.emplace_back(*std::move(change));
    return a;
}
}  // namespace

Decision<wire::AlterPartitionReassignmentsResponse> reassign(
    const MetadataImage& image, const wire::AlterPartitionReassignmentsRequest& request,
    const model::TopicConfig& defaults) {
    Decision<wire::AlterPartitionReassignmentsResponse> d;
    d.response.error_message.reset();
    d.response.allow_replication_factor_change = request.allow_replication_factor_change;
    for (const auto& t : request.topics) {
        wire::AlterPartitionReassignmentsResponse::ReassignableTopicResponse out;
        out.name = t.name;
        const model::TopicImage* topic = image.find(t.name);
        for (const auto& p : t.partitions)
            out.partitions.push_back(one(image, topic, p.partition_index, p.replicas,
                                         request.allow_replication_factor_change, defaults,
                                         d.records));
        d.response.responses.push_back(std::move(out));
    }
    return d;
}

wire::ListPartitionReassignmentsResponse list_reassignments(
    const MetadataImage& image, const wire::ListPartitionReassignmentsRequest& request) {
    wire::ListPartitionReassignmentsResponse r;
    r.error_message.reset();
    const auto add = [&](const model::TopicImage& topic, const std::vector<std::int32_t>* only) {
        wire::ListPartitionReassignmentsResponse::OngoingTopicReassignment out;
        out.name = topic.name;
        for (std::int32_t i = 0; std::cmp_less(i, topic.partitions.size()); ++i) {
            const PartitionImage& p = topic.partitions[static_cast<std::size_t>(i)];
            if (p.adding.empty() && p.removing.empty()) continue;
            if (only != nullptr && std::ranges::find(*only, i) == only->end()) continue;
            wire::ListPartitionReassignmentsResponse::OngoingPartitionReassignment o;
            o.partition_index = i;
            o.replicas = p.replicas;
            o.adding_replicas = p.adding;
            o.removing_replicas = p.removing;
            out.partitions.push_back(std::move(o));
        }
        if (!out.partitions.empty()) r.topics.push_back(std::move(out));
    };
    if (!request.topics) {
        for (const auto& [name, topic] : image.topics) add(*topic, nullptr);
        return r;
    }
    for (const auto& t : *request.topics) {
        if (const model::TopicImage* topic = image.find(t.name)) add(*topic, &t.partition_indexes);
    }
    return r;
}
}  // namespace faultline::logic
