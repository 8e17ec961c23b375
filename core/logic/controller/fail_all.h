// One error as the answer to all that was asked.
#pragma once
#include <string>
#include <string_view>

#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"
#include "gen/wire/elect_leaders_request.h"
#include "gen/wire/elect_leaders_response.h"

namespace faultline::logic {

namespace detail {
void refuse(auto& result, wire::KafkaError error, std::string_view message) {
    result.error_code = error;
    if constexpr (requires { result.error_message; }) {
        if (!message.empty()) result.error_message = std::string(message);
    }
}
}  // namespace detail

// fail_all(request, error, response, message): the error in all of an answer's places that tell
// one.
inline void fail_all(const auto&, wire::KafkaError error, auto& response,
                     std::string_view message = "") requires requires {
    response.error_code;
}
{ detail::refuse(response, error, message); }
inline void fail_all(const wire::CreateTopicsRequest& q, wire::KafkaError error,
                     wire::CreateTopicsResponse& response, std::string_view message = "") {
    for (const auto& t : q.topics) {
        auto& result = response.topics.emplace_back();
        result.name = t.name;
        detail::refuse(result, error, message);
    }
}
inline void fail_all(const wire::DeleteTopicsRequest& q, wire::KafkaError error,
                     wire::DeleteTopicsResponse& response, std::string_view message = "") {
    const auto add = [&](const std::optional<std::string>& name, const Uuid& id) {
        auto& result = response.responses.emplace_back();
        result.name = name;
        result.topic_id = id;
        detail::refuse(result, error, message);
    };
    for (const auto& name : q.topic_names) add(name, {});
    for (const auto& t : q.topics) add(t.name, t.topic_id);
}
inline void fail_all(const wire::CreatePartitionsRequest& q, wire::KafkaError error,
                     wire::CreatePartitionsResponse& response, std::string_view message = "") {
    for (const auto& t : q.topics) {
        auto& result = response.results.emplace_back();
        result.name = t.name;
        detail::refuse(result, error, message);
    }
}
// Version 0 has no error but those of the partitions; later ones tell it in both places, as Kafka.
inline void fail_all(const wire::ElectLeadersRequest& q, wire::KafkaError error,
                     wire::ElectLeadersResponse& response, std::string_view message = "") {
    response.error_code = error;
    if (!q.topic_partitions) return;
    for (const auto& t : *q.topic_partitions) {
        auto& topic = response.replica_election_results.emplace_back();
        topic.topic = t.topic;
        for (const std::int32_t partition : t.partitions) {
            auto& result = topic.partition_result.emplace_back();
            result.partition_id = partition;
            result.error_message.reset();
            detail::refuse(result, error, message);
        }
    }
}
// Of AlterConfigs and IncrementalAlterConfigs: an answer for each resource.
inline void fail_all(const auto& q, wire::KafkaError error, auto& response,
                     std::string_view message = "") requires requires {
    q.resources;
    response.responses;
}
{
    for (const auto& r : q.resources) {
        auto& result = response.responses.emplace_back();
        result.resource_type = r.resource_type;
        result.resource_name = r.resource_name;
        detail::refuse(result, error, message);
    }
}
}  // namespace faultline::logic
