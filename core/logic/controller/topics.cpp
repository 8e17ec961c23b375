#include "core/logic/controller/topics.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/logic/controller/placement.h"
#include "core/model/config_view.h"
#include "core/model/internal_topics.h"

namespace faultline::logic {
namespace {
using wire::CreateTopicsRequest;
using wire::CreateTopicsResponse;
using wire::KafkaError;
using Topic = CreateTopicsRequest::CreatableTopic;
using Answer = CreateTopicsResponse::CreatableTopicResult;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int64_t kMostPartitions = 10'000;  // of one request, as Kafka

struct Refusal {
    KafkaError error;
    std::string message;
};

// The brokers that the request itself names for each partition, or why not.
std::optional<Refusal> assigned(const model::MetadataImage& image, const Topic& topic,
                                std::vector<std::vector<std::int32_t>>& replicas) {
    if (topic.num_partitions != -1 || topic.replication_factor != -1) {
        return Refusal{
            KafkaError::invalid_request,
            fmt::format("A manual partition assignment was specified, but {} was not "
                        "set to -1.",
                        topic.replication_factor != -1 ? "replicationFactor" : "numPartitions")};
    }
    std::map<std::int32_t, std::vector<std::int32_t>> by_index;
    for (const auto& a : topic.assignments) {
        if (a.broker_ids.empty())
            return Refusal{KafkaError::invalid_replica_assignment,
                           "The manual partition assignment includes an empty replica list."};
        std::vector<std::int32_t> sorted = a.broker_ids;
        std::ranges::sort(sorted);
        if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
            return Refusal{
                KafkaError::invalid_replica_assignment,
                fmt::format("The manual partition assignment includes the broker {} more than "
                            "once.",
                            *twice)};
        }
        if (by_index.contains(a.partition_index)) {
            return Refusal{
                KafkaError::invalid_replica_assignment,
                fmt::format("Found multiple manual partition assignments for partition {}",
                            a.partition_index)};
        }
        for (const std::int32_t id : a.broker_ids) {
            const bool known =
                std::ranges::any_of(image.brokers, [&](const auto& b) { return b.id.v == id; });
            if (!known)
                return Refusal{KafkaError::invalid_replica_assignment,
                               fmt::format("The manual partition assignment includes broker "
                                           "{}, but no such broker is registered.",
                                           id)};
        }
        by_index[a.partition_index] = a.broker_ids;
    }
    for (std::int32_t i = 0; std::cmp_less(i, topic.assignments.size()); ++i) {
        if (!by_index.contains(i))
            return Refusal{KafkaError::invalid_replica_assignment,
                           "partitions should be a consecutive 0-based integer sequence"};
        replicas.push_back(by_index[i]);
    }
    return std::nullopt;
}

// The broker of each partition, or why not.
std::optional<Refusal> place(const model::MetadataImage& image, const Topic& topic,
                             const TopicDefaults& defaults, Rng& rng,
                             std::vector<std::vector<std::int32_t>>& replicas) {
    const auto brokers = static_cast<std::int16_t>(image.brokers.size());
    if (!topic.assignments.empty()) return assigned(image, topic, replicas);
    const std::int32_t count =
        topic.num_partitions == -1 ? defaults.partitions : topic.num_partitions;
    if (count <= 0)
        return Refusal{KafkaError::invalid_partitions,
                       "Number of partitions was set to an invalid non-positive value."};
    if (topic.replication_factor < -1 || topic.replication_factor == 0) {
        return Refusal{KafkaError::invalid_replication_factor,
                       "Replication factor must be larger than 0, or -1 to use the default value."};
    }
    const std::int16_t factor =
        topic.replication_factor == -1 ? defaults.replication_factor : topic.replication_factor;
    if (factor > brokers) {
        return Refusal{
            KafkaError::invalid_replication_factor,
            fmt::format("Unable to replicate the partition {} time(s): The target replication "
                        "factor of {} cannot be reached because only {} broker(s) are registered "
                        "or some brokers have all their log directories cordoned.",
                        factor, factor, brokers)};
    }
    replicas = place_replicas(image, count, factor, rng);
    return std::nullopt;
}

// Of a whole request; what is no number of partitions is refused for itself.
std::int64_t partitions_of(const Topic& topic, const TopicDefaults& defaults) {
    if (!topic.assignments.empty()) return static_cast<std::int64_t>(topic.assignments.size());
    return topic.num_partitions == -1 ? defaults.partitions : std::max(topic.num_partitions, 0);
}

// Kafka's metrics know a dot as an underscore, so two names that differ only there are refused.
std::optional<std::string> colliding(const model::MetadataImage& image, std::string_view name) {
    if (name.find_first_of("._") == std::string_view::npos) return std::nullopt;
    const auto flat = [](std::string_view text) {
        std::string out(text);
        std::ranges::replace(out, '.', '_');
        return out;
    };
    const std::string wanted = flat(name);
    for (const auto& [other, topic] : image.topics) {
        if (other.size() == wanted.size() && flat(other) == wanted) return other;
    }
    return std::nullopt;
}

std::optional<Refusal> judge(const model::MetadataImage& image, const Topic& topic,
                             const TopicDefaults& defaults, Rng& rng,
                             std::vector<std::vector<std::int32_t>>& replicas) {
    if (const auto why = model::bad_topic_name(topic.name))
        return Refusal{KafkaError::invalid_topic_exception, *why};
    if (topic.name == model::kMetadataTopic) {  // ControllerApis.createTopics of Kafka 4.3
        return Refusal{
            KafkaError::invalid_request,
            fmt::format("Creation of internal topic {} is prohibited.", model::kMetadataTopic)};
    }
    if (image.find(topic.name) != nullptr) {
        return Refusal{KafkaError::topic_already_exists,
                       fmt::format("Topic '{}' already exists.", topic.name)};
    }
    if (const auto other = colliding(image, topic.name)) {
        return Refusal{
            KafkaError::invalid_topic_exception,
            fmt::format("Topic '{}' collides with existing topic: {}", topic.name, *other)};
    }
    if (auto refusal = place(image, topic, defaults, rng, replicas)) return refusal;
    model::ConfigMap own;
    for (const auto& c : topic.configs) {
        if (!c.value)
            return Refusal{
                KafkaError::invalid_config,
                fmt::format("Null value not supported for topic configs: {}", excerpt(c.name))};
        own[c.name] = *c.value;
    }
    if (const auto why = model::check_topic_config(own, defaults.tiny_segments))
        return Refusal{KafkaError::invalid_config, *why};
    return std::nullopt;
}

Uuid fresh_id(Rng& rng) {
    Uuid id;
    // Ids with these first words are Kafka's own (none, the metadata topic).
    while (id.hi == 0) {
        const std::uint64_t hi = rng.next();
        id = {.hi = (hi & ~0xf000ULL) | 0x4000ULL, .lo = (rng.next() & ~(3ULL << 62)) | 1ULL << 63};
    }
    return id;
}

void write_topic(const model::MetadataImage& image, const Topic& topic, const Uuid& id,
                 const std::vector<std::vector<std::int32_t>>& replicas,
                 std::vector<model::MetadataRecord>& records) {
    wire::TopicRecord t;
    t.name = topic.name;
    t.topic_id = id;
    records.emplace_back(std::move(t));
    for (std::size_t i = 0; i < replicas.size(); ++i) {
        wire::PartitionRecord p;
        p.partition_id = static_cast<std::int32_t>(i);
        p.topic_id = id;
        p.replicas = replicas[i];
        for (const std::int32_t replica : replicas[i]) {
            const model::BrokerImage* b = image.broker(replica);
            if (b != nullptr && b->active()) p.isr.push_back(replica);
        }
        if (p.isr.empty()) p.isr = {replicas[i].front()};
        p.leader = p.isr.front();
        p.leader_epoch = 0;
        p.directories.resize(replicas[i].size());
        p.partition_epoch = 0;
        records.emplace_back(std::move(p));
    }
    for (const auto& c : topic.configs) {
        wire::ConfigRecord r;
        r.resource_type = kTopicResource;
        r.resource_name = topic.name;
        r.name = c.name;
        r.value = c.value;
        records.emplace_back(std::move(r));
    }
}
// What the topic begins with, its own keys and those that others give it (KIP-525).
void tell_configs(const model::MetadataImage& image, const Topic& topic,
                  const TopicDefaults& defaults, Answer& answer) {
    static const model::ConfigMap kNone;
    model::ConfigMap own;
    for (const auto& c : topic.configs) own[c.name] = *c.value;
    const auto effective =
        model::with_overrides(model::with_broker_keys(defaults.config, image.broker_defaults), own);
    for (model::ConfigEntry& e : model::describe_topic(
             own, effective, {kNone, image.broker_defaults, defaults.given, kNone})) {
        answer.configs->push_back({.name = std::move(e.name),
                                   .value = std::move(e.value),
                                   .read_only = e.read_only,
                                   .config_source = static_cast<std::int8_t>(e.source),
                                   .is_sensitive = e.sensitive,
                                   .unknown_tags = {}});
    }
}
}  // namespace

