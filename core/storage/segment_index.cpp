#include "core/storage/segment_index.h"

#include <algorithm>

namespace faultline::storage {

void SegmentIndex::add_timestamp(const BatchHeader& batch) {
    if (batch.max_timestamp <= largest_) return;
    largest_ = batch.max_timestamp;
    largest_at_ = batch.last();
}

void SegmentIndex::add(const BatchHeader& batch, std::uint64_t position, std::int64_t interval) {
    add_timestamp(batch);
    if (since_ > interval) {
        offsets_.push_back(
            {static_cast<std::int32_t>(batch.last() - base_), static_cast<std::int32_t>(position)});
        seal();
        since_ = 0;
    }
    since_ += static_cast<std::int64_t>(batch.size());
}

void SegmentIndex::seal() {
    if (largest_ < 0) return;
    if (!times_.empty() && times_.back().timestamp >= largest_) return;
    times_.push_back({largest_, static_cast<std::int32_t>(largest_at_ - base_)});
}

void SegmentIndex::truncate(std::uint64_t position, Offset end) {
    while (!offsets_.empty() && (static_cast<std::uint64_t>(offsets_.back().position) >= position ||
                                 base_ + offsets_.back().last >= end)) {
        offsets_.pop_back();
    }
    while (!times_.empty() && base_ + times_.back().last >= end) times_.pop_back();
    largest_ = times_.empty() ? -1 : times_.back().timestamp;
    largest_at_ = times_.empty() ? Offset{-1} : base_ + times_.back().last;
    since_ = 0;
}

std::optional<IndexEntry> SegmentIndex::floor(Offset offset) const {
    const auto after =
        std::upper_bound(offsets_.begin(), offsets_.end(), offset,
                         [this](Offset o, const IndexEntry& e) { return o < base_ + e.last; });
    if (after == offsets_.begin()) return {};
    return *(after - 1);
}

std::optional<IndexEntry> SegmentIndex::floor_position(std::uint64_t position, Offset limit) const {
    const auto after =
        std::partition_point(offsets_.begin(), offsets_.end(), [&](const IndexEntry& e) {
            return static_cast<std::uint64_t>(e.position) <= position && base_ + e.last < limit;
        });
    if (after == offsets_.begin()) return {};
    return *(after - 1);
}

std::optional<TimeEntry> SegmentIndex::floor_time(std::int64_t timestamp) const {
    const auto after =
        std::upper_bound(times_.begin(), times_.end(), timestamp,
                         [](std::int64_t t, const TimeEntry& e) { return t < e.timestamp; });
    if (after == times_.begin()) return {};
    return *(after - 1);
}

std::optional<IndexEntry> SegmentIndex::last_entry() const {
    if (offsets_.empty()) return {};
    return offsets_.back();
}

IoBuf SegmentIndex::encode_offsets() const {
    BufBuilder out(offsets_.size() * kEntryBytes);
    for (const IndexEntry& e : offsets_) {
        std::byte* p = out.reserve(kEntryBytes);
        store_be32(p, e.last);
        store_be32(p + 4, e.position);
        out.commit(kEntryBytes);
    }
    return IoBuf{out.take()};
}

IoBuf SegmentIndex::encode_times() const {
    BufBuilder out(times_.size() * kTimeEntryBytes);
    for (const TimeEntry& e : times_) {
        std::byte* p = out.reserve(kTimeEntryBytes);
        store_be64(p, e.timestamp);
        store_be32(p + 8, e.last);
        out.commit(kTimeEntryBytes);
    }
    return IoBuf{out.take()};
}

bool SegmentIndex::decode(const IoBuf& offsets, const IoBuf& times, std::uint64_t segment_bytes) {
    *this = SegmentIndex(base_);
    if (offsets.size() % kEntryBytes != 0 || times.size() % kTimeEntryBytes != 0) return false;
    const Slice o = offsets.coalesce_copy(), t = times.coalesce_copy();
    bool good = true;
    for (std::size_t at = 0; good && at < o.size(); at += kEntryBytes) {
        const IndexEntry e{load_be32(o.bytes().data() + at), load_be32(o.bytes().data() + at + 4)};
        const IndexEntry before = offsets_.empty() ? IndexEntry{-1, -1} : offsets_.back();
        good = e.last > before.last && e.position > before.position &&
               static_cast<std::uint64_t>(e.position) < segment_bytes;
        offsets_.push_back(e);
    }
    for (std::size_t at = 0; good && at < t.size(); at += kTimeEntryBytes) {
        const TimeEntry e{load_be64(t.bytes().data() + at), load_be32(t.bytes().data() + at + 8)};
        const TimeEntry before = times_.empty() ? TimeEntry{-1, 0} : times_.back();
        good = e.timestamp > before.timestamp && e.last >= before.last;
        times_.push_back(e);
    }
    if (!good) {
        *this = SegmentIndex(base_);
        return false;
    }
    if (!times_.empty()) {
        largest_ = times_.back().timestamp;
        largest_at_ = base_ + times_.back().last;
    }
    return true;
}
}  // namespace faultline::storage
