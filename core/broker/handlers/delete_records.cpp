// DeleteRecords (KIP-107): moves the start of logs. What is answered as deleted stays deleted: the
// new starts are on disk before the answer, where Kafka writes them within a minute.
#include <algorithm>
#include <map>
#include <memory>

#include "core/broker/handlers/respond.h"
#include "core/broker/scatter.h"
#include "gen/wire/delete_records_request.h"
#include "gen/wire/delete_records_response.h"

namespace faultline::broker {
namespace {
using wire::DeleteRecordsRequest;
using wire::DeleteRecordsResponse;
using wire::KafkaError;

// Kafka reads a request into maps: of a partition that is named twice the last offset counts, and
// a topic without partitions is not answered.
std::vector<DeletePart> take_parts(const DeleteRecordsRequest& request) {
    std::map<TopicPartition, std::int64_t> offsets;
    for (const auto& topic : request.topics) {
        for (const auto& p : topic.partitions)
            offsets[{topic.name, PartitionIndex{p.partition_index}}] = p.offset;
    }
    std::vector<DeletePart> parts;
    parts.reserve(offsets.size());
    for (const auto& [partition, offset] : offsets) parts.push_back({partition, offset});
    return parts;
}

// The first shard keeps the checkpoint files of all.
Result<void> write_down(Shard& shard) {
    Env& env = shard.env();
    if (env.shard.v == 0) return shard.logs().checkpoint_log_starts();
    // Not by call(): the first shard calls the others in turn, to hear their starts.
    struct Reply {
        Result<void> written = Error{Errc::cancelled, 0, "handlers.delete_records"};
        fiber::Waiter* waiter = nullptr;
    };
    fiber::Waiter waiter;
    const auto reply = std::make_shared<Reply>();
    reply->waiter = &waiter;
    struct Abandon {
        Reply& reply;
        ~Abandon() { reply.waiter = nullptr; }
    } abandon{*reply};
    FL_CHECK(env.shards.post(
        ShardId{0}, [shared = shard.shared(), reply, home = env.shard](Env& first) mutable {
            const auto written = shared->at(first).logs().checkpoint_log_starts();
            // Going down: nobody waits.
            (void)first.shards.post(home, [reply = std::move(reply), written](Env&) {
                reply->written = written;
                if (reply->waiter != nullptr) reply->waiter->wake();
            });
        }));
    if (waiter.park(env.clock.in(30s)) == fiber::Wake::timed_out)
        return Error{Errc::timed_out, 0, "handlers.delete_records"};
    return reply->written;
}
}  // namespace

bool handle_delete_records(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DeleteRecordsRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    const auto parts = take_parts(request);
    auto answers = on_partitions<DeleteAnswer>(shard, parts, shard.env().clock.in(30s),
                                               [](Partition& partition, const DeletePart& part) {
                                                   return partition.delete_records(part);
                                               });
    const bool any = std::ranges::any_of(
        answers, [](const DeleteAnswer& a) { return a.error == KafkaError::none; });
    if (any) {
        if (const auto written = write_down(shard); !written.ok()) {
            for (DeleteAnswer& a : answers) {
                if (a.error == KafkaError::none) a = {wire::to_kafka_error(written.code()), -1};
            }
        }
    }
    DeleteRecordsResponse response;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const TopicPartition& tp = parts[i].partition;
        if (response.topics.empty() || response.topics.back().name != tp.topic)
            response.topics.emplace_back().name = tp.topic;
        response.topics.back().partitions.push_back(
            {tp.index.v, answers[i].low_watermark, answers[i].error, {}});
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
