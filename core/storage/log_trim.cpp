// Cutting a log at its end, and letting go of its beginning.
#include <algorithm>

#include "core/logic/storage/retention_policy.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {

// While a truncation is under way nobody may call durable what it takes: a checkpoint written
// meanwhile would promise offsets that are about to be written again.
struct Ceiling {
    Ceiling(PartitionLog::Impl& l, Offset to) : log(l) {
        log.durable_ceiling = to;
        log.durable_end = std::min(log.durable_end, to);
    }
    ~Ceiling() { log.durable_ceiling = Offset{INT64_MAX}; }
    Ceiling(const Ceiling&) = delete;
    Ceiling& operator=(const Ceiling&) = delete;
    PartitionLog::Impl& log;
};
}  // namespace

void PartitionLog::Impl::forget_tail_from(Offset offset) {
    while (!tail.empty() && tail.back().last >= offset) tail.pop_back();
}

Result<void> PartitionLog::Impl::truncate_to(Offset offset) {
    FL_CHECK(writable());
    ExclusiveTurn turn(queue);
    FL_CHECK(writable());
    if (offset >= log_end) return producers_unknown ? learn_producers() : Result<void>{};
    offset = std::max(offset, log_start);
    ++cuts;  // before the checkpoints are lowered: a compaction must not raise its own again
    Ceiling hold(*this, offset);
    if (options.before_truncate) FL_CHECK(options.before_truncate(offset));
    queue.fail_appends({Errc::fenced, 0, "log.truncate"});
    const Offset from = log_end;
    auto cut = truncate_segments(offset);
    reserved_end = log_end;
    producers_unknown |= log_end < from;
    if (!cut.ok()) return cut.code() == Errc::cancelled ? cut.error() : dir->note(cut.error());
    if (epochs.truncate_end(log_end) || epochs_dirty) {
        if (auto saved = save_epochs(); !saved.ok()) return dir->note(saved.error());
    }
    forget_gaps_above_end();
    auto known = learn_producers();
    if (!known.ok() && known.code() == Errc::cancelled) return known;
    durable_ceiling = Offset{INT64_MAX};
    set_durable(log_end);
    wake_durable();
    check();
    return known;
}

// Newest first, each step durable before the next: a crash leaves a log that ends somewhere
// between the old end and the new one, without a hole.
Result<void> PartitionLog::Impl::truncate_segments(Offset offset) {
    if (needs_cut) FL_CHECK(cut_failed_write());
    // Where the cut falls is decided before anything is touched.
    const std::size_t keep = segment_of(offset);
    const SegmentRef target = segments[keep];
    FL_TRY(const bool rebuilt, target->load_index(options.config.index_interval_bytes));
    if (rebuilt) ctx.probe.reached(probe::Site::index_rebuilt);
    FL_TRY(const auto batch, target->locate(offset));
    FL_CHECK(drop_snapshots_above(batch ? std::min(batch->header.base, offset) : offset));
    ++generation;
    // Each step is told before it is taken: a crash within it leaves what was told, or more.
    const auto ends_at = [this](Offset end) {
        if (end >= log_end) return;
        ctx.probe.emit([&] { return probe::LogTruncated{key, log_end, end}; });
        log_end = end;
        durable_end = std::min(durable_end, log_end);
        sync_target = std::min(sync_target, log_end);
        forget_tail_from(log_end);
    };
    while (segments.size() > keep + 1) {
        const SegmentRef last = segments.back();
        segments.pop_back();
        ends_at(last->base());
        ++generation;
        FL_CHECK(remove_segment(*last));
    }
    if (batch) ends_at(batch->header.base);
    ends_at(offset);  // compaction may have left nothing right above it
    return batch ? target->cut(batch->position, log_end) : Result<void>{};
}

Result<void> PartitionLog::Impl::start_again_at(Offset offset) {
    FL_CHECK(writable());
    ExclusiveTurn turn(queue);
    FL_CHECK(writable());
    log_start = std::min(log_start, offset);
    ++cuts;
    Ceiling hold(*this, log_start);
    if (options.before_truncate) FL_CHECK(options.before_truncate(log_start));
    queue.fail_appends({Errc::fenced, 0, "log.truncate"});
    const Offset from = log_end;
    const auto steps = [&]() -> Result<void> {
        if (needs_cut) FL_CHECK(cut_failed_write());
        FL_CHECK(drop_snapshots_above(Offset{-1}));
        producers.clear();
        // As truncate_segments() does; where it begins again is told when it has.
        ctx.probe.emit([&] { return probe::LogTruncated{key, from, std::min(from, log_start)}; });
        producers_unknown = true;
        ++generation;
        while (segments.size() > 1) {
            const SegmentRef last = segments.back();
            segments.pop_back();
            log_end = std::min(log_end, last->base());
            log_start = std::min(log_start, log_end);
            durable_end = std::min(durable_end, log_end);
            sync_target = std::min(sync_target, log_end);
            tail.clear();
            FL_CHECK(remove_segment(*last));
        }
        const SegmentRef last = segments.back();
        auto fresh = std::make_shared<Segment>(ctx.disk, options.path, offset, 0);
        if (offset == last->base()) {
            FL_CHECK(load_index(*last));
            FL_CHECK(last->cut(0, last->base()));
            fresh = last;
        } else {
            // Removed before the new one exists, so that no crash leaves two with a hole between.
            FL_CHECK(remove_segment(*last));
            FL_CHECK(fresh->create());
        }
        fresh->created_ms = ctx.clock.wall().ms;
        fresh->dense_from = dense_from;
        segments.assign(1, fresh);
        tail.clear();
        log_start = log_end = durable_end = sync_target = offset;
        producers_unknown = false;
        epochs.clear();
        return save_epochs();
    };
    auto result = steps();
    reserved_end = log_end;
    ++generation;
    if (!result.ok()) return result.code() == Errc::cancelled ? result : dir->note(result.error());
    ctx.probe.emit([&] { return probe::LogTruncated{key, from, offset}; });
    wake_durable();
    check();
    return {};
}

