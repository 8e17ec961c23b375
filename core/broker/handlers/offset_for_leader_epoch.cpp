// OffsetForLeaderEpoch: where a leader epoch ended, for clients that look whether what they have
// read is still there (KIP-320), and for followers.
#include "core/broker/handlers/respond.h"
#include "gen/wire/offset_for_leader_epoch_request.h"
#include "gen/wire/offset_for_leader_epoch_response.h"

namespace faultline::broker {

bool handle_offset_for_leader_epoch(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::OffsetForLeaderEpochRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    std::vector<EpochPart> parts;
    for (const auto& topic : request.topics) {
        for (const auto& p : topic.partitions) {
            parts.push_back({{topic.topic, PartitionIndex{p.partition}},
                             p.current_leader_epoch,
                             p.leader_epoch});
        }
    }
    const auto answers = shard.epoch_ends(parts, shard.env().clock.in(30s));
    wire::OffsetForLeaderEpochResponse response;
    std::size_t i = 0;
    for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.topic = topic.topic;
        for (const auto& p : topic.partitions) {
            const EpochAnswer& a = answers[i++];
            out.partitions.push_back({a.error, p.partition, a.leader_epoch, a.end_offset, {}});
        }
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
