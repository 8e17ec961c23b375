// Reading: whole batches as file slices, and times.
#include <algorithm>

#include "core/storage/partition_log_impl.h"
#include "core/storage/record_scan.h"

namespace faultline::storage {

std::size_t PartitionLog::Impl::segment_of(Offset offset) const {
    const auto after =
        std::upper_bound(segments.begin(), segments.end(), offset,
                         [](Offset o, const SegmentRef& s) { return o < s->base(); });
    return after == segments.begin() ? 0 : static_cast<std::size_t>(after - segments.begin()) - 1;
}

Error PartitionLog::Impl::corruption(Offset at) {
    ctx.log.error("{}-{}: the batch at offset {} is damaged and is not served",
                  options.partition.topic, options.partition.index.v, at.v);
    ctx.probe.reached(probe::Site::batch_found_damaged);
    ctx.probe.emit([&] { return probe::CorruptionFound{key, at}; });
    return {Errc::corrupt, 0, "log.read"};
}

Result<void> PartitionLog::Impl::load_index(Segment& segment) {
    FL_TRY(const bool rebuilt, segment.load_index(options.config.index_interval_bytes));
    if (rebuilt) ctx.probe.reached(probe::Site::index_rebuilt);
    return {};
}

std::optional<BatchAt> PartitionLog::Impl::tail_locate(Offset offset) const {
    if (tail.empty() || offset < tail.front().base) return {};
    const auto it = std::partition_point(tail.begin(), tail.end(),
                                         [&](const TailBatch& b) { return b.last < offset; });
    if (it == tail.end()) return {};
    BatchAt found;
    found.header.base = it->base;
    found.header.last_delta = static_cast<std::int32_t>(it->last - it->base);
    found.header.length = static_cast<std::int32_t>(it->bytes - kBatchOverhead);
    found.position = it->position;
    return found;
}

std::optional<Segment::Boundary> PartitionLog::Impl::tail_boundary(const BatchAt& start,
                                                                   std::uint64_t budget,
                                                                   Offset limit,
                                                                   bool min_one) const {
    if (tail.empty() || start.position < tail.front().position) return {};
    Segment::Boundary out{start.position, start.header.base};
    // The end of the log inside the budget is the common case: no walk.
    const TailBatch& end = tail.back();
    if (end.last < limit && end.position + end.bytes - start.position <= budget) {
        return Segment::Boundary{end.position + end.bytes, end.last + 1};
    }
    auto it = std::partition_point(tail.begin(), tail.end(),
                                   [&](const TailBatch& b) { return b.position < start.position; });
    for (; it != tail.end() && it->last < limit; ++it) {
        const std::uint64_t upto = it->position + it->bytes;
        const bool first = it->position == start.position;
        if (upto - start.position > budget && !(first && min_one)) break;
        out = {upto, it->last + 1};
    }
    return out;
}

Result<std::optional<BatchAt>> PartitionLog::Impl::locate(Segment& segment, bool is_active,
                                                          Offset offset) {
    if (is_active) {
        if (auto found = tail_locate(offset)) return found;
    }
    const std::uint64_t seen = generation;
    FL_CHECK(load_index(segment));
    auto found = segment.locate(offset);
    if (found.ok() || found.code() != Errc::corrupt) return found;
    FL_TRY(const bool again, segment.rebuild_index(options.config.index_interval_bytes));
    if (again) {
        ctx.probe.reached(probe::Site::index_rebuilt);
        ctx.probe.reached(probe::Site::index_contradicted_log);
        found = segment.locate(offset);
    }
    if (!found.ok() && found.code() == Errc::corrupt && generation == seen)
        return corruption(offset);
    return found;
}

Result<ReadResult> PartitionLog::Impl::read(const ReadOptions& o) {
    for (;;) {
        const std::uint64_t seen = generation;
        ReadResult out;
        out.first = out.next = o.from;
        if (o.from < log_start || o.from > log_end) return Error{Errc::not_found, 0, "log.read"};
        const Offset limit = std::min(o.up_to, dir->failed() ? durable_end : log_end);
        Error error{};
        bool more = true, failed = false;
        for (std::size_t i = segment_of(o.from); more && i < segments.size(); ++i) {
            if (out.next >= limit || out.bytes >= o.max_bytes) break;
            const auto went = read_segment(segments[i], o, limit, out);
            if (generation != seen) break;
            failed = !went.ok();
            if (failed) error = went.error();
            more = went.ok() && *went;
        }
        if (generation != seen) {  // cut or trimmed while this fiber was parked
            ctx.probe.reached(probe::Site::read_restarted);
            continue;
        }
        if (out.slices.size() > 1) ctx.probe.reached(probe::Site::read_across_segments);
        if (failed && out.slices.empty()) return error;
        return out;
    }
}

// Appends what one segment has to `out`. True: all of it, the next segment follows.
Result<bool> PartitionLog::Impl::read_segment(SegmentRef segment, const ReadOptions& o,
                                              Offset limit, ReadResult& out) {
    const bool first_slice = out.slices.empty();
    const std::uint64_t budget = o.max_bytes - out.bytes;
    const std::uint64_t seen = generation;
    // A sealed segment ends where the next one begins, unless compaction took its end: else it was
    // lost, and the records after it must not pass for those that follow.
    if (segment->base() > out.next && segment->base() > dense_from) return corruption(out.next);
    const auto damaged = [&](Offset at) {
        // What replaced the segment meanwhile may have another index: the read begins anew.
        return generation == seen ? corruption(at) : Error{Errc::corrupt, 0, "log.read"};
    };
    FL_TRY(const auto start, locate(*segment, segment == segments.back(), out.next));
    if (!start) return segment != segments.back();  // compacted away: the next segment goes on
    if (start->header.last() >= limit) return false;
    const bool min_one = first_slice && o.min_one;
    std::optional<Segment::Boundary> end;
    // A roll while this fiber was parked would have made the tail another segment's.
    if (segment == segments.back() && generation == seen)
        end = tail_boundary(*start, budget, limit, min_one);
    if (!end) {
        FL_CHECK(load_index(*segment));
        auto found = segment->boundary(*start, budget, limit, min_one);
        if (!found.ok()) {
            return found.code() == Errc::corrupt ? damaged(start->header.base) : found.error();
        }
        end = *found;
    }
    if (end->position == start->position) return false;
    if (!segment->verified(start->position, end->position)) {
        FL_TRY(const std::uint64_t good,
               segment->verify(start->position, end->position, start->header.base));
        if (good <= start->position) return damaged(start->header.base);
        if (good < end->position) {  // serve what stands before the damage
            ctx.probe.reached(probe::Site::read_stopped_at_damage);
            FL_TRY(*end, segment->boundary(*start, good - start->position, limit, false));
            if (end->position == start->position) return false;
        }
    }
    FL_TRY(FileRef file, segment->file());
    if (first_slice) out.first = start->header.base;
    out.slices.push_back({std::move(file), start->position, end->position - start->position});
    out.bytes += end->position - start->position;
    out.next = end->next;
    FL_INVARIANT(13, out.next <= limit && out.next > o.from);
    return end->position == segment->bytes();
}

Result<std::optional<TimestampOffset>> PartitionLog::Impl::offset_for_timestamp(std::int64_t ts,
                                                                                Offset up_to) {
    for (;;) {
        const std::uint64_t seen = generation;
        std::optional<TimestampOffset> found;
        for (std::size_t i = segment_of(log_start); i < segments.size() && !found; ++i) {
            const SegmentRef segment = segments[i];
            FL_TRY(const std::int64_t newest,
                   segment->largest_timestamp(options.config.index_interval_bytes));
            if (generation != seen) break;
            if (newest < ts) continue;
            FL_CHECK(load_index(*segment));
            if (generation != seen) break;
            FL_TRY(found, search_segment(*segment, ts, up_to));
            if (generation != seen) break;
        }
        if (generation != seen) continue;
        if (found && found->offset >= up_to) found.reset();
        return found;
    }
}

Result<std::optional<TimestampOffset>> PartitionLog::Impl::search_segment(Segment& segment,
                                                                          std::int64_t ts,
                                                                          Offset up_to) {
    std::uint64_t from = 0;
    if (const auto time = segment.index().floor_time(ts)) {
        const auto entry = segment.index().floor(segment.base() + time->last);
        if (entry) from = static_cast<std::uint64_t>(entry->position);
    }
    FL_TRY(FileRef file, segment.file());
    BatchScan walk(file, from, segment.bytes(), BatchScan::Check::header);
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) return std::optional<TimestampOffset>{};
        if (step == BatchScan::Step::damaged) return corruption(segment.base());
        const BatchHeader& h = walk.header();
        if (h.base >= up_to) return std::optional<TimestampOffset>{};
        if (h.max_timestamp < ts || h.last() < log_start) continue;
        FL_TRY(const IoBuf batch, file->read(walk.position(), h.size()));
        if (batch.size() != h.size() || !crc_matches(h, batch)) return corruption(h.base);
        FL_TRY(const auto record, find_record(h, batch, ts, log_start));
        if (record)
            return std::optional<TimestampOffset>{{record->timestamp, record->offset, h.epoch}};
    }
}

Result<std::optional<TimestampOffset>> PartitionLog::Impl::max_timestamp() {
    for (;;) {
        const std::uint64_t seen = generation;
        std::int64_t largest = -1;
        for (std::size_t i = segment_of(log_start); i < segments.size(); ++i) {
            const SegmentRef segment = segments[i];
            FL_TRY(const std::int64_t newest,
                   segment->largest_timestamp(options.config.index_interval_bytes));
            if (generation != seen) break;
            largest = std::max(largest, newest);
        }
        if (generation != seen) continue;
        if (largest < 0) return std::optional<TimestampOffset>{};
        return offset_for_timestamp(largest, Offset{INT64_MAX});
    }
}
}  // namespace faultline::storage
