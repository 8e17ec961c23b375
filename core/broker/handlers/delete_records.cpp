// DeleteRecords (KIP-107): moves the start of logs. What is answered as deleted stays deleted: the
// new starts are on disk before the answer, on all live replicas, where Kafka writes them within a
// minute.
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

struct Work {
    std::vector<DeletePart> parts;
    std::vector<DeleteAnswer> answers;
};

// Until each live replica has deleted what was asked for.
void wait_for_followers(Shard& shard, Work& work, Deadline deadline, fiber::StopToken stop) {
    // One after the other, for all wait for the same time.
    for (std::size_t i = 0; i < work.parts.size(); ++i) {
        DeleteAnswer& answer = work.answers[i];
        if (answer.error == KafkaError::none && answer.low_watermark < answer.wanted)
            answer = shard.wait_deleted(work.parts[i].partition, answer.wanted, deadline, stop);
        if (answer.error == KafkaError::request_timed_out)
            shard.env().probe.reached(probe::Site::delete_timed_out);
    }
}

DeleteRecordsResponse to_response(Shard& shard, const Work& work) {
    DeleteRecordsResponse response;
    const probe::Probe& probe = shard.env().probe;
    for (std::size_t i = 0; i < work.parts.size(); ++i) {
        const TopicPartition& tp = work.parts[i].partition;
        const DeleteAnswer& answer = work.answers[i];
        if (response.topics.empty() || response.topics.back().name != tp.topic)
            response.topics.emplace_back().name = tp.topic;
        response.topics.back().partitions.push_back(
            {tp.index.v, answer.low_watermark, answer.error, {}});
        if (answer.error != KafkaError::none) continue;
        probe.emit([&] {
            return probe::RecordsDeleted{probe.intern(tp.topic, tp.index),
                                         Offset{answer.low_watermark}};
        });
    }
    return response;
}
}  // namespace

bool handle_delete_records(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DeleteRecordsRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    Work work;
    work.parts = take_parts(request);
    const Deadline deadline =
        shard.env().clock.in(std::chrono::milliseconds(std::max(request.timeout_ms, 0)));
    work.answers = on_partitions<DeleteAnswer>(shard, work.parts, shard.env().clock.in(30s),
                                               [](Partition& partition, const DeletePart& part) {
                                                   return partition.delete_records(part);
                                               });
    const auto good = [](const DeleteAnswer& a) { return a.error == KafkaError::none; };
    if (std::ranges::any_of(work.answers, good)) {
        if (const auto written = shard.write_log_starts(); !written.ok()) {
            for (DeleteAnswer& a : work.answers) {
                if (good(a)) a = {wire::to_kafka_error(written.code()), -1, -1};
            }
        }
    }
    const bool done = std::ranges::all_of(work.answers, [&](const DeleteAnswer& a) {
        return !good(a) || a.low_watermark >= a.wanted;
    });
    if (done) {
        respond(responder, r, to_response(shard, work));
        return true;
    }
    context.fibers.spawn(
        {.name = "delete records"},
        [&shard, work = std::move(work), deadline, api = r.api, version = r.version,
         correlation = r.correlation, responder](fiber::StopToken stop) mutable {
            wait_for_followers(shard, work, deadline, stop);
            respond(responder, api, version, correlation, to_response(shard, work));
        });
    return true;
}
}  // namespace faultline::broker
