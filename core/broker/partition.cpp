#include "core/broker/partition.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/wire/error_map.h"
#include "core/wire/recode.h"
#include "core/wire/record_batch.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;

storage::LogConfig log_config(const model::TopicConfig& c) {
    storage::LogConfig l;
    l.segment_bytes = c.segment_bytes;
    l.segment_ms = c.segment_ms;
    l.segment_jitter_ms = c.segment_jitter_ms;
    l.segment_index_bytes = c.segment_index_bytes;
    l.index_interval_bytes = c.index_interval_bytes;
    l.retention_ms = c.retention_ms;
    l.retention_bytes = c.retention_bytes;
    l.flush_messages = c.flush_messages;
    l.flush_ms = c.flush_ms;
    l.cleanup_delete = c.cleanup_delete;
    l.cleanup_compact = c.cleanup_compact;
    l.min_cleanable_dirty_ratio = c.min_cleanable_dirty_ratio;
    l.min_compaction_lag_ms = c.min_compaction_lag_ms;
    l.max_compaction_lag_ms = c.max_compaction_lag_ms;
    l.delete_retention_ms = c.delete_retention_ms;
    return l;
}
}  // namespace

Partition::Partition(PartitionContext& context, storage::LogRef log, const PartitionPlan& plan)
    : context_(context),
      log_(std::move(log)),
      plan_(plan),
      high_watermark_(log_->log_start()),
      written_start_(log_->log_start()),
      key_(context.probe.intern(log_->partition().topic, log_->partition().index)) {
    take_config(plan.config);
    take_part(plan);
}

void Partition::take_config(const model::TopicConfig& config) {
    log_->update_config(log_config(config));
    const PartitionIndex index = log_->partition().index;
    throttled_as_leader_ = logic::names_replica(config.leader_throttled, index, context_.node);
    throttled_as_follower_ = logic::names_replica(config.follower_throttled, index, context_.node);
}

void Partition::update(const PartitionPlan& plan) {
    const bool same_part = plan.view.epoch == plan_.view.epoch && plan.leader == plan_.leader;
    if (same_part) {
        const bool waits_otherwise = plan.config.flush_before_ack != plan_.config.flush_before_ack;
        plan_.config = plan.config;
        if (waits_otherwise) follow_log();
        take_config(plan.config);
        if (plan.view.partition_epoch < plan_.view.partition_epoch) return;
        plan_ = plan;
        if (!leader_) return;
        const auto isr = leader_->view().isr;
        leader_->set_rules({plan.config.min_insync_replicas, context_.max_lag});
        leader_->update(plan.view);
        if (isr != leader_->view().isr) tell_isr();
        advance(leader_->high_watermark());
        if (context_.isr_news) context_.isr_news(log_->partition());
        changed_.notify_all();
        return;
    }
    if (plan.view.epoch < plan_.view.epoch) return;
    const auto guard = appending_.lock();
    take_config(plan.config);
    take_part(plan);
    changed_.notify_all();
    if (context_.advanced) context_.advanced();  // who waits at the old leader is told
}

Offset Partition::held() const {
    return plan_.config.flush_before_ack ? log_->durable_end() : log_->log_end();
}

void Partition::advance(Offset to) {
    if (to <= high_watermark_) return;
    FL_INVARIANT(40, to <= log_->log_end());
    high_watermark_ = to;
    context_.probe.emit([&] { return probe::HighWatermark{key_, epoch(), to}; });
    changed_.notify_all();
    if (context_.advanced) context_.advanced();
}

// One fiber at a time waits for the disk; what is appended meanwhile is its next round.
void Partition::follow_log() {
    const auto told = [this] {
        if (!leader_) return changed_.notify_all();
        leader_->holds(held());
        advance(leader_->high_watermark());
    };
    if (!plan_.config.flush_before_ack) return told();
    if (following_) return;
    following_ = true;
    context_.fibers.spawn(
        {.name = "high watermark"}, [this, told, keep = shared_from_this()](fiber::StopToken stop) {
            while (log_->durable_end() < log_->log_end()) {
                syncing_since_ = context_.clock.now();
                const auto synced = log_->wait_durable(log_->log_end(), Deadline::never(), stop);
                if (!synced.ok() && synced.code() != Errc::fenced) {
                    if (synced.code() == Errc::io) lost_ = KafkaError::kafka_storage_error;
                    // The topic was deleted.
                    if (synced.code() == Errc::closed)
                        lost_ = KafkaError::unknown_topic_or_partition;
                    changed_.notify_all();
                    break;
                }
                told();
            }
            syncing_since_.reset();
            following_ = false;
            told();
        });
}

