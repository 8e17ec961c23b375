// Produce. Batches are appended in the reader's fiber, so that requests of one connection keep
// their order; waiting for the disk is done by a fiber of its own.
#include <algorithm>

#include "core/broker/handlers/current_leader.h"
#include "core/broker/handlers/respond.h"
#include "core/wire/record_batch.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;
using wire::ProduceRequest;
using wire::ProduceResponse;
using PartitionResponse = ProduceResponse::PartitionProduceResponse;

struct Work {
    ProduceResponse response;  // complete, but for errors that waiting may bring
    std::vector<CommitPart> commits;
    std::vector<std::pair<std::size_t, std::size_t>> places;  // of each commit in the response
};

PartitionResponse to_response(std::int32_t index, const ProduceAnswer& answer) {
    PartitionResponse p;
    p.index = index;
    p.error_code = answer.error;
    p.base_offset = answer.base_offset;
    p.log_append_time_ms = answer.log_append_time;
    p.log_start_offset = answer.log_start;
    if (!answer.message.empty()) p.error_message = std::string(answer.message);
    for (const std::int32_t bad : answer.bad_records)
        p.record_errors.push_back({bad, p.error_message, {}});
    return p;
}

// The partitions of the request in order, and where each belongs in the response.
std::vector<ProducePart> take_parts(const ProduceRequest& request,
                                    const model::MetadataImage& image, bool by_id,
                                    ProduceResponse& response,
                                    std::vector<std::pair<std::size_t, std::size_t>>& places) {
    std::vector<ProducePart> parts;
    for (const auto& topic : request.topic_data) {
        ProduceResponse::TopicProduceResponse out;
        out.name = topic.name;
        out.topic_id = topic.topic_id;
        const model::TopicImage* known =
            by_id ? image.find(topic.topic_id) : image.find(topic.name);
        for (const auto& p : topic.partition_data) {
            ProduceAnswer answer;
            if (known == nullptr || p.index < 0 ||
                std::cmp_greater_equal(p.index, known->partitions.size())) {
                answer.error = known == nullptr && by_id ? KafkaError::unknown_topic_id
                                                         : KafkaError::unknown_topic_or_partition;
            } else if (p.records.is_null()) {
                answer.error = KafkaError::invalid_record;
            } else {
                places.emplace_back(response.responses.size(), out.partition_responses.size());
                parts.push_back(
                    {{known->name, PartitionIndex{p.index}}, p.records.bytes(), request.acks});
            }
            out.partition_responses.push_back(to_response(p.index, answer));
        }
        response.responses.push_back(std::move(out));
    }
    return parts;
}

// Whether some batch says that it is part of a transaction.
bool transactional(const ProduceRequest& request) {
    for (const auto& topic : request.topic_data) {
        for (const auto& p : topic.partition_data) {
            if (p.records.is_null() || p.records.size() < wire::kBatchHeader) continue;
            std::byte head[wire::kBatchHeader];
            p.records.bytes().copy_out(0, head);
            const wire::BatchHeader h = wire::parse_batch_header(head);
            if (h.magic == 2 && h.transactional()) return true;
        }
    }
    return false;
}

void refuse_all(const ProduceRequest& request, KafkaError error, ProduceResponse& response) {
    for (const auto& topic : request.topic_data) {
        ProduceResponse::TopicProduceResponse out;
        out.name = topic.name;
        out.topic_id = topic.topic_id;
        for (const auto& p : topic.partition_data)
            out.partition_responses.push_back(
                to_response(p.index, {.error = error, .message = {}, .bad_records = {}}));
        response.responses.push_back(std::move(out));
    }
}

// In the reader's fiber too: what the producer sent next must not be there first.
void hand_on(Shard& shard, const ProduceRequest& request, const std::vector<ProducePart>& parts,
             std::vector<ProduceAnswer>& answers, Deadline deadline) {
    const auto elsewhere = [](const ProduceAnswer& a) { return a.hand_on != model::kNoLeader; };
    if (std::ranges::none_of(answers, elsewhere)) return;
    const auto image = shard.image();
    const auto refused = shard.hand_over().pass_on(*image, request, parts, answers, deadline);
    for (const std::size_t n : refused) shard.hand_on_no_more(parts[n].partition);
}

