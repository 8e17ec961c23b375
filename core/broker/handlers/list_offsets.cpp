// ListOffsets: earliest, latest, by timestamp, and what else a negative timestamp asks for.
#include <map>
#include <set>

#include "core/broker/handlers/respond.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;
using wire::ListOffsetsRequest;
using wire::ListOffsetsResponse;

// From which version on each negative timestamp may be asked for; Kafka judges this before it looks
// for the partition.
bool understood(std::int64_t timestamp, wire::Version version) {
    constexpr std::pair<std::int64_t, std::int16_t> kSince[] = {
        {-1, 1},   // latest
        {-2, 1},   // earliest
        {-3, 7},   // the largest timestamp, KIP-734
        {-4, 8},   // earliest on the local disk, KIP-405
        {-5, 9},   // latest in the remote tier, KIP-1005
        {-6, 11},  // earliest that is not yet in the remote tier, KIP-1023
    };
    if (timestamp >= 0) return true;
    for (const auto& [sentinel, since] : kSince) {
        if (timestamp == sentinel) return version.v >= since;
    }
    return false;
}

// Which answer belongs where: each topic and each partition once, however often it is named, and
// no topic without partitions.
struct Plan {
    ListOffsetsResponse response;
    std::vector<ListPart> parts;
    std::vector<std::pair<std::size_t, std::size_t>> places;  // of each part in the response
};

Plan plan_of(const ListOffsetsRequest& request, wire::Version version) {
    Plan plan;
    std::map<TopicPartition, int> times;
    for (const auto& topic : request.topics) {
        for (const auto& p : topic.partitions)
            ++times[{topic.name, PartitionIndex{p.partition_index}}];
    }
    std::set<TopicPartition> taken;
    std::map<std::string, std::size_t> topics;
    for (const auto& topic : request.topics) {
        for (const auto& p : topic.partitions) {
            const TopicPartition tp{topic.name, PartitionIndex{p.partition_index}};
            if (!taken.insert(tp).second) continue;
            const auto [at, fresh] = topics.emplace(topic.name, plan.response.topics.size());
            if (fresh) plan.response.topics.emplace_back().name = topic.name;
            auto& out = plan.response.topics[at->second].partitions.emplace_back();
            out.partition_index = p.partition_index;
            // 0 is no isolation, 1 read_committed; Kafka fails the request on anything else.
            if (request.isolation_level != 0 && request.isolation_level != 1) {
                out.error_code = KafkaError::unknown_server_error;
            } else if (times[tp] > 1) {
                out.error_code = KafkaError::invalid_request;
            } else if (!understood(p.timestamp, version)) {
                out.error_code = KafkaError::unsupported_version;
            } else {
                plan.places.emplace_back(at->second,
                                         plan.response.topics[at->second].partitions.size() - 1);
                plan.parts.push_back({tp, p.current_leader_epoch, p.timestamp});
            }
        }
    }
    return plan;
}
}  // namespace

bool handle_list_offsets(Context& context, rpc::Request& r, rpc::Responder& responder) {
    ListOffsetsRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    Plan plan = plan_of(request, r.version);
    const auto answers = shard.list(plan.parts, shard.env().clock.in(30s));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto [topic, partition] = plan.places[i];
        auto& out = plan.response.topics[topic].partitions[partition];
        out.error_code = answers[i].error;
        out.timestamp = answers[i].timestamp;
        out.offset = answers[i].offset;
        out.leader_epoch = r.version.v >= 4 ? answers[i].leader_epoch : -1;
    }
    respond(responder, r, plan.response);
    return true;
}
}  // namespace faultline::broker
