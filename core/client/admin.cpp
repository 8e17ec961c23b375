#include "core/client/admin.h"

#include <algorithm>
#include <charconv>

#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"
#include "gen/wire/describe_configs_request.h"
#include "gen/wire/describe_configs_response.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
#include "gen/wire/incremental_alter_configs_request.h"
#include "gen/wire/incremental_alter_configs_response.h"

namespace faultline::client {
namespace {
using wire::KafkaError;
constexpr Error kEmptyAnswer{Errc::corrupt, 0, "admin.answer"};
constexpr std::int8_t kSet = 0, kDelete = 1;  // of IncrementalAlterConfigs

std::int32_t timeout_ms(const Cluster& cluster) {
    return static_cast<std::int32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(cluster.config().request_timeout)
            .count());
}

// "Unknown topic" is retriable for Kafka's clients; who names one wants to hear it.
bool final_answer(KafkaError error) {
    return error == KafkaError::none || error == KafkaError::unknown_topic_or_partition ||
           !wire::is_retriable(error);
}

std::vector<QuorumInfo::Replica> replicas(
    const std::vector<wire::DescribeQuorumResponse::ReplicaState>& states) {
    std::vector<QuorumInfo::Replica> out;
    out.reserve(states.size());
    for (const auto& s : states)
        out.push_back({s.replica_id, s.log_end_offset, s.last_caught_up_timestamp});
    return out;
}
}  // namespace

Result<AdminAnswer> Admin::ask(const Once& once, Deadline deadline, fiber::StopToken stop) {
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const ConnRef conn, cluster_.any(deadline, stop));
        FL_TRY(auto answer, once(*conn));
        if (final_answer(answer.error)) return answer;
        if (!cluster_.back_off(attempt, deadline, stop).ok()) return answer;
    }
}

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
    const auto once = [&](rpc::ClientConn& conn) -> Result<AdminAnswer> {
        FL_TRY(const auto response, conn.call<wire::CreateTopicsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.topics.empty()) return kEmptyAnswer;
        const auto& r = response.topics[0];
        return AdminAnswer{r.error_code, r.error_message.value_or(""), r.topic_id};
    };
    return ask(once, deadline, stop);
}

Result<AdminAnswer> Admin::delete_topic(const std::string& name, Deadline deadline,
                                        fiber::StopToken stop) {
    wire::DeleteTopicsRequest request;
    request.timeout_ms = timeout_ms(cluster_);
    const auto once = [&](rpc::ClientConn& conn) -> Result<AdminAnswer> {
        const auto version = conn.common_version(request.key, request.min, request.max);
        request.topics.clear();
        request.topic_names.clear();
        if (version && version->v >= 6) {
            request.topics.emplace_back().name = name;
        } else {
            request.topic_names.push_back(name);
        }
        FL_TRY(const auto response, conn.call<wire::DeleteTopicsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.responses.empty()) return kEmptyAnswer;
        const auto& r = response.responses[0];
        return AdminAnswer{r.error_code, r.error_message.value_or(""), r.topic_id};
    };
    return ask(once, deadline, stop);
}

Result<AdminAnswer> Admin::create_partitions(const std::string& name, std::int32_t count,
                                             Deadline deadline, fiber::StopToken stop) {
    wire::CreatePartitionsRequest request;
    request.timeout_ms = timeout_ms(cluster_);
    auto& t = request.topics.emplace_back();
    t.name = name;
    t.count = count;
    t.assignments.reset();
    const auto once = [&](rpc::ClientConn& conn) -> Result<AdminAnswer> {
        FL_TRY(const auto response, conn.call<wire::CreatePartitionsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.results.empty()) return kEmptyAnswer;
        const auto& r = response.results[0];
        return AdminAnswer{r.error_code, r.error_message.value_or(""), {}};
    };
    return ask(once, deadline, stop);
}

Result<ConnRef> Admin::holder_of(const ConfigResource& resource, Deadline deadline,
                                 fiber::StopToken stop) {
    if (resource.kind != ConfigResource::Kind::broker || resource.name.empty())
        return cluster_.any(deadline, stop);
    std::int32_t node = -1;
    const char* const end = resource.name.data() + resource.name.size();
    const auto parsed = std::from_chars(resource.name.data(), end, node);
    if (parsed.ec != std::errc{} || parsed.ptr != end)
        return Error{Errc::invalid, 0, "admin.broker_id"};
    return cluster_.broker(node, deadline, stop);
}

