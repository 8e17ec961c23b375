#include "core/logic/controller/create_partitions.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace faultline::logic {
namespace {
using wire::CreatePartitionsRequest;
using wire::CreatePartitionsResponse;
using wire::KafkaError;
using Topic = CreatePartitionsRequest::CreatePartitionsTopic;
using Replicas = std::vector<std::int32_t>;

struct Refusal {
    KafkaError error;
    std::string message;
};

Refusal bad_assignment(std::string message) {
    return {KafkaError::invalid_replica_assignment, std::move(message)};
}

// One partition as the request itself places it, or why not.
std::optional<Refusal> judge_replicas(const model::MetadataImage& image, const Replicas& brokers,
                                      std::size_t factor) {
    if (brokers.empty())
        return bad_assignment("The manual partition assignment includes an empty replica list.");
    Replicas sorted = brokers;
    std::ranges::sort(sorted);
    if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
        return bad_assignment(fmt::format(
            "The manual partition assignment includes the broker {} more than once.", *twice));
    }
    for (const std::int32_t id : sorted) {
        if (std::ranges::any_of(image.brokers, [&](const auto& b) { return b.id.v == id; }))
            continue;
        return bad_assignment(
            fmt::format("The manual partition assignment includes broker {}, but no such broker is "
                        "registered.",
                        id));
    }
    if (brokers.size() != factor) {
        return bad_assignment(fmt::format(
            "The manual partition assignment includes a partition with {} replica(s), but this is "
            "not consistent with previous partitions, which have {} replica(s).",
            brokers.size(), factor));
    }
    return std::nullopt;
}

// The replicas of each new partition, or why not.
std::optional<Refusal> place(const model::MetadataImage& image, const model::TopicImage& known,
                             const Topic& topic, std::size_t room, std::vector<Replicas>& placed) {
    const auto have = static_cast<std::int32_t>(known.partitions.size());
    if (topic.count == have) {
        return Refusal{KafkaError::invalid_partitions,
                       fmt::format("Topic already has {} partition(s).", have)};
    }
    if (topic.count < have) {
        return Refusal{
            KafkaError::invalid_partitions,
            fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                        topic.name, have, topic.count)};
    }
    const auto more = static_cast<std::size_t>(topic.count - have);
    const std::size_t factor = known.partitions.front().replicas.size();
    if (topic.assignments) {
        if (topic.assignments->size() != more) {
            return bad_assignment(
                fmt::format("Attempted to add {} additional partition(s), but only {} "
                            "assignment(s) were specified.",
                            more, topic.assignments->size()));
        }
        for (const auto& a : *topic.assignments) {
            if (auto refusal = judge_replicas(image, a.broker_ids, factor)) return refusal;
            placed.push_back(a.broker_ids);
        }
    }
    if (more > room) {
        return Refusal{KafkaError::policy_violation,
                       "Unable to perform excessively large batch operation: at most 10000 "
                       "partitions at once."};
    }
    if (factor > image.brokers.size()) {
        return Refusal{
            KafkaError::invalid_replication_factor,
            fmt::format("Unable to replicate the partition {} time(s): The target replication "
                        "factor of {} cannot be reached because only {} broker(s) are registered "
                        "or some brokers have all their log directories cordoned.",
                        factor, factor, image.brokers.size())};
    }
    for (std::size_t i = placed.size(); i < more; ++i) {
        Replicas& replicas = placed.emplace_back();
        for (std::size_t k = 0; k < factor; ++k)
            replicas.push_back(image.brokers[(have + i + k) % image.brokers.size()].id.v);
    }
    return std::nullopt;
}

void write_partitions(const model::MetadataImage& image, const model::TopicImage& topic,
                      const std::vector<Replicas>& placed,
                      std::vector<model::MetadataRecord>& records) {
    auto index = static_cast<std::int32_t>(topic.partitions.size());
    for (const Replicas& replicas : placed) {
        wire::PartitionRecord p;
        p.partition_id = index++;
        p.topic_id = topic.id;
        p.replicas = replicas;
        std::ranges::copy_if(replicas, std::back_inserter(p.isr), [&](std::int32_t id) {
            const model::BrokerImage* b = image.broker(id);
            return b != nullptr && b->active();
        });
        if (p.isr.empty()) p.isr = {replicas.front()};
        p.leader = p.isr.front();
        p.directories.resize(replicas.size());
        p.leader_epoch = 0;
        p.partition_epoch = 0;
        records.emplace_back(std::move(p));
    }
}
}  // namespace

Decision<CreatePartitionsResponse> create_partitions(const model::MetadataImage& image,
                                                     const CreatePartitionsRequest& request) {
    constexpr std::size_t kMost = 10'000;
    Decision<CreatePartitionsResponse> decision;
    const auto answer = [&](const std::string& name, const std::optional<Refusal>& refusal) {
        auto& result = decision.response.results.emplace_back();
        result.name = name;
        result.error_message.reset();
        if (!refusal) return;
        result.error_code = refusal->error;
        if (!refusal->message.empty()) result.error_message = refusal->message;
    };
    std::map<std::string, int> times;
    for (const Topic& t : request.topics) ++times[t.name];
    for (const auto& [name, count] : times) {
        if (count > 1) answer(name, Refusal{KafkaError::invalid_request, "Duplicate topic name."});
    }
    std::size_t room = kMost;
    for (const Topic& topic : request.topics) {
        if (times[topic.name] > 1) continue;
        const model::TopicImage* known = image.find(topic.name);
        if (known == nullptr) {
            answer(topic.name, Refusal{KafkaError::unknown_topic_or_partition, ""});
            continue;
        }
        std::vector<Replicas> placed;
        const auto refusal = place(image, *known, topic, room, placed);
        answer(topic.name, refusal);
        if (refusal) continue;
        room -= placed.size();
        if (!request.validate_only) write_partitions(image, *known, placed, decision.records);
    }
    return decision;
}
}  // namespace faultline::logic
