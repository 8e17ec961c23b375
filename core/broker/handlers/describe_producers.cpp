// DescribeProducers (KIP-664): what partitions remember of their idempotent producers.
#include "core/broker/handlers/respond.h"
#include "core/broker/scatter.h"
#include "gen/wire/describe_producers_request.h"
#include "gen/wire/describe_producers_response.h"

namespace faultline::broker {
namespace {
using wire::DescribeProducersRequest;
using wire::DescribeProducersResponse;
using wire::KafkaError;

void tell(const ProducersAnswer& answer, DescribeProducersResponse::PartitionResponse& out) {
    out.error_code = answer.error;
    for (const auto& p : answer.producers) {
        auto& state = out.active_producers.emplace_back();
        state.producer_id = p.producer_id;
        state.producer_epoch = p.producer_epoch;
        state.last_sequence = p.last_sequence;
        state.last_timestamp = p.last_timestamp;
        state.coordinator_epoch = -1;  // of the last transaction's marker
    }
}
}  // namespace

bool handle_describe_producers(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DescribeProducersRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    const auto image = shard.image();
    DescribeProducersResponse response;
    std::vector<ProducersPart> parts;
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (const auto& asked : request.topics) {
        auto& topic = response.topics.emplace_back();
        topic.name = asked.name;
        const auto bad = model::bad_topic_name(asked.name);
        const bool known = !bad && image->find(asked.name) != nullptr;
        for (const std::int32_t index : asked.partition_indexes) {
            auto& out = topic.partitions.emplace_back();
            out.partition_index = index;
            out.error_message.reset();
            if (known) {
                places.emplace_back(response.topics.size() - 1, topic.partitions.size() - 1);
                parts.push_back({{asked.name, PartitionIndex{index}}});
            } else if (bad) {
                out.error_code = KafkaError::invalid_topic_exception;
                out.error_message = *bad;
            } else {
                out.error_code = KafkaError::unknown_topic_or_partition;
                out.error_message = "This server does not host this topic-partition.";
            }
        }
    }
    const auto answers = on_partitions<ProducersAnswer>(
        shard, parts, shard.env().clock.in(30s),
        [](const Partition& p, const ProducersPart&) { return p.describe_producers(); });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto [topic, partition] = places[i];
        tell(answers[i], response.topics[topic].partitions[partition]);
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
