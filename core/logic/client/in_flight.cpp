#include "core/logic/client/in_flight.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"

namespace faultline::client {

using wire::KafkaError;
using Fate = BatchVerdict::Fate;

std::int32_t sequence_past(std::int32_t sequence, std::int32_t records) noexcept {
    return static_cast<std::int32_t>((std::int64_t{sequence} + records) & INT32_MAX);
}

BatchAnswer meaning_of(KafkaError error) noexcept {
    switch (error) {
        case KafkaError::none:
        case KafkaError::duplicate_sequence_number: return BatchAnswer::written;
        case KafkaError::out_of_order_sequence_number: return BatchAnswer::out_of_order;
        case KafkaError::unknown_producer_id: return BatchAnswer::forgotten;
        case KafkaError::invalid_producer_epoch:
        case KafkaError::producer_fenced: return BatchAnswer::fenced;
        case KafkaError::unknown_server_error: return BatchAnswer::unclear_for_good;
        case KafkaError::request_timed_out:
        case KafkaError::not_leader_or_follower:
        case KafkaError::not_enough_replicas_after_append:
        case KafkaError::kafka_storage_error: return BatchAnswer::unclear;
        default:
            return wire::is_retriable(error) ? BatchAnswer::refused : BatchAnswer::refused_for_good;
    }
}

InFlight::InFlight(std::size_t limit, bool numbered)
    : limit_(std::max<std::size_t>(1, numbered ? std::min(limit, kMostNumbered) : limit)),
      numbered_(numbered) {}

std::size_t InFlight::limit() const noexcept { return numbered_ && !known_ ? 1 : limit_; }

void InFlight::identified(std::int64_t producer_id, std::int16_t epoch) {
    FL_ASSERT(wants_id() && producer_id >= 0);
    producer_id_ = producer_id;
    epoch_ = epoch;
    number_from_zero();
}

void InFlight::renounce() {
    FL_ASSERT(wants_id());
    numbered_ = broken_ = spent_ = false;
    limit_ = 1;
    for (Batch& b : batches_) b.sequence = -1;
}

void InFlight::number_from_zero() {
    next_sequence_ = 0;
    std::erase_if(batches_, [](const Batch& b) { return b.done; });
    for (Batch& b : batches_) {
        FL_INVARIANT(60, !b.out && !b.unclear);
        b.sequence = next_sequence_;
        next_sequence_ = sequence_past(next_sequence_, b.records);
    }
    broken_ = spent_ = known_ = probing_ = false;
}

void InFlight::drop_done() {
    const auto first = std::ranges::find(batches_, false, &Batch::done);
    batches_.erase(batches_.begin(), first);
}

void InFlight::settle() {
    drop_done();
    const auto holds = [](const Batch& b) { return b.out || b.unclear; };
    if (broken_ && std::ranges::none_of(batches_, holds)) {
        if (spent_ || epoch_ == INT16_MAX) {
            producer_id_ = -1;
            epoch_ = -1;
        } else {
            ++epoch_;
            number_from_zero();
        }
    }
    check();
}

void InFlight::check() const {
    FL_INVARIANT(60, std::cmp_less_equal(std::ranges::count_if(batches_, &Batch::out), limit_));
    if (!numbered_ || broken_ || producer_id_ < 0) return;
    for (std::size_t i = 0; i < batches_.size(); ++i) {
        const std::int32_t next =
            i + 1 < batches_.size() ? batches_[i + 1].sequence : next_sequence_;
        FL_INVARIANT(60, sequence_past(batches_[i].sequence, batches_[i].records) == next);
    }
}

InFlight::Place InFlight::place(Id id) {
    const auto at = std::ranges::find(batches_, id, &Batch::id);
    FL_ASSERT(at != batches_.end());
    return at;
}

bool InFlight::may_take() const {
    if (wants_id() || broken_ || batches_.size() >= limit()) return false;
    return std::ranges::all_of(batches_, [](const Batch& b) { return b.out || b.done; });
}

InFlight::Id InFlight::take(std::int32_t records) {
    FL_ASSERT(may_take() && records > 0);
    Batch& b = batches_.emplace_back();
    b.id = next_id_++;
    b.records = records;
    b.out = true;
    b.alone = batches_.size() == 1;
    if (numbered_) {
        b.sequence = next_sequence_;
        next_sequence_ = sequence_past(next_sequence_, records);
    }
    check();
    return b.id;
}

std::optional<InFlight::Id> InFlight::next_again() const {
    if (wants_id()) return std::nullopt;
    if (broken_) {
        // Whether these are in the log is found out under the numbers that they had.
        if (std::ranges::any_of(batches_, &Batch::out)) return std::nullopt;
        const auto first = std::ranges::find(batches_, true, &Batch::unclear);
        return first == batches_.end() ? std::nullopt : std::optional(first->id);
    }
    const auto out = std::ranges::count_if(batches_, &Batch::out);
    if (std::cmp_greater_equal(out, limit())) return std::nullopt;
    const std::size_t end = std::min(batches_.size(), probing_ ? 1 : limit());
    for (std::size_t i = 0; i < end; ++i) {
        if (!batches_[i].out && !batches_[i].done) return batches_[i].id;
    }
    return std::nullopt;
}

void InFlight::resent(Id id) {
    FL_ASSERT(next_again() == id);
    const auto at = place(id);
    at->out = true;
    at->alone = at == batches_.begin();
    check();
}

InFlight::Numbers InFlight::numbers(Id id) const {
    const auto at = std::ranges::find(batches_, id, &Batch::id);
    FL_ASSERT(at != batches_.end());
    if (!numbered_) return {};
    return {producer_id_, epoch_, at->sequence};
}

BatchVerdict InFlight::answered(Id id, BatchAnswer answer) {
    const auto at = place(id);
    FL_ASSERT(at->out);
    at->out = false;
    switch (answer) {
        case BatchAnswer::written:
            known_ = true;
            probing_ = false;
            at->done = true;
            at->unclear = false;
            if (!numbered_) batches_.erase(at);
            settle();
            return {};
        case BatchAnswer::unclear: at->unclear = true; [[fallthrough]];
        case BatchAnswer::refused:
            probing_ = true;
            settle();
            return {.fate = Fate::again, .pause = true};
        case BatchAnswer::unclear_for_good: at->unclear = true; [[fallthrough]];
        case BatchAnswer::refused_for_good: return fail(at);
        case BatchAnswer::out_of_order:
        case BatchAnswer::forgotten:
        case BatchAnswer::fenced: return misnumbered(at, answer);
    }
    FL_UNREACHABLE();
}

BatchVerdict InFlight::misnumbered(Place at, BatchAnswer answer) {
    if (!numbered_) return fail(at);
    if (answer == BatchAnswer::fenced) spent_ = true;
    // One before it was refused or lost: it comes first, then this one again.
    if (answer == BatchAnswer::out_of_order && !broken_ && !at->alone) return {.fate = Fate::again};
    broken_ = true;
    if (at->unclear) return fail(at);
    settle();
    return {.fate = Fate::again, .pause = true};
}

BatchVerdict InFlight::fail(Place at) {
    const BatchVerdict verdict{.fate = Fate::failed, .maybe_written = at->unclear};
    if (numbered_ && producer_id_ >= 0) {
        // Nobody has seen the last one's numbers; those after another one's would leave a gap.
        if (!at->unclear && !broken_ && std::next(at) == batches_.end()) {
            next_sequence_ = at->sequence;
        } else {
            broken_ = true;
        }
    }
    batches_.erase(at);
    settle();
    return verdict;
}

BatchVerdict InFlight::expired(Id id) {
    const auto at = place(id);
    at->unclear = at->unclear || at->out;
    return fail(at);
}

bool InFlight::may_split(Id id) const {
    const auto at = std::ranges::find(batches_, id, &Batch::id);
    FL_ASSERT(at != batches_.end());
    return !at->unclear && at->records > 1;
}

std::pair<InFlight::Id, InFlight::Id> InFlight::split(Id id, std::int32_t first) {
    const auto at = place(id);
    FL_ASSERT(at->out && may_split(id) && first > 0 && first < at->records);
    Batch rest = *at;
    at->out = rest.out = false;
    at->id = next_id_++;
    rest.id = next_id_++;
    at->records = first;
    rest.records -= first;
    if (numbered_) rest.sequence = sequence_past(at->sequence, first);
    const std::pair<Id, Id> made{at->id, rest.id};
    batches_.insert(std::next(at), rest);
    settle();
    return made;
}

std::vector<InFlight::Id> InFlight::ids() const {
    std::vector<Id> all;
    for (const Batch& b : batches_) {
        if (!b.done) all.push_back(b.id);
    }
    return all;
}
}  // namespace faultline::client
