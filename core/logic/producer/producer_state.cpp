#include "core/logic/producer/producer_state.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic {

std::int32_t sequence_after(std::int32_t base, std::int32_t n) noexcept {
    constexpr std::int64_t kSequences = std::int64_t{INT32_MAX} + 1;
    return static_cast<std::int32_t>((std::int64_t{base} + n) % kSequences);
}

std::int32_t sequence_before(std::int32_t last, std::int32_t n) noexcept {
    const std::int64_t back = std::int64_t{last} - n;
    return static_cast<std::int32_t>(back >= 0 ? back : back + INT32_MAX + 1);
}

bool sequence_precedes(std::int32_t a, std::int32_t b) noexcept {
    constexpr std::int64_t kSequences = std::int64_t{INT32_MAX} + 1;
    const std::int64_t ahead = (std::int64_t{b} - a + kSequences) % kSequences;
    return ahead > 0 && ahead < kSequences / 2;
}

bool ProducerStates::gap_before(const ProducerBatch& batch) const {
    if (batch.producer_id < 0) return false;
    const auto it = states_.find(batch.producer_id);
    if (it == states_.end() || batch.producer_epoch > it->second.epoch)
        return batch.base_sequence > 0;
    const State& state = it->second;
    if (batch.producer_epoch < state.epoch || state.batches.empty()) return false;
    return sequence_precedes(sequence_after(state.batches.back().last_sequence, 1),
                             batch.base_sequence);
}

ProducerVerdict ProducerStates::check(const ProducerBatch& batch) const {
    if (batch.producer_id < 0) return {};
    const auto it = states_.find(batch.producer_id);
    // A producer that the log does not know, or knows no batch of, may start at any sequence: what
    // it wrote before may have been deleted.
    if (it == states_.end()) return {};
    const State& state = it->second;
    if (batch.producer_epoch < state.epoch) return {.check = ProducerCheck::invalid_producer_epoch};
    if (batch.producer_epoch > state.epoch) {
        if (batch.base_sequence == 0) return {};
        return {.check = ProducerCheck::out_of_order_sequence};
    }
    const std::int32_t last_sequence = sequence_after(batch.base_sequence, batch.count - 1);
    for (const Batch& b : state.batches) {
        if (b.base_sequence == batch.base_sequence && b.last_sequence == last_sequence) {
            return {ProducerCheck::duplicate, b.first, b.last, b.timestamp};
        }
    }
    if (state.batches.empty() ||
        batch.base_sequence == sequence_after(state.batches.back().last_sequence, 1)) {
        return {};
    }
    return {.check = ProducerCheck::out_of_order_sequence};
}

void ProducerStates::appended(const ProducerBatch& batch, Offset first, Offset last,
                              std::int64_t timestamp, WallTime now) {
    if (batch.producer_id < 0) return;
    FL_ASSERT(batch.count > 0);
    State& state = states_[batch.producer_id];
    if (state.epoch != batch.producer_epoch) {
        state.epoch = batch.producer_epoch;
        state.batches.clear();
    }
    if (state.batches.size() == kRemembered) state.batches.erase(state.batches.begin());
    state.batches.push_back({batch.base_sequence,
                             sequence_after(batch.base_sequence, batch.count - 1), first, last,
                             timestamp});
    state.touched = now;
}

void ProducerStates::expire(WallTime now, Duration idle) {
    const std::int64_t idle_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
    std::erase_if(states_, [&](const auto& s) { return now.ms - s.second.touched.ms > idle_ms; });
}

void ProducerStates::truncate(Offset end) {
    for (auto& [id, state] : states_) {
        std::erase_if(state.batches, [&](const Batch& b) { return b.last >= end; });
    }
    std::erase_if(states_, [](const auto& s) { return s.second.batches.empty(); });
}

std::vector<ProducerStates::Entry> ProducerStates::entries() const {
    std::vector<Entry> all;
    for (const auto& [id, state] : states_) {
        if (state.batches.empty()) {  // Kafka's snapshot of one that has only ended a transaction
            all.push_back({id, state.epoch, -1, Offset{-1}, 0, -1});
            continue;
        }
        const Batch& newest = state.batches.back();
        all.push_back({id, state.epoch, newest.last_sequence, newest.last,
                       static_cast<std::int32_t>(newest.last - newest.first), newest.timestamp});
    }
    return all;
}

void ProducerStates::restore(std::int64_t producer_id, State state) {
    FL_ASSERT(producer_id >= 0 && state.batches.size() <= kRemembered);
    states_[producer_id] = std::move(state);
}
}  // namespace faultline::logic
