#include "core/logic/fetch/follower_session.h"

#include "core/logic/fetch/fetch_session.h"

namespace faultline::logic {
namespace {
using Partition = wire::FetchRequest::FetchPartition;

bool same(const Partition& a, const Partition& b) {
    return a.fetch_offset == b.fetch_offset && a.current_leader_epoch == b.current_leader_epoch &&
           a.last_fetched_epoch == b.last_fetched_epoch &&
           a.log_start_offset == b.log_start_offset &&
           a.partition_max_bytes == b.partition_max_bytes && a.high_watermark == b.high_watermark;
}

void name(wire::FetchRequest& request, const Uuid& topic, const Partition& partition) {
    if (request.topics.empty() || request.topics.back().topic_id != topic)
        request.topics.emplace_back().topic_id = topic;
    request.topics.back().partitions.push_back(partition);
}

void forget(wire::FetchRequest& request, const Uuid& topic, std::int32_t index) {
    auto& topics = request.forgotten_topics_data;
    if (topics.empty() || topics.back().topic_id != topic) topics.emplace_back().topic_id = topic;
    topics.back().partitions.push_back(index);
}
}  // namespace

void FollowerSession::ask(const Wanted& wanted, wire::FetchRequest& request) {
    request.session_id = id_;
    request.session_epoch = epoch_;
    request.topics.clear();
    request.forgotten_topics_data.clear();
    for (const auto& [key, partition] : wanted) {
        const auto before = known_.find(key);
        if (epoch_ == 0 || before == known_.end() || !same(before->second, partition))
            name(request, key.first, partition);
    }
    for (const auto& [key, partition] : known_) {
        if (epoch_ != 0 && !wanted.contains(key)) forget(request, key.first, key.second);
    }
    known_ = wanted;
}

bool FollowerSession::answered(const wire::FetchResponse& response) {
    if (response.error_code != wire::KafkaError::none) {
        if (response.error_code == wire::KafkaError::fetch_session_id_not_found) id_ = 0;
        epoch_ = 0;
        return false;
    }
    // Without room for a session each request names all.
    id_ = response.session_id;
    epoch_ = id_ == 0 ? 0 : epoch_after(epoch_);
    return true;
}
}  // namespace faultline::logic