// What the oracles hold against the log.
void tell(Shard& shard, const Work& work) {
    const probe::Probe& probe = shard.env().probe;
    for (std::size_t i = 0; i < work.commits.size(); ++i) {
        probe.emit([&] {
            const auto [topic, partition] = work.places[i];
            const PartitionResponse& p =
                work.response.responses[topic].partition_responses[partition];
            const TopicPartition& tp = work.commits[i].partition;
            return probe::ProduceAnswered{probe.intern(tp.topic, tp.index),
                                          static_cast<std::int16_t>(p.error_code),
                                          Offset{p.base_offset}, Offset{work.commits[i].end - 1}};
        });
    }
}

void tell_leaders(Shard& shard, wire::Version version, ProduceResponse& response) {
    if (version.v < 10) return;
    const auto image = shard.image();
    for (auto& topic : response.responses) {
        const model::TopicImage* known =
            version.v >= 13 ? image->find(topic.topic_id) : image->find(topic.name);
        for (auto& p : topic.partition_responses)
            tell_leader(*image, known, p.index, response, p, true, shard.env().node);
    }
}

void refuse(Work& work, std::size_t commit, KafkaError error) {
    const auto [topic, partition] = work.places[commit];
    PartitionResponse& p = work.response.responses[topic].partition_responses[partition];
    p.error_code = error;
    p.base_offset = -1;
}

void wait_for_commits(Shard& shard, Work& work, Deadline deadline, fiber::StopToken stop) {
    const auto errors = shard.wait_committed(work.commits, deadline, stop);
    for (std::size_t i = 0; i < errors.size(); ++i) {
        if (errors[i] != KafkaError::none) refuse(work, i, errors[i]);
    }
}

// Some had to be waited for, and what the others did meanwhile is of the past.
void refuse_commits(Work& work) {
    for (std::size_t i = 0; i < work.places.size(); ++i)
        refuse(work, i, KafkaError::not_leader_or_follower);
}
}  // namespace

bool handle_produce(Context& context, rpc::Request& r, rpc::Responder& responder) {
    ProduceRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    Work work;
    if (request.acks < -1 || request.acks > 1) {
        refuse_all(request, KafkaError::invalid_required_acks, work.response);
        respond(responder, r, work.response);
        return true;
    }
    // Who names no transactional id may write to no transaction.
    if (!request.transactional_id && transactional(request)) {
        refuse_all(request, KafkaError::transactional_id_authorization_failed, work.response);
        respond(responder, r, work.response);
        return true;
    }
    const auto image = shard.image();
    std::vector<std::pair<std::size_t, std::size_t>> places;
    const auto parts = take_parts(request, *image, r.version.v >= 13, work.response, places);
    const Deadline deadline =
        shard.env().clock.in(std::chrono::milliseconds(std::max(request.timeout_ms, 1)));
    auto answers = shard.produce(parts, Deadline::never());  // an append that has begun is finished
    hand_on(shard, request, parts, answers, deadline);
    bool all_committed = true;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto [topic, partition] = places[i];
        PartitionResponse& p = work.response.responses[topic].partition_responses[partition];
        p = to_response(p.index, answers[i]);
        if (answers[i].error == KafkaError::none && answers[i].end >= 0) {
            work.commits.push_back({parts[i].partition, answers[i].end});
            work.places.emplace_back(topic, partition);
            all_committed = all_committed && answers[i].committed;
        }
    }
    if (request.acks == 0) {
        // Nobody reads an answer; closing tells the client that something was wrong (as Kafka
        // does).
        for (const auto& topic : work.response.responses) {
            for (const auto& p : topic.partition_responses) {
                if (p.error_code != KafkaError::none) return false;
            }
        }
        responder.none();  // which promises nothing
        return true;
    }
    if (request.acks == 1 || all_committed) {
        if (shard.lease_over()) refuse_commits(work);
        tell(shard, work);
        tell_leaders(shard, r.version, work.response);
        respond(responder, r, work.response);
        return true;
    }
    context.fibers.spawn(
        {.name = "produce"},
        [&shard, work = std::move(work), deadline, api = r.api, version = r.version,
         correlation = r.correlation, responder](fiber::StopToken stop) mutable {
            wait_for_commits(shard, work, deadline, stop);
            tell(shard, work);
            tell_leaders(shard, version, work.response);
            respond(responder, api, version, correlation, work.response);
        });
    return true;
}
}  // namespace faultline::broker
