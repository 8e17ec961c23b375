// KIP-951: who is told that another leads is told who, and where that one listens, so that it need
// not ask for metadata first.
#pragma once
#include <algorithm>
#include <utility>

#include "core/model/metadata_image.h"
#include "gen/wire/errors.h"

namespace faultline::broker {

// `p`: the part of `response` for partition `index` of `topic` (null: unknown); of a
// ProduceResponse or a FetchResponse. `endpoints`: the response's version has room for them. `self`
// is never named: who refuses as the leader of the image has lost its lease.
template <class Response, class Partition>
void tell_leader(const model::MetadataImage& image, const model::TopicImage* topic,
                 std::int32_t index, Response& response, Partition& p, bool endpoints,
                 NodeId self) {
    if (p.error_code != wire::KafkaError::not_leader_or_follower &&
        p.error_code != wire::KafkaError::fenced_leader_epoch)
        return;
    if (topic == nullptr || std::cmp_greater_equal(index, topic->partitions.size())) return;
    const auto& known = topic->partitions[static_cast<std::size_t>(index)];
    if (known.leader == self) return;
    p.current_leader.leader_id = known.leader.v;
    p.current_leader.leader_epoch = known.leader_epoch.v;
    const model::BrokerImage* b = image.broker(known.leader);
    const bool told = std::ranges::any_of(
        response.node_endpoints, [&](const auto& e) { return e.node_id == known.leader.v; });
    if (!endpoints || b == nullptr || told) return;
    auto& endpoint = response.node_endpoints.emplace_back();
    endpoint.node_id = b->id.v;
    endpoint.host = b->host;
    endpoint.port = b->port;
    endpoint.rack = b->rack;
}
}  // namespace faultline::broker