ProduceAnswer Partition::refuse_storage(const Error& error) const {
    ProduceAnswer answer;
    answer.error = wire::to_kafka_error(error.code);
    answer.log_start = log_->log_start().v;
    return answer;
}

// As the topic's compression.type wants it.
KafkaError Partition::recode(wire::CheckedBatch& batch) const {
    const auto codec = wire::codec_of_topic(plan_.config.compression_type);
    if (!codec || *codec == batch.header.codec()) return KafkaError::none;
    auto recoded = wire::recode_batch(batch.bytes, *codec);
    if (!recoded.ok()) return wire::to_kafka_error(recoded.code());
    if (std::cmp_greater(recoded->size(), plan_.config.max_message_bytes))
        return KafkaError::message_too_large;
    batch.bytes = *std::move(recoded);
    return KafkaError::none;
}

ProduceAnswer Partition::produce(const IoBuf& records, std::int16_t acks) {
    ProduceAnswer answer = take_produced(records, acks);
    if (wire::is_retriable(answer.error) && records.size() >= wire::kBatchHeader) {
        std::byte head[wire::kBatchHeader];
        records.copy_out(0, head);
        const wire::BatchHeader h = wire::parse_batch_header(head);
        refused_.refused({h.producer_id, h.producer_epoch, h.base_sequence, h.count},
                         static_cast<std::int16_t>(answer.error), context_.clock.now());
    }
    return answer;
}

// An earlier batch of the producer was refused for a moment: this one comes too early. A producer
// that is not known here could begin with any.
std::optional<KafkaError> Partition::too_early(const logic::ProducerBatch& batch,
                                               logic::ProducerCheck check) const {
    const bool out_of_turn =
        check == logic::ProducerCheck::out_of_order_sequence ||
        (check == logic::ProducerCheck::append && !log_->producers().knows(batch.producer_id));
    if (!out_of_turn) return std::nullopt;
    if (const auto why = refused_.behind(batch, context_.clock.now())) {
        context_.probe.reached(probe::Site::refused_behind_another);
        return static_cast<KafkaError>(*why);
    }
    if (!earlier_may_come(batch)) return std::nullopt;
    context_.probe.reached(probe::Site::earlier_batch_awaited);
    return KafkaError::not_enough_replicas;  // asks for another try, here
}

// What comes before a batch may have gone to the leader before, which is cut off and answers
// nobody: the producer sends it again when its own time-out is over. OUT_OF_ORDER_SEQUENCE_NUMBER
// until then makes librdkafka begin a new epoch and write twice what this log has from that leader
// (or give up). And who begins in the middle may be unknown here only because its first batches
// were refused: where the log is whole, that is, or the producer has expired (a pause then, as
// anything is taken later). Five seconds are more than clients that want to go on soon wait for an
// answer; who waits longer is served as by Kafka.
bool Partition::earlier_may_come(const logic::ProducerBatch& batch) const {
    constexpr Duration kNewReign = 5s;
    if (!context_.others && plan_.view.epoch == Epoch{0}) return false;  // nobody led before
    if (context_.clock.now() - reign_began_ > kNewReign) return false;
    const bool whole = log_->log_start() == Offset{0};
    if (!whole && !log_->producers().knows(batch.producer_id)) return false;
    return log_->producers().gap_before(batch);
}