Result<ConfigAnswer> Admin::describe_configs(const ConfigResource& resource, Deadline deadline,
                                             fiber::StopToken stop) {
    wire::DescribeConfigsRequest request;
    auto& asked = request.resources.emplace_back();
    asked.resource_type = static_cast<std::int8_t>(resource.kind);
    asked.resource_name = resource.name;
    asked.configuration_keys.reset();
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const ConnRef conn, holder_of(resource, deadline, stop));
        FL_TRY(const auto response, conn->call<wire::DescribeConfigsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.results.empty()) return kEmptyAnswer;
        const auto& r = response.results[0];
        ConfigAnswer out{{r.error_code, r.error_message.value_or(""), {}}, {}};
        for (const auto& c : r.configs) {
            out.entries.push_back({c.name, c.value, c.config_source, c.read_only, c.is_sensitive});
        }
        std::ranges::sort(out.entries, {}, &ConfigEntry::name);
        if (final_answer(out.answer.error)) return out;
        if (!cluster_.back_off(attempt, deadline, stop).ok()) return out;
    }
}

Result<AdminAnswer> Admin::alter_configs(const ConfigResource& resource,
                                         const std::vector<ConfigChange>& changes,
                                         Deadline deadline, fiber::StopToken stop) {
    wire::IncrementalAlterConfigsRequest request;
    auto& asked = request.resources.emplace_back();
    asked.resource_type = static_cast<std::int8_t>(resource.kind);
    asked.resource_name = resource.name;
    for (const ConfigChange& change : changes) {
        auto& c = asked.configs.emplace_back();
        c.name = change.name;
        c.config_operation = change.value ? kSet : kDelete;
        c.value = change.value;
    }
    const auto once = [&](rpc::ClientConn&) -> Result<AdminAnswer> {
        FL_TRY(const ConnRef conn, holder_of(resource, deadline, stop));
        FL_TRY(const auto response, conn->call<wire::IncrementalAlterConfigsResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.responses.empty()) return kEmptyAnswer;
        const auto& r = response.responses[0];
        return AdminAnswer{r.error_code, r.error_message.value_or(""), {}};
    };
    return ask(once, deadline, stop);
}

Result<const MetadataView*> Admin::describe(Deadline deadline, fiber::StopToken stop) {
    FL_CHECK(cluster_.refresh("", deadline, stop));
    return &cluster_.view();
}

Result<ClusterInfo> Admin::describe_cluster(Deadline deadline, fiber::StopToken stop) {
    wire::DescribeClusterRequest request;
    FL_TRY(const ConnRef conn, cluster_.any(deadline, stop));
    const auto version = conn->common_version(request.key, request.min, request.max);
    request.include_fenced_brokers = version && version->v >= 2;
    FL_TRY(const auto response, conn->call<wire::DescribeClusterResponse>(
                                    request, cluster_.request_deadline(deadline), stop));
    if (response.error_code != KafkaError::none)
        return Error{Errc::invalid, 0, "admin.describe_cluster"};
    ClusterInfo out{response.cluster_id, response.controller_id, {}};
    for (const auto& b : response.brokers)
        out.brokers.push_back({b.broker_id, b.host, b.port, b.rack, b.is_fenced});
    std::ranges::sort(out.brokers, {}, &ClusterInfo::Broker::node);
    return out;
}

Result<QuorumInfo> Admin::describe_quorum(Deadline deadline, fiber::StopToken stop) {
    wire::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    topic.partitions.emplace_back();
    QuorumInfo out;
    const auto once = [&](rpc::ClientConn& conn) -> Result<AdminAnswer> {
        FL_TRY(const auto response, conn.call<wire::DescribeQuorumResponse>(
                                        request, cluster_.request_deadline(deadline), stop));
        if (response.error_code != KafkaError::none)
            return AdminAnswer{response.error_code, response.error_message.value_or(""), {}};
        if (response.topics.empty() || response.topics[0].partitions.empty()) return kEmptyAnswer;
        const auto& p = response.topics[0].partitions[0];
        out.leader = p.leader_id;
        out.epoch = p.leader_epoch;
        out.high_watermark = p.high_watermark;
        out.voters = replicas(p.current_voters);
        out.observers = replicas(p.observers);
        return AdminAnswer{p.error_code, p.error_message.value_or(""), {}};
    };
    FL_TRY(out.answer, ask(once, deadline, stop));
    return out;
}
}  // namespace faultline::client
