// How a compacted segment takes the place of those it was made of, and what a crash leaves of that:
// docs/formats/segment.md.
#include <algorithm>

#include "core/logic/storage/recovery_plan.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {

std::vector<logic::storage::FoundFile> files_of(const std::vector<DirEntry>& entries) {
    std::vector<logic::storage::FoundFile> found;
    for (const DirEntry& e : entries) {
        if (!e.is_dir) found.push_back({e.name, e.size});
    }
    return found;
}

std::string swap_path(const std::string& dir, Offset base) {
    return dir + "/" + logic::storage::segment_name(base, ".log.swap");
}
}  // namespace

void PartitionLog::Impl::set_dense_from(Offset offset) {
    dense_from = offset;
    for (const SegmentRef& segment : segments) segment->dense_from = offset;
}

// Requires: this fiber leads, or the log is being opened.
Result<void> PartitionLog::Impl::allow_gaps_below(Offset offset) {
    if (offset <= dense_from) return {};
    const std::string text = logic::storage::print_gaps(offset);
    FL_CHECK(replace_file(ctx.disk, gaps_path(), IoBuf::copy_of(as_bytes(text))));
    set_dense_from(offset);
    return {};
}

// What is appended from here on has no gaps. The file may say more for a while: that only makes a
// later start believe more.
void PartitionLog::Impl::forget_gaps_above_end() {
    if (dense_from > log_end) set_dense_from(log_end);
}

// Removes what makes way for the swap file `base`, whose batches end at `end`. Durable.
Result<void> PartitionLog::Impl::clear_way_for(Offset base, Offset end) {
    FL_TRY(const auto entries, ctx.disk.list(options.path));
    for (const std::string& name : logic::storage::replaced_by_swap(files_of(entries), base, end)) {
        FL_CHECK(ctx.disk.remove(options.path + "/" + name));
    }
    return ctx.disk.sync_dir(options.path);
}

// `fresh` takes the place of `old`. Durable, and visible to readers, when it returns. Parks.
Result<void> PartitionLog::Impl::swap_in(std::span<const SegmentRef> old, const SegmentRef& fresh,
                                         std::uint64_t cuts_seen) {
    ExclusiveTurn turn(queue);
    FL_CHECK(writable());
    const auto at = std::ranges::find(segments, old.front());
    const bool there = at != segments.end() &&
                       static_cast<std::size_t>(segments.end() - at) > old.size() &&
                       std::equal(old.begin(), old.end(), at);
    if (!there || cuts != cuts_seen) return Error{Errc::fenced, 0, "log.compact"};
    const Offset end =
        segments[static_cast<std::size_t>(at - segments.begin()) + old.size()]->base();
    // Told before there can be a gap.
    FL_CHECK(allow_gaps_below(end));
    auto placed = put_in_place(old, fresh);
    if (placed.ok() || placed.code() == Errc::cancelled) return placed;
    // Half done: only a restart can tell how far it came.
    return Error{Errc::io, placed.error().sys, "log.compact"};
}

// The rename to .swap is where it happens: before it a crash leaves the old segments, behind it the
// next start goes on where this one stopped.
Result<void> PartitionLog::Impl::put_in_place(std::span<const SegmentRef> old,
                                              const SegmentRef& fresh) {
    const Offset base = fresh->base();
    const std::string cleaned =
        options.path + "/" + logic::storage::segment_name(base, ".log.cleaned");
    FL_CHECK(ctx.disk.rename(cleaned, swap_path(options.path, base)));
    FL_CHECK(ctx.disk.sync_dir(options.path));
    // Readers that hold an old segment have its file open, and begin anew.
    fresh->dense_from = dense_from;
    const auto at = std::ranges::find(segments, old.front());
    *at = fresh;
    segments.erase(at + 1, at + static_cast<std::ptrdiff_t>(old.size()));
    ++generation;
    FL_CHECK(clear_way_for(base, old.back()->base() + 1));
    FL_CHECK(ctx.disk.rename(swap_path(options.path, base), fresh->log_path()));
    FL_CHECK(ctx.disk.sync_dir(options.path));
    // Only a help: without it the next start makes them anew.
    auto saved = fresh->save_index(true);
    if (!saved.ok() && saved.code() != Errc::no_space) return saved;
    ctx.probe.reached(probe::Site::segment_compacted);
    check();
    return {};
}

// Puts the swap file in its place. Every step may be done a second time.
Result<void> PartitionLog::Impl::finish_swap(Offset base) {
    const std::string path = swap_path(options.path, base);
    FL_TRY(FileRef file, ctx.disk.open(path, OpenMode::read_write));
    FL_TRY(const std::uint64_t size, file->size());
    BatchScan walk(file, 0, size, BatchScan::Check::crc);
    Offset end = base;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) break;
        if (step != BatchScan::Step::batch || walk.header().base < end) {
            ctx.log.error("{}: the batch at offset {} is damaged; the compaction is not finished",
                          path, end.v);
            return corruption(end);
        }
        end = walk.header().last() + 1;
    }
    // Of our own it is known already; Kafka keeps no account. A start must not need space.
    auto known = allow_gaps_below(end);
    if (!known.ok() && known.code() != Errc::no_space) return known;
    if (!known.ok()) set_dense_from(std::max(dense_from, end));
    FL_CHECK(clear_way_for(base, end));
    const std::string live = options.path + "/" + logic::storage::segment_name(base, ".log");
    FL_CHECK(ctx.disk.rename(path, live));
    FL_CHECK(ctx.disk.sync_dir(options.path));
    ctx.probe.reached(probe::Site::compaction_swap_finished);
    ctx.log.info("{}: finished the compaction that a crash interrupted", live);
    return {};
}

// At a start, before the segments are looked at. `entries` is read again when it changed.
Result<void> PartitionLog::Impl::finish_swaps(std::vector<DirEntry>& entries) {
    const auto plan = logic::storage::plan_swaps(files_of(entries));
    if (plan.finish.empty() && plan.remove.empty()) return {};
    for (const std::string& name : plan.remove) {
        FL_CHECK(ctx.disk.remove(options.path + "/" + name));
    }
    // Before a .cleaned file beside them goes: alone they would count.
    FL_CHECK(ctx.disk.sync_dir(options.path));
    for (const Offset base : plan.finish) FL_CHECK(finish_swap(base));
    FL_TRY(entries, ctx.disk.list(options.path));
    return {};
}
}  // namespace faultline::storage
