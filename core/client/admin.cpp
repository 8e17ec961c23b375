#include "core/client/admin.h"

#include <algorithm>

#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"

namespace faultline::client {
namespace {
using wire::KafkaError;
constexpr Error kEmptyAnswer{Errc::corrupt, 0, "admin.answer"};

std::int32_t timeout_ms(const Cluster& cluster) {
    return static_cast<std::int32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(cluster.config().request_timeout)
            .count());
}
}  // namespace

Result<AdminAnswer> Admin::create_topic(const NewTopic& topic, Deadline deadline,
                                        fiber::StopToken stop) {
    wire::CreateTopicsRequest request;
    request.timeout_ms = timeout_ms(cluster_);
    auto& t = request.topics.emplace_back();
    t.name = topic.name;
    t.num_partitions = topic.partitions;
    t.replication_factor = topic.replicas;
    for (const auto& [key, value] : topic.configs) {
        auto& c = t.configs.emplace_back();
        c.name = key;
        c.value = value;
    }
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const ConnRef conn, cluster_.any(deadline, stop));
        FL_TRY(const auto response, conn->call<wire::CreateTopicsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.topics.empty()) return kEmptyAnswer;
        const auto& r = response.topics[0];
        AdminAnswer answer{r.error_code, r.error_message.value_or(""), r.topic_id};
        if (answer.ok() || !wire::is_retriable(answer.error)) return answer;
        if (!cluster_.back_off(attempt, deadline, stop).ok()) return answer;
    }
}

Result<AdminAnswer> Admin::delete_topic(const std::string& name, Deadline deadline,
                                        fiber::StopToken stop) {
    wire::DeleteTopicsRequest request;
    request.timeout_ms = timeout_ms(cluster_);
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const ConnRef conn, cluster_.any(deadline, stop));
        const auto version = conn->common_version(request.key, request.min, request.max);
        request.topics.clear();
        request.topic_names.clear();
        if (version && version->v >= 6) {
            request.topics.emplace_back().name = name;
        } else {
            request.topic_names.push_back(name);
        }
        FL_TRY(const auto response, conn->call<wire::DeleteTopicsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.responses.empty()) return kEmptyAnswer;
        const auto& r = response.responses[0];
        AdminAnswer answer{r.error_code, r.error_message.value_or(""), r.topic_id};
        // "Unknown topic" is retriable for Kafka's clients; who deletes wants to hear it.
        if (answer.ok() || answer.error == KafkaError::unknown_topic_or_partition ||
            !wire::is_retriable(answer.error)) {
            return answer;
        }
        if (!cluster_.back_off(attempt, deadline, stop).ok()) return answer;
    }
}

Result<const MetadataView*> Admin::describe(Deadline deadline, fiber::StopToken stop) {
    FL_CHECK(cluster_.refresh("", deadline, stop));
    return &cluster_.view();
}
}  // namespace faultline::client