ProduceAnswer Partition::take_produced(const IoBuf& records, std::int16_t acks) {
    ProduceAnswer answer;
    wire::CheckedBatch batch;
    answer.error = check_leader(-1);
    if (answer.error != KafkaError::none) return refuse_as_follower(answer.error);
    if (auto refusal = wire::check_produce(records, plan_.config.append_rules(),
                                           context_.clock.wall(), batch)) {
        answer.error = refusal->error;
        answer.message = refusal->message;
        answer.bad_records = std::move(refusal->bad_records);
        return answer;
    }
    answer.error = recode(batch);
    if (answer.error != KafkaError::none) return answer;
    const auto guard = turn_to_append();
    answer.error = check_leader(-1);  // it may have changed while this waited for its turn
    if (answer.error != KafkaError::none) return refuse_as_follower(answer.error);
    if (acks == -1 && !leader_->enough_in_sync()) {
        answer.error = KafkaError::not_enough_replicas;
        return answer;
    }
    const logic::ProducerBatch identity{batch.header.producer_id, batch.header.producer_epoch,
                                        batch.header.base_sequence, batch.header.count};
    const logic::ProducerVerdict verdict = log_->producers().check(identity);
    answer.log_start = log_->log_start().v;
    if (const auto why = too_early(identity, verdict.check)) {
        answer.error = *why;
        return answer;
    }
    switch (verdict.check) {
        case logic::ProducerCheck::out_of_order_sequence:
            context_.probe.reached(probe::Site::sequence_refused);
            answer.error = KafkaError::out_of_order_sequence_number;
            return answer;
        case logic::ProducerCheck::invalid_producer_epoch:
            context_.probe.reached(probe::Site::producer_epoch_refused);
            answer.error = KafkaError::invalid_producer_epoch;
            return answer;
        case logic::ProducerCheck::duplicate:
            context_.probe.reached(probe::Site::producer_retry_deduplicated);
            answer.base_offset = verdict.first.v;
            answer.log_append_time = verdict.timestamp;  // whatever the topic stamps, as Kafka
            answer.end = verdict.last.v + 1;
            refused_.taken(identity);
            follow_log();
            answer.committed = is_committed(verdict.last + 1);
            return answer;
        case logic::ProducerCheck::append: break;
    }
    const Epoch reign = epoch();
    const auto appended = log_->append(std::move(batch.bytes), reign);
    if (!appended.ok()) {
        if (appended.code() == Errc::no_space)
            context_.probe.reached(probe::Site::append_refused_disk_full);
        return refuse_storage(appended.error());
    }
    refused_.taken(identity);
    answer.base_offset = appended->first.v;
    answer.log_append_time = batch.log_append_time;
    answer.end = appended->end().v;
    follow_log();
    // The disk may have taken longer than the lease: another may lead by now, without this. Who
    // waits for all finds out there.
    if (acks == 1 && (!leader_ || epoch() != reign || lease_over()))
        answer.error = KafkaError::not_leader_or_follower;
    answer.committed = is_committed(appended->end());
    // Followers read up to the log end.
    if (plan_.view.replicas.size() > 1 && context_.advanced) context_.advanced();
    return answer;
}

// Ends with the lease, too: who waits can go on at the next leader.
Result<void> Partition::wait_in_lease(Deadline deadline, fiber::StopToken stop,
                                      const std::function<bool()>& over) {
    Result<void> waited;
    do {
        waited = changed_.wait(std::min(deadline, Deadline{context_.lease_until}), stop,
                               [&] { return over() || lease_over(); });
    } while (!waited.ok() && waited.code() == Errc::timed_out &&
             context_.clock.now() < deadline.at && !lease_over());
    return waited;
}

KafkaError Partition::wait_committed(Offset end, Deadline deadline, fiber::StopToken stop) {
    const Epoch reign = epoch();
    if (!leader_) return KafkaError::not_leader_or_follower;
    if (high_watermark_ < end) follow_log();
    const auto over = [&] {
        return lost_ || !leader_ || epoch() != reign || high_watermark_ >= end;
    };
    const auto waited = wait_in_lease(deadline, stop, over);
    // Who cannot reach the controller may have a successor: it acknowledges nothing.
    const bool deposed = !leader_ || epoch() != reign || lease_over();
    if (waited.ok() && !deposed && high_watermark_ >= end) return KafkaError::none;
    context_.probe.reached(probe::Site::produce_wait_failed);
    if (deposed) {
        let_news_spread();
        return KafkaError::not_leader_or_follower;
    }
    if (lost_) return *lost_;
    if (!leader_->enough_in_sync()) return KafkaError::not_enough_replicas_after_append;
    return wire::to_kafka_error(waited.code());
}

// What wait_committed() would find without parking.
bool Partition::is_committed(Offset end) const {
    return leader_ && high_watermark_ >= end && !lease_over();
}

bool Partition::lease_over() const { return context_.clock.now() >= context_.lease_until; }

KafkaError Partition::check_epoch(std::int32_t asked) const {
    if (asked == -1 || asked == epoch().v) return KafkaError::none;
    return asked < epoch().v ? KafkaError::fenced_leader_epoch : KafkaError::unknown_leader_epoch;
}

