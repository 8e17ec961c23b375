#include "core/logic/fetch/fetch_session.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace faultline::logic {
namespace {
FetchKey key_of(const wire::FetchRequest::FetchTopic& topic, std::int32_t partition) {
    return {topic.topic_id.is_zero() ? topic.topic : std::string(), topic.topic_id, partition};
}

// Behind what is there: into the last topic where it is the same.
void append(FetchSession::Topics& topics, const FetchKey& key,
            const wire::FetchRequest::FetchPartition& asked) {
    if (topics.empty() || topics.back().topic_id != key.topic_id ||
        topics.back().topic != key.topic) {
        auto& topic = topics.emplace_back();
        topic.topic = key.topic;
        topic.topic_id = key.topic_id;
    }
    topics.back().partitions.push_back(asked);
}
}  // namespace

void FetchSession::update(const Topics& topics,
                          const std::vector<wire::FetchRequest::ForgottenTopic>& forgotten) {
    for (const auto& topic : topics) {
        for (const auto& p : topic.partitions) {
            const FetchKey key = key_of(topic, p.partition);
            const auto [at, fresh] = index_.try_emplace(key, order_.end());
            if (fresh) at->second = order_.insert(order_.end(), Cached{.key = key, .asked = {}});
            at->second->asked = p;
        }
    }
    for (const auto& topic : forgotten) {
        for (const std::int32_t partition : topic.partitions) {
            const auto at = index_.find({topic.topic_id.is_zero() ? topic.topic : std::string(),
                                         topic.topic_id, partition});
            if (at == index_.end()) continue;
            order_.erase(at->second);
            index_.erase(at);
        }
    }
}

FetchSession::Topics FetchSession::topics() const {
    Topics all;
    for (const Cached& c : order_) append(all, c.key, c.asked);
    return all;
}

std::vector<bool> FetchSession::tell(const std::vector<FetchFound>& found) {
    std::vector<bool> told(found.size(), false);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const FetchFound& f = found[i];
        const auto at = index_.find(f.key);
        if (at == index_.end()) continue;  // the session was changed meanwhile
        Cached& c = *at->second;
        told[i] = f.bytes > 0 || f.must_tell || f.error != wire::KafkaError::none ||
                  c.high_watermark != f.high_watermark || c.log_start != f.log_start;
        // After an error it is told again, whatever it is.
        c.high_watermark = f.error == wire::KafkaError::none ? f.high_watermark : -1;
        c.log_start = f.log_start;
        if (f.bytes > 0) order_.splice(order_.end(), order_, at->second);
    }
    return told;
}

FetchSession::Topics each_once(const FetchSession::Topics& topics) {
    FetchSession once(0, false, false, {});
    once.update(topics, {});
    return once.topics();
}

bool names_twice(const FetchSession::Topics& topics) {
    using Name = std::tuple<std::string_view, Uuid, std::int32_t>;
    std::vector<Name> names;
    for (const auto& topic : topics) {
        for (const auto& p : topic.partitions)
            names.emplace_back(topic.topic, topic.topic_id, p.partition);
    }
    if (names.size() < 2) return false;
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) != names.end();
}
}  // namespace faultline::logic
