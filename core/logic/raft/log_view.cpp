#include "core/logic/raft/log_view.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic::raft {

LogEnd LogView::last() const { return {epochs.latest().value_or(snapshot.epoch), end}; }

std::optional<LogView::Match> LogView::match(const LogEnd& other) const {
    if (other.end < start) return {};
    if (other.end == start && (start == Offset{0} || other == snapshot)) return Match{true, other};
    const auto known = epochs.end_of(other.epoch, end);
    if (!known) {
        // All of its records are older than ours.
        if (start > Offset{0}) return {};
        return Match{false, LogEnd{}};
    }
    if (known->epoch == other.epoch && other.end <= known->end) return Match{true, other};
    return Match{false, {known->epoch, std::min(known->end, other.end)}};
}

void LogView::append(const Batch& batch) {
    FL_ASSERT(batch.base == end && batch.count > 0);
    const auto latest = epochs.latest();
    FL_ASSERT(latest.value_or(snapshot.epoch) <= batch.epoch);
    if (latest != batch.epoch) epochs.assign(batch.epoch, batch.base);
    end = batch.end();
}

void LogView::truncate(Offset to) {
    FL_ASSERT(to >= start && to <= end);
    // INV-124  Nothing is cut while a sync is awaited: its report could not be told from one of
    // later.
    FL_INVARIANT(124, durable == end);
    ++cuts;
    end = durable = to;
    epochs.truncate_end(to);
}

void LogView::restart(const LogEnd& at) {
    ++cuts;
    epochs.clear();
    start = end = durable = at.end;
    snapshot = at;
}

void LogView::trim(const LogEnd& at) {
    FL_ASSERT(at.end >= start && at.end <= end);
    start = at.end;
    snapshot = at;
    epochs.truncate_start(start);
    if (start == end) epochs.clear();
}
}  // namespace faultline::logic::raft
