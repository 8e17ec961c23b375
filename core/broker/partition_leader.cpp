// A partition's part in its replication: who it is for the others, and what a leader does for them.
#include <algorithm>

#include "core/base/assert.h"
#include "core/broker/partition.h"
#include "core/model/broker_bits.h"
#include "core/wire/error_map.h"

namespace faultline::broker {
using wire::KafkaError;

void Partition::take_part(const PartitionPlan& plan) {
    plan_ = plan;
    if (plan.leader == context_.node) {
        lead(plan);
    } else {
        follow(plan);
    }
}

void Partition::lead(const PartitionPlan& plan) {
    held_until_ = {};
    settled_ = false;
    reign_began_ = context_.clock.now();
    log_->lead(plan.view.epoch);
    leader_.emplace(context_.node, plan.view,
                    logic::LeaderRules{plan.config.min_insync_replicas, context_.max_lag},
                    log_->log_end(), high_watermark_, context_.clock.now());
    context_.probe.emit([&] { return probe::LeaderChanged{key_, epoch(), context_.node}; });
    tell_isr();
    leader_->holds(held());
    advance(leader_->high_watermark());
    // What it took as a follower may not be durable yet; begin() does it for a new object.
    if (!weak_from_this().expired()) follow_log();
    if (context_.isr_news) context_.isr_news(log_->partition());
}

void Partition::follow(const PartitionPlan& plan) {
    if (leader_) context_.probe.reached(probe::Site::leader_deposed);
    if (leader_) {
        deposed_ = context_.clock.now();
        settled_ = deposed_ < held_until_ && high_watermark_ >= log_->log_end();
    }
    leader_.reset();
    caught_up_ = false;
    context_.probe.emit([&] { return probe::PartitionFollows{key_, epoch(), plan.leader}; });
}

// Who is told that another leads asks some broker who: in the first moment that one may not know.
void Partition::let_news_spread() const {
    constexpr Duration kFresh = 1s, kSpread = 20ms;
    if (leader_ || deposed_ == MonoTime{} || context_.clock.now() - deposed_ > kFresh) return;
    context_.scheduler.sleep_until(context_.clock.in(kSpread));
}

// A controlled shutdown moves leaders while clients go on to send. None of them has to notice: what
// comes meanwhile waits, what was there before is committed, and then all of it goes to the next
// leader (Shard's HandOver).
void Partition::hold_appends(MonoTime until) {
    if (leader_ && leader_->view().isr.size() > 1) held_until_ = until;
}

Result<void> Partition::wait_settled(Deadline deadline) {
    return changed_.wait(deadline, {},
                         [&] { return lost_ || !leader_ || high_watermark_ >= log_->log_end(); });
}

fiber::Mutex::Guard Partition::turn_to_append() {
    while (true) {
        auto guard = appending_.lock();
        if (!holds_appends()) return guard;
        {
            const auto given_back = std::move(guard);  // the change of part needs it
        }
        // timed_out: nobody else leads, it goes on.
        (void)changed_.wait(Deadline{held_until_}, {}, [&] { return !holds_appends(); });
    }
}

ProduceAnswer Partition::refuse_as_follower(KafkaError error) const {
    ProduceAnswer answer;
    answer.error = error;
    if (settled_ && !leader_) {
        answer.hand_on = plan_.leader;
    } else {
        let_news_spread();
    }
    return answer;
}

void Partition::tell_isr() const {
    context_.probe.emit([&] {
        const auto& view = leader_->view();
        return probe::IsrChanged{key_, epoch(), view.partition_epoch, model::broker_bits(view.isr)};
    });
}

// KIP-595: the follower says of which epoch its last record is; a log that is no beginning of this
// one is told where they part, and counts for nothing (KAFKA-13141).
FetchAnswer Partition::fetch_as_follower(const FetchPart& part, std::uint64_t max_bytes,
                                         bool min_one) {
    FetchAnswer answer;
    answer.error = check_leader(part.leader_epoch);
    if (answer.error != KafkaError::none) return answer;
    answer.high_watermark = high_watermark_.v;
    answer.log_start = log_->log_start().v;
    const Offset at{part.offset};
    if (part.last_epoch >= 0) {
        const auto end = log_->answer_for_epoch(Epoch{part.last_epoch}, epoch());
        if (!end || end->epoch.v < part.last_epoch || end->end < at) {
            context_.probe.reached(probe::Site::follower_diverges);
            answer.diverging_epoch = end ? end->epoch.v : 0;
            answer.diverging_end = end ? end->end.v : log_->log_start().v;
            return answer;
        }
    }
    if (at < log_->log_start() || at > log_->log_end()) {
        context_.probe.reached(probe::Site::follower_out_of_range);
        answer.error = KafkaError::offset_out_of_range;
        return answer;
    }
    const Epoch reign = epoch();
    if (!leader_->fetched(context_.clock.now(),
                          {NodeId{part.replica}, part.replica_epoch, at,
                           Offset{std::max(part.log_start, std::int64_t{0})}},
                          log_->log_end())) {
        answer.error = KafkaError::unknown_leader_epoch;  // its assignment is news to this node
        return answer;
    }
    context_.probe.emit([&] {
        return probe::FollowerFetched{key_, reign, NodeId{part.replica}, at};
    });
    advance(leader_->high_watermark());
    if (deleting_ > 0) changed_.notify_all();
    answer.high_watermark = high_watermark_.v;
    // What was deleted here is deleted there at once, not after a long poll.
    const bool deleted = part.log_start >= 0 && part.log_start < log_->log_start().v;
    // A follower's own is not above its log's end: there it knows what there is to know.
    answer.news = deleted || part.known_high_watermark < std::min(high_watermark_, at).v;
    const auto& isr = leader_->view().isr;
    if (std::ranges::find(isr, part.replica) == isr.end() && context_.isr_news)
        context_.isr_news(log_->partition());
    if (at >= log_->log_end() || (max_bytes == 0 && !min_one)) return answer;
    if (held_back(NodeId{part.replica})) {
        context_.probe.reached(probe::Site::leader_throttles_follower);
        return answer;
    }
    auto read = log_->read({.from = at,
                            .max_bytes = std::min(part.max_bytes, max_bytes),
                            .up_to = Offset{INT64_MAX},
                            .min_one = min_one});
    if (epoch() != reign || !leader_) {  // what was read may be cut by now
        answer.error = KafkaError::not_leader_or_follower;
        return answer;
    }
    if (!read.ok()) {
        answer.error = read.code() == Errc::not_found ? KafkaError::offset_out_of_range
                                                      : wire::to_kafka_error(read.code());
        return answer;
    }
    answer.slices = std::move(read->slices);
    answer.bytes = read->bytes;
    if (throttled_as_leader_) context_.leader_throttle.take(answer.bytes, context_.clock.now());
    return answer;
}

// KIP-73: what members of the ISR take counts, but they are never held back.
bool Partition::held_back(NodeId follower) const {
    if (!throttled_as_leader_) return false;
    const auto& isr = leader_->view().isr;
    return std::ranges::find(isr, follower.v) == isr.end() &&
           context_.leader_throttle.used_up(context_.clock.now());
}

std::optional<logic::IsrProposal> Partition::propose_isr(
    const std::function<bool(std::int32_t, std::int64_t)>& may_join) {
    if (!leader_) return std::nullopt;
    auto proposal = leader_->propose(context_.clock.now(), may_join);
    if (proposal) {
        const bool shrinks = proposal->isr.size() < leader_->view().isr.size();
        context_.probe.reached(shrinks ? probe::Site::isr_shrinks : probe::Site::isr_grows);
    }
    return proposal;
}

void Partition::isr_answered(std::optional<wire::KafkaError> error) {
    if (!leader_) return;
    if (!error) return leader_->unanswered();
    switch (*error) {
        case KafkaError::none: return;  // the image brings it
        case KafkaError::invalid_update_version:
        case KafkaError::fenced_leader_epoch:
        case KafkaError::not_controller: return leader_->unanswered();  // news are on their way
        default: break;
    }
    leader_->refused();
    advance(leader_->high_watermark());
}

MonoTime Partition::next_isr_check() const {
    return leader_ ? leader_->next_check() : MonoTime::never();
}
}  // namespace faultline::broker
