// DescribeTopicPartitions (KIP-966): topics and their partitions in pages, in order of the names.
// Kafka judges the request as a whole: one bad name or cursor and every topic gets that error.
#include <algorithm>
#include <set>

#include "core/broker/handlers/respond.h"
#include "core/model/internal_topics.h"
#include "gen/wire/describe_topic_partitions_request.h"
#include "gen/wire/describe_topic_partitions_response.h"

namespace faultline::broker {
namespace {
using wire::DescribeTopicPartitionsRequest;
using wire::DescribeTopicPartitionsResponse;
using wire::KafkaError;
using Topic = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;
using Partition = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition;

// What everybody may do with a topic where nothing is forbidden: bits of Kafka's AclOperation from
// READ to DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
constexpr std::int32_t kAllOperations = 3576;

// One error for the whole request, or none.
KafkaError judge(const DescribeTopicPartitionsRequest& request) {
    const auto& topics = request.topics;
    if (request.cursor) {
        const auto listed = [&](const auto& t) { return t.name == request.cursor->topic_name; };
        if (!topics.empty() && std::ranges::none_of(topics, listed))
            return KafkaError::invalid_request;
        if (request.cursor->partition_index < 0) return KafkaError::invalid_request;
    }
    const auto nameless = [](const auto& t) { return t.name.empty(); };
    return std::ranges::any_of(topics, nameless) ? KafkaError::unknown_server_error
                                                 : KafkaError::none;
}

Partition describe(const model::MetadataImage& image, const model::PartitionImage& p,
                   std::int32_t index) {
    const auto alive = [&](std::int32_t node) {
        return std::ranges::any_of(image.brokers, [&](const auto& b) { return b.id.v == node; });
    };
    Partition out;
    out.partition_index = index;
    out.leader_id = alive(p.leader.v) ? p.leader.v : -1;
    out.leader_epoch = p.leader_epoch.v;
    out.replica_nodes = p.replicas;
    out.isr_nodes = p.isr;
    out.eligible_leader_replicas.emplace();
    out.last_known_elr.emplace();
    std::ranges::remove_copy_if(p.replicas, std::back_inserter(out.offline_replicas), alive);
    return out;
}

Topic missing(const std::string& name) {
    Topic topic;
    topic.name = name;
    topic.error_code = model::bad_topic_name(name) ? KafkaError::invalid_topic_exception
                                                   : KafkaError::unknown_topic_or_partition;
    topic.topic_authorized_operations = kAllOperations;
    return topic;
}

std::set<std::string> names_from_cursor(const model::MetadataImage& image,
                                        const DescribeTopicPartitionsRequest& request) {
    std::set<std::string> names;
    for (const auto& t : request.topics) names.insert(t.name);
    if (request.topics.empty()) {
        for (const auto& [name, topic] : image.topics) names.insert(name);
    }
    if (request.cursor) names.erase(names.begin(), names.lower_bound(request.cursor->topic_name));
    return names;
}

// Until `left` partitions are told; then the cursor says where to go on, be there such a topic or
// not. One that does not exist costs nothing.
void fill_page(const model::MetadataImage& image, const DescribeTopicPartitionsRequest& request,
               std::size_t left, DescribeTopicPartitionsResponse& response) {
    for (const std::string& name : names_from_cursor(image, request)) {
        const bool resumed = request.cursor && request.cursor->topic_name == name;
        auto index = resumed ? static_cast<std::size_t>(request.cursor->partition_index) : 0;
        const auto next = [&] {
            response.next_cursor.emplace();
            response.next_cursor->topic_name = name;
            response.next_cursor->partition_index = static_cast<std::int32_t>(index);
        };
        if (left == 0) return next();
        const model::TopicImage* known = image.find(name);
        if (known == nullptr) {
            response.topics.push_back(missing(name));
            continue;
        }
        Topic topic;
        topic.name = name;
        topic.topic_id = known->id;
        topic.is_internal = model::is_internal_topic(name);
        topic.topic_authorized_operations = kAllOperations;
        for (; index < known->partitions.size() && left > 0; ++index, --left) {
            topic.partitions.push_back(
                describe(image, known->partitions[index], static_cast<std::int32_t>(index)));
        }
        response.topics.push_back(std::move(topic));
        if (index < known->partitions.size()) return next();
    }
}
}  // namespace

bool handle_describe_topic_partitions(Context& context, rpc::Request& r,
                                      rpc::Responder& responder) {
    DescribeTopicPartitionsRequest request;
    if (!decode(r, request)) return false;
    const auto image = context.shard.image();
    DescribeTopicPartitionsResponse response;
    if (const KafkaError error = judge(request); error != KafkaError::none) {
        for (const auto& t : request.topics) {
            auto& topic = response.topics.emplace_back();
            topic.name = t.name;
            topic.error_code = error;
        }
    } else {
        const std::int32_t most = context.shard.config().max_request_partitions;
        const std::int32_t limit = std::clamp(request.response_partition_limit, 1, most);
        fill_page(*image, request, static_cast<std::size_t>(limit), response);
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
