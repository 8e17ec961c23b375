// ListOffsets: earliest, latest, by timestamp, the largest timestamp.
#include "core/broker/handlers/respond.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"

namespace faultline::broker {

bool handle_list_offsets(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::ListOffsetsRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    std::vector<ListPart> parts;
    for (const auto& topic : request.topics) {
        for (const auto& p : topic.partitions) {
            parts.push_back({{topic.name, PartitionIndex{p.partition_index}},
                             p.current_leader_epoch,
                             p.timestamp});
        }
    }
    const auto answers = shard.list(parts, shard.env().clock.in(30s));
    wire::ListOffsetsResponse response;
    std::size_t i = 0;
    for (const auto& topic : request.topics) {
        wire::ListOffsetsResponse::ListOffsetsTopicResponse out;
        out.name = topic.name;
        for (const auto& p : topic.partitions) {
            const ListAnswer& a = answers[i++];
            const std::int32_t epoch = r.version.v >= 4 ? a.leader_epoch : -1;
            out.partitions.push_back(
                {p.partition_index, a.error, a.timestamp, a.offset, epoch, {}});
        }
        response.topics.push_back(std::move(out));
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
