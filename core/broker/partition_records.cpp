// What an administrator asks of one partition: DeleteRecords (KIP-107), DescribeProducers
// (KIP-664).
#include "core/broker/partition.h"
#include "core/model/internal_topics.h"
#include "core/wire/error_map.h"

namespace faultline::broker {
using wire::KafkaError;

// In Kafka's order: INVALID_TOPIC_EXCEPTION for topics of the cluster's own, POLICY_VIOLATION where
// only compaction may remove records, OFFSET_OUT_OF_RANGE outside 0 to the high watermark. An
// offset below the start is no error: the answer says where the log starts.
DeleteAnswer Partition::delete_records(const DeletePart& part) {
    constexpr std::int64_t kHighWatermark = -1;
    DeleteAnswer answer;
    if (const auto error = check_leader(-1); error != KafkaError::none) {
        answer.error = error;
    } else if (model::is_internal_topic(part.partition.topic)) {
        answer.error = KafkaError::invalid_topic_exception;
    } else if (plan_.config.cleanup_compact && !plan_.config.cleanup_delete) {
        answer.error = KafkaError::policy_violation;
    } else {
        const Offset to = part.offset == kHighWatermark ? high_watermark() : Offset{part.offset};
        if (to.v < 0 || to > high_watermark()) {
            answer.error = KafkaError::offset_out_of_range;
        } else if (const auto done = log_->delete_records_before(to); !done.ok()) {
            answer.error = wire::to_kafka_error(done.code());
        } else {
            answer.wanted = to.v;
            answer.low_watermark = low_watermark();
            // Followers that wait for news are told to delete too.
            if (answer.low_watermark < to.v && context_.advanced) context_.advanced();
        }
    }
    return answer;
}

std::int64_t Partition::low_watermark() const {
    if (!leader_) return -1;
    const auto alive = [this](NodeId id) { return !context_.alive || context_.alive(id); };
    return leader_->low_watermark(log_->log_start(), alive).v;
}

DeleteAnswer Partition::wait_deleted(std::int64_t wanted, Deadline deadline,
                                     fiber::StopToken stop) {
    DeleteAnswer answer{KafkaError::none, -1, wanted};
    const Epoch reign = epoch();
    const auto over = [&] { return !leader_ || epoch() != reign || low_watermark() >= wanted; };
    if (!over()) context_.probe.reached(probe::Site::delete_waits_for_followers);
    ++deleting_;
    const auto waited = wait_in_lease(deadline, stop, over);
    --deleting_;
    if (!leader_ || epoch() != reign || lease_over()) {
        answer = {KafkaError::not_leader_or_follower, -1, -1};
    } else {
        answer.low_watermark = low_watermark();
        if (!waited.ok()) answer.error = wire::to_kafka_error(waited.code());
    }
    return answer;
}

storage::CleaningFacts Partition::cleaning_facts() const {
    storage::CleaningFacts facts{high_watermark_, {}};
    for (const auto& entry : log_->producers().entries()) {
        auto& last = facts.active[entry.producer_id];
        last.producer_epoch = entry.producer_epoch;
        if (entry.last_offset.v >= 0) last.last_data = entry.last_offset;
    }
    return facts;
}

ProducersAnswer Partition::describe_producers() const {
    return {KafkaError::none, log_->producers().entries()};
}
}  // namespace faultline::broker