KafkaError Partition::check_leader(std::int32_t asked) const {
    if (const auto error = check_epoch(asked); error != KafkaError::none) return error;
    return !leader_ || lease_over() ? KafkaError::not_leader_or_follower : KafkaError::none;
}

FetchAnswer Partition::fetch(const FetchPart& part, std::uint64_t max_bytes, bool min_one) {
    if (part.replica >= 0) return fetch_as_follower(part, max_bytes, min_one);
    FetchAnswer answer;
    const bool follows = !leader_ && !part.leader_only;
    answer.error = follows ? check_epoch(part.leader_epoch) : check_leader(part.leader_epoch);
    if (answer.error != KafkaError::none) return answer;
    answer.high_watermark = high_watermark_.v;
    answer.log_start = log_->log_start().v;
    if (leader_ && !part.rack.empty() && context_.read_replica) {
        answer.preferred = context_.read_replica(*leader_, part);
        if (answer.preferred >= 0) return answer;
    }
    if (follows) context_.probe.reached(probe::Site::follower_serves_consumer);
    const Offset from{part.offset};
    if (follows && from > log_->log_end()) {
        // Its leader has more (KIP-392): the position may be good.
        context_.probe.reached(probe::Site::follower_behind_consumer);
        answer.error = KafkaError::offset_not_available;
        return answer;
    }
    if (from < log_->log_start() || from > log_->log_end()) {
        context_.probe.reached(probe::Site::fetch_out_of_range);
        answer.error = KafkaError::offset_out_of_range;
        return answer;
    }
    if (from >= high_watermark_ || (max_bytes == 0 && !min_one)) return answer;
    auto read = log_->read(
        {.from = from,
         .max_bytes = std::max<std::uint64_t>(std::min(part.max_bytes, max_bytes), min_one ? 1 : 0),
         .up_to = high_watermark_,
         .min_one = min_one});
    if (!read.ok()) {
        answer.error = read.code() == Errc::not_found ? KafkaError::offset_out_of_range
                                                      : wire::to_kafka_error(read.code());
        return answer;
    }
    answer.slices = std::move(read->slices);
    answer.bytes = read->bytes;
    return answer;
}

EpochAnswer Partition::epoch_end(const EpochPart& part) const {
    EpochAnswer answer;
    answer.error = check_leader(part.current_leader_epoch);
    if (answer.error != KafkaError::none) return answer;
    if (const auto end = log_->answer_for_epoch(Epoch{part.leader_epoch}, epoch())) {
        answer.leader_epoch = end->epoch.v;
        answer.end_offset = end->end.v;
    }
    return answer;
}

ListAnswer Partition::list(const ListPart& part) {
    constexpr std::int64_t kLatest = -1, kEarliest = -2, kMaxTimestamp = -3, kEarliestLocal = -4,
                           kLatestTiered = -5, kEarliestPending = -6;
    ListAnswer answer;
    answer.error = check_leader(part.leader_epoch);
    if (answer.error != KafkaError::none) return answer;
    answer.leader_epoch = epoch().v;
    const bool earliest = part.timestamp == kEarliest || part.timestamp == kEarliestLocal;
    if (!earliest && high_watermark_ < leader_->epoch_start()) {
        // A new leader may not know yet how much was committed: nobody's end goes back.
        answer.leader_epoch = -1;
        answer.error = KafkaError::offset_not_available;
        return answer;
    }
    if (part.timestamp == kLatest) {
        answer.offset = high_watermark_.v;
    } else if (part.timestamp == kEarliest || part.timestamp == kEarliestLocal) {
        answer.offset = log_->log_start().v;
        if (log_->log_start() < log_->log_end())
            answer.leader_epoch = log_->epoch_at(log_->log_start()).value_or(Epoch{-1}).v;
    } else if (part.timestamp == kLatestTiered || part.timestamp == kEarliestPending) {
        answer.leader_epoch = -1;  // no tier: nothing is there
    } else {
        auto found = part.timestamp == kMaxTimestamp
                         ? log_->max_timestamp()
                         : log_->offset_for_timestamp(part.timestamp, high_watermark_);
        if (!found.ok()) {
            answer.error = wire::to_kafka_error(found.code());
        } else if (*found && (*found)->offset < high_watermark_) {
            answer.timestamp = (*found)->timestamp;
            answer.offset = (*found)->offset.v;
            answer.leader_epoch = (*found)->epoch.v;
        } else {
            answer.leader_epoch = -1;
        }
    }
    return answer;
}
}  // namespace faultline::broker