Decision<CreateTopicsResponse> create_topics(const model::MetadataImage& image,
                                             const CreateTopicsRequest& request,
                                             const TopicDefaults& defaults, Rng& rng) {
    Decision<CreateTopicsResponse> decision;
    std::map<std::string, int> times;
    for (const Topic& t : request.topics) ++times[t.name];
    std::int64_t partitions = 0;
    for (const Topic& t : request.topics)
        partitions += times[t.name] == 1 ? partitions_of(t, defaults) : 0;
    const bool too_many = partitions > kMostPartitions;
    std::set<std::string> answered;
    for (const Topic& topic : request.topics) {
        if (!answered.insert(topic.name).second) continue;
        Answer answer;
        answer.name = topic.name;
        answer.error_message.reset();
        std::vector<std::vector<std::int32_t>> replicas;
        std::optional<Refusal> refusal;
        if (times[topic.name] > 1) {
            refusal = Refusal{KafkaError::invalid_request, "Duplicate topic name."};
        } else if (too_many) {
            refusal = Refusal{KafkaError::policy_violation,
                              "Excessively large number of partitions per request."};
        } else {
            refusal = judge(image, topic, defaults, rng, replicas);
        }
        if (refusal) {
            answer.error_code = refusal->error;
            answer.error_message = refusal->message;
        } else {
            const Uuid id = fresh_id(rng);
            answer.topic_id = id;
            if (!request.validate_only) {
                write_topic(image, topic, id, replicas, decision.records);
            }
            answer.num_partitions = static_cast<std::int32_t>(replicas.size());
            answer.replication_factor = static_cast<std::int16_t>(replicas.front().size());
            tell_configs(image, topic, defaults, answer);
        }
        decision.response.topics.push_back(std::move(answer));
    }
    return decision;
}

