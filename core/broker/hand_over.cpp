#include "core/broker/hand_over.h"

#include <algorithm>
#include <utility>

namespace faultline::broker {
namespace {
using wire::KafkaError;
constexpr Duration kMost = 2s;    // a leader that hangs does not hold up the end of this broker
constexpr Duration kAgain = 3ms;  // the next leader may hear a moment later that it leads

// The topics of the parts with these numbers, in a request's or an answer's order.
void fill(wire::ProduceRequest& request, const std::vector<ProducePart>& parts,
          const std::vector<std::size_t>& numbers, const model::MetadataImage& image) {
    request.topic_data.clear();
    for (const std::size_t n : numbers) {
        const TopicPartition& tp = parts[n].partition;
        const model::TopicImage* topic = image.find(tp.topic);
        if (request.topic_data.empty() || request.topic_data.back().name != tp.topic) {
            auto& t = request.topic_data.emplace_back();
            t.name = tp.topic;
            if (topic != nullptr) t.topic_id = topic->id;
        }
        auto& p = request.topic_data.back().partition_data.emplace_back();
        p.index = tp.index.v;
        p.records = wire::Records(parts[n].records);
    }
}

ProduceAnswer to_answer(const wire::ProduceResponse::PartitionProduceResponse& p) {
    ProduceAnswer answer;
    answer.error = p.error_code;
    answer.base_offset = p.base_offset;
    answer.log_append_time = p.log_append_time_ms;
    answer.log_start = p.log_start_offset;
    for (const auto& bad : p.record_errors) answer.bad_records.push_back(bad.batch_index);
    return answer;
}
}  // namespace

std::vector<std::size_t> HandOver::pass_on(const model::MetadataImage& image,
                                           const wire::ProduceRequest& request,
                                           const std::vector<ProducePart>& parts,
                                           std::vector<ProduceAnswer>& answers, Deadline deadline) {
    deadline = std::min(deadline, env_.clock.in(kMost));
    std::map<NodeId, Numbers> by_leader;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].hand_on != model::kNoLeader) by_leader[answers[i].hand_on].push_back(i);
    }
    wire::ProduceRequest onward;
    onward.transactional_id = request.transactional_id;
    // Without an answer nobody would know that it was refused.
    onward.acks = request.acks == 0 ? std::int16_t{1} : request.acks;
    onward.timeout_ms = request.timeout_ms;
    Numbers refused;
    for (auto& [leader, numbers] : by_leader) {
        const model::BrokerImage* b = image.broker(leader);
        if (b != nullptr)
            pass_to(leader, {b->host, b->port}, onward, parts, image, numbers, answers, deadline);
        for (const std::size_t n : numbers) {
            if (answers[n].error != KafkaError::none) refused.push_back(n);
        }
    }
    return refused;
}

void HandOver::pass_to(NodeId leader, const Endpoint& endpoint, wire::ProduceRequest& request,
                       const std::vector<ProducePart>& parts, const model::MetadataImage& image,
                       Numbers left, std::vector<ProduceAnswer>& answers, Deadline deadline) {
    while (!left.empty() && env_.clock.now() < deadline.at) {
        const auto conn = connect(leader, endpoint, deadline);
        if (!conn.ok()) return;
        fill(request, parts, left, image);
        const auto answer = (*conn)->call<wire::ProduceResponse>(request, deadline);
        if (!answer.ok()) {
            // It may have been written.
            for (const std::size_t n : left) answers[n].error = KafkaError::request_timed_out;
            return;
        }
        Numbers again;
        std::size_t at = 0;
        for (const auto& topic : answer->responses) {
            for (const auto& p : topic.partition_responses) {
                if (at == left.size()) break;
                const std::size_t n = left[at++];
                answers[n] = to_answer(p);
                if (p.error_code == KafkaError::not_leader_or_follower) again.push_back(n);
            }
        }
        left = std::move(again);
        if (!left.empty()) env_.fibers.sleep_until(env_.clock.in(kAgain));
    }
}

Result<std::shared_ptr<rpc::ClientConn>> HandOver::connect(NodeId leader, const Endpoint& endpoint,
                                                           Deadline deadline) {
    if (const auto it = conns_.find(leader); it != conns_.end()) {
        if (it->second->usable()) return it->second;
        broken_.push_back(it->second);
        conns_.erase(it);
    }
    FL_TRY(auto stream, env_.net.connect(endpoint, deadline, {}));
    auto conn = std::make_shared<rpc::ClientConn>(env_.fibers, std::move(stream),
                                                  rpc::ClientConnOptions{.client_id = "hand-over"},
                                                  env_.probe);
    if (const auto started = conn->start(deadline); !started.ok()) {
        conn->close();
        return started.error();
    }
    // Another request of this shard may have been faster: its connection is as good.
    const auto [it, made] = conns_.emplace(leader, conn);
    if (!made && it->second->usable()) {
        broken_.push_back(conn);
        return it->second;
    }
    // And may have broken meanwhile: it has fibers until close().
    if (!made) broken_.push_back(std::exchange(it->second, conn));
    return conn;
}

void HandOver::close() {
    for (const auto& conn : broken_) conn->close();
    for (const auto& [node, conn] : conns_) conn->close();
    broken_.clear();
    conns_.clear();
}
}  // namespace faultline::broker
