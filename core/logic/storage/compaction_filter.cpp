#include "core/logic/storage/compaction_filter.h"

#include <algorithm>

namespace faultline::logic::storage {

void TransactionScan::note(const CompactionBatch& batch) {
    if (!batch.transactional && !batch.control) return;
    seen_ = true;
    if (!batch.control) {
        open_.try_emplace(batch.producer_id, batch.base);
        return;
    }
    if (batch.marker != Marker::abort && batch.marker != Marker::commit) return;
    const auto began = open_.find(batch.producer_id);
    if (began == open_.end()) {
        incomplete_ |= batch.marker == Marker::abort;
        return;
    }
    if (batch.marker == Marker::abort)
        aborted_.push_back({batch.producer_id, began->second, batch.last});
    open_.erase(began);
}

CompactionFilter::CompactionFilter(const OffsetMap& map, CompactionRound round)
    : map_(map), round_(std::move(round)) {
    std::ranges::sort(round_.aborted, {}, &AbortedTransaction::first);
}

std::int64_t CompactionFilter::new_horizon() const {
    const std::int64_t room = INT64_MAX - std::max<std::int64_t>(round_.now_ms, 0);
    return round_.now_ms + std::min(round_.delete_retention_ms, room);
}

// Whether what the batch says is of no use any more: data of an aborted transaction at once, a
// marker when no data of its transaction was met.
bool CompactionFilter::discards(const CompactionBatch& batch) {
    for (;
         next_aborted_ < round_.aborted.size() && round_.aborted[next_aborted_].first <= batch.last;
         ++next_aborted_) {
        open_[round_.aborted[next_aborted_].producer_id] = {.aborted = true, .has_data = false};
    }
    if (!batch.control) {
        if (!batch.transactional) return false;
        Open& open = open_[batch.producer_id];
        open.has_data = true;
        return open.aborted;
    }
    switch (batch.marker) {
        case Marker::none: return true;
        case Marker::other: return false;
        case Marker::abort:
        case Marker::commit: break;
    }
    const auto open = open_.find(batch.producer_id);
    if (open == open_.end()) return true;
    const bool has_data = open->second.has_data;
    open_.erase(open);
    return !has_data;
}

bool CompactionFilter::last_of_producer(const CompactionBatch& batch) const {
    const auto it = round_.active.find(batch.producer_id);
    if (batch.producer_id < 0 || it == round_.active.end()) return false;
    const LastOfProducer& last = it->second;
    if (last.last_data) return batch.last == *last.last_data;
    return batch.control && batch.producer_epoch == last.producer_epoch;
}

BatchRuling CompactionFilter::rule(const CompactionBatch& batch, bool keep) {
    const bool useless = discards(batch);
    BatchRuling ruling;
    ruling.ended_marker = useless && batch.control;
    // Readers of committed records need a marker for as long as they may lag behind.
    ruling.no_records =
        useless &&
        (!batch.control || (batch.delete_horizon && *batch.delete_horizon <= round_.now_ms));
    if (keep || last_of_producer(batch)) {
        ruling.keep = BatchRuling::Keep::always;
    } else if (ruling.no_records) {
        ruling.keep = BatchRuling::Keep::no;
    }
    return ruling;
}

bool CompactionFilter::keeps(const CompactionBatch& batch, Offset offset,
                             const std::optional<Bytes>& key, bool has_value) const {
    if (batch.control || offset >= round_.map_end) return true;
    if (!key) return false;
    const auto newest = map_.find(*key);
    if (newest && offset < *newest) return false;
    return has_value || !batch.delete_horizon || round_.now_ms < *batch.delete_horizon;
}
}  // namespace faultline::logic::storage