// As ControllerApis.deleteTopics of Kafka 4.3: what is named twice is refused, with one answer.
Decision<wire::DeleteTopicsResponse> delete_topics(const model::MetadataImage& image,
                                                   const wire::DeleteTopicsRequest& request) {
    using Result = wire::DeleteTopicsResponse::DeletableTopicResult;
    Decision<wire::DeleteTopicsResponse> decision;
    std::map<std::string, int> names;
    std::map<Uuid, int> ids;
    std::set<Uuid> gone, refused_ids;
    std::set<std::string> refused_names;
    const auto answer = [&](std::optional<std::string> name, const Uuid& id, KafkaError error,
                            const char* text) {
        Result& r = decision.response.responses.emplace_back();
        r.name = std::move(name);
        r.topic_id = id;
        r.error_code = error;
        if (text != nullptr) r.error_message = text;
    };
    const auto one = [&](const std::optional<std::string>& name, const Uuid& id) {
        if (name && !id.is_zero())
            return answer(name, id, KafkaError::invalid_request,
                          "You may not specify both topic name and topic id.");
        if (!name && id.is_zero())
            return answer(name, id, KafkaError::invalid_request,
                          "Neither topic name nor id were specified.");
        if (name && names[*name] > 1) {
            if (refused_names.insert(*name).second)
                answer(name, id, KafkaError::invalid_request, "Duplicate topic name.");
            return;
        }
        if (!name && ids[id] > 1) {
            if (refused_ids.insert(id).second)
                answer(name, id, KafkaError::invalid_request, "Duplicate topic id.");
            return;
        }
        const model::TopicImage* topic = name ? image.find(*name) : image.find(id);
        if (topic == nullptr) {
            return name ? answer(name, id, KafkaError::unknown_topic_or_partition,
                                 "This server does not host this topic-partition.")
                        : answer(name, id, KafkaError::unknown_topic_id,
                                 "This server does not host this topic ID.");
        }
        if (!gone.insert(topic->id).second)
            return answer(name, id, KafkaError::invalid_request,
                          "The provided topic name maps to an ID that was already supplied.");
        answer(topic->name, topic->id, KafkaError::none, nullptr);
        wire::RemoveTopicRecord record;
        record.topic_id = topic->id;
        decision.records.emplace_back(std::move(record));
    };
    for (const auto& name : request.topic_names) ++names[name];
    for (const auto& t : request.topics) {
        if (t.name && t.topic_id.is_zero()) ++names[*t.name];
        if (!t.name) ++ids[t.topic_id];
    }
    for (const auto& name : request.topic_names) one(name, {});
    for (const auto& t : request.topics) one(t.name, t.topic_id);
    return decision;
}
}  // namespace faultline::logic