// Readers that hold the file go on. The log first: an index without a log is only left over.
Result<void> PartitionLog::Impl::remove_segment(const Segment& segment) {
    const auto gone = [&](const std::string& path) -> Result<void> {
        auto removed = ctx.disk.remove(path);
        if (!removed.ok() && removed.code() != Errc::not_found) return removed;
        return {};
    };
    FL_CHECK(gone(segment.log_path()));
    FL_CHECK(gone(segment.index_path()));
    FL_CHECK(gone(segment.time_index_path()));
    FL_CHECK(ctx.disk.sync_dir(options.path));
    ctx.probe.emit([&] { return probe::SegmentDeleted{key, segment.base()}; });
    return {};
}

void PartitionLog::Impl::move_log_start(Offset to) {
    if (to <= log_start) return;
    FL_INVARIANT(16, to <= log_end);
    const Offset from = log_start;
    log_start = to;
    epochs_dirty |= epochs.truncate_start(to);
    ctx.probe.emit([&] { return probe::LogStartMoved{key, from, to}; });
}

// Oldest first, each durable before the next: what is left is always without a hole. Requires: this
// fiber leads.
Result<void> PartitionLog::Impl::remove_oldest(std::size_t count) {
    FL_ASSERT(count < segments.size());
    for (; count > 0; --count) {
        const SegmentRef oldest = segments.front();
        move_log_start(segments[1]->base());
        segments.erase(segments.begin());
        ++generation;
        auto removed = drop_stray_snapshots();
        if (removed.ok()) removed = remove_segment(*oldest);
        if (!removed.ok()) {
            return removed.code() == Errc::cancelled ? removed : dir->note(removed.error());
        }
    }
    return {};
}

Result<void> PartitionLog::Impl::delete_records_before(Offset offset) {
    FL_CHECK(writable());
    ExclusiveTurn turn(queue);
    FL_CHECK(writable());
    if (offset > log_end) return Error{Errc::invalid, 0, "log.delete_records"};
    // The start is written down at once; it must not be ahead of what a crash leaves.
    FL_CHECK(wait_durable(offset, Deadline::never(), {}));
    move_log_start(offset);
    std::size_t count = 0;
    while (count + 1 < segments.size() && segments[count + 1]->base() <= log_start) ++count;
    auto removed = remove_oldest(count);
    check();
    return removed;
}

Result<std::size_t> PartitionLog::Impl::apply_retention(Offset limit) {
    FL_CHECK(writable());
    ExclusiveTurn turn(queue);
    FL_CHECK(writable());
    std::vector<logic::storage::SegmentSummary> summaries;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const SegmentRef s = segments[i];
        FL_TRY(const std::int64_t largest,
               s->largest_timestamp(options.config.index_interval_bytes));
        if (i + 1 < segments.size()) s->release_idle_index();
        if (i + 1 < segments.size() || durable_end == log_end) s->release_idle_file();
        const auto ms_since = [this](MonoTime then) {
            return (ctx.clock.now() - then).count() / 1'000'000;
        };
        const std::int64_t stamp = largest >= 0 ? largest : s->created_ms;
        const std::int64_t ago_ms =
            s->last_append ? ms_since(*s->last_append) : opened_wall.ms - stamp + ms_since(opened);
        summaries.push_back(
            {s->base(), segment_end(i), s->bytes(), largest, s->created_ms, ago_ms});
    }
    const LogConfig& c = options.config;
    const auto plan = logic::storage::plan_retention(
        summaries, {c.retention_ms, c.retention_bytes, c.cleanup_delete}, log_start, limit,
        ctx.clock.wall().ms);
    if (plan.roll_active && active().bytes() > 0) {
        ctx.probe.reached(probe::Site::retention_rolled_active);
        FL_CHECK(roll_now());
    }
    const std::size_t count = std::min(plan.total, segments.size() - 1);
    if (count > 0) ctx.probe.reached(probe::Site::retention_deleted_segment);
    FL_CHECK(remove_oldest(count));
    check();
    return count;
}
}  // namespace faultline::storage
