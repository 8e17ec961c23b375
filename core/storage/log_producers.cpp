// What a log knows of its producers, and the snapshots that spare a start reading it all.
#include <algorithm>

#include "core/base/crc32c.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kSnapshotLimit = 256U << 20U;
}

std::string PartitionLog::Impl::snapshot_path(Offset at) const {
    return options.path + "/" + logic::storage::segment_name(at, ".snapshot");
}

void PartitionLog::Impl::note_producer(const BatchHeader& batch) {
    if (batch.producer_id < 0 || batch.control() || batch.last_delta == INT32_MAX) return;
    // Compaction takes records, not sequences: the last one may stand in an empty batch.
    producers.appended(
        {batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.last_delta + 1},
        batch.base, batch.last(), batch.max_timestamp, ctx.clock.wall());
}

// Empty when the file is damaged, or gone.
Result<std::optional<logic::ProducerSnapshot>> PartitionLog::Impl::read_snapshot(Offset at) {
    const auto bytes = read_file(ctx.disk, snapshot_path(at), kSnapshotLimit);
    std::optional<logic::ProducerSnapshot> snapshot;
    if (bytes.ok()) {
        const Slice whole = bytes->coalesce_copy();
        snapshot = logic::parse_producer_snapshot(whole.bytes(), ctx.clock.wall());
    } else if (bytes.code() != Errc::not_found && bytes.code() != Errc::too_large) {
        return bytes.error();
    }
    if (!snapshot) {
        ctx.log.warn("{} is not readable: an older one is used", snapshot_path(at));
    }
    return snapshot;
}

void PartitionLog::Impl::warn_lost(Offset at, const logic::LogMark& mark,
                                   std::uint64_t file_bytes) {
    ctx.log.warn("{}: {} bytes of the segment at {} were durable, {} are there", snapshot_path(at),
                 mark.position, mark.segment.v, file_bytes);
}

// The newest snapshot that says from where on the log must be read; what it knows of producers is
// known then. Damaged ones go.
Result<std::optional<StartMark>> PartitionLog::Impl::find_start(
    const logic::storage::RecoveryPlan& plan) {
    snapshots = plan.snapshots;
    std::optional<StartMark> start;
    std::vector<Offset> damaged;
    for (auto at = plan.snapshots.rbegin(); at != plan.snapshots.rend() && !start; ++at) {
        FL_TRY(auto snapshot, read_snapshot(*at));
        if (!snapshot) {
            damaged.push_back(*at);
            continue;
        }
        // Kafka's says nothing of the log; where a segment begins that is known anyway.
        const logic::LogMark mark = snapshot->mark.value_or(logic::LogMark{.segment = *at});
        const auto& all = plan.segments;
        const auto segment =
            std::ranges::find(all, mark.segment, &logic::storage::SegmentPlan::base);
        if (segment == all.end()) continue;
        // All below our own was durable when it was taken, whatever else is believed of it.
        if (snapshot->mark) options.recovery_point = std::max(options.recovery_point, *at);
        if (std::cmp_greater(mark.position, segment->bytes)) {
            warn_lost(*at, mark, segment->bytes);
            continue;
        }
        // Nor that what stands before it is durable: a start needs no more than is read anyway.
        const bool first = segment->scan && (segment == all.begin() || !(segment - 1)->scan);
        if (!snapshot->mark && !first) continue;
        start = {static_cast<std::size_t>(segment - all.begin()), *at, mark, segment->bytes};
        producers = std::move(snapshot->producers);
        if (snapshot->mark) marked = *at;
    }
    FL_CHECK(drop_snapshots(damaged));
    return start;
}

// What stands in the checkpoint files of the log.
logic::LogMark PartitionLog::Impl::with_names(logic::LogMark mark) const {
    mark.first = segments.front()->base();
    mark.dense_from = dense_from;
    mark.epochs.bytes = epochs_dirty ? -1 : 0;  // -1: no file is like this
    if (!epochs_dirty && !epochs.entries().empty()) {
        const std::string text = epochs.print();
        mark.epochs = {static_cast<std::int64_t>(text.size()), crc32c(as_bytes(text))};
    }
    return mark;
}

// Requires: all below log_end is durable and stands in segments and their index files; this fiber
// leads, or the log is being opened. Without `synced` a power loss may leave a damaged snapshot, or
// none: the one where the segment begins was synced, and must be whenever it is written again.
Result<void> PartitionLog::Impl::take_snapshot(const logic::LogMark& mark, bool synced) {
    const Offset at = log_end;
    const std::string path = snapshot_path(at), fresh = path + ".tmp";
    const std::string bytes = logic::print_producer_snapshot(producers, with_names(mark));
    {
        FL_TRY(FileRef file, ctx.disk.open(fresh, OpenMode::create));
        FL_CHECK(file->truncate(0));
        FL_CHECK(file->write(0, IoBuf::copy_of(as_bytes(bytes))));
        if (synced) FL_CHECK(file->sync(SyncMode::data_and_metadata));
    }
    FL_CHECK(ctx.disk.rename(fresh, path));
    if (snapshots.empty() || snapshots.back() < at) snapshots.push_back(at);
    marked = at;
    return drop_stray_snapshots();
}

// A start can begin to read at the log's end. Nothing is synced, but for a snapshot where a segment
// begins: when retention has taken what is older, nothing else knows these producers.
Result<void> PartitionLog::Impl::mark_end() {
    const bool empty = log_end == segments.front()->base() && producers.size() == 0;
    if (marked == log_end || empty) return {};
    FL_CHECK(load_index(active()));
    FL_TRY(const logic::LogMark mark, active().mark());
    const bool begins = log_end == active().base();
    FL_CHECK(take_snapshot(mark, begins));
    return begins ? ctx.disk.sync_dir(options.path) : Result<void>{};
}

Result<void> PartitionLog::Impl::drop_snapshots(const std::vector<Offset>& which) {
    for (const Offset at : which) {
        if (marked == at) marked = Offset{-1};
        std::erase(snapshots, at);
        auto removed = ctx.disk.remove(snapshot_path(at));
        if (!removed.ok() && removed.code() != Errc::not_found) return removed;
    }
    return {};
}

// Of what is cut off, or begins anew. Durable before another history can reach that offset.
Result<void> PartitionLog::Impl::drop_snapshots_above(Offset end) {
    std::vector<Offset> above;
    for (const Offset at : snapshots) {
        if (at > end) above.push_back(at);
    }
    if (above.empty()) return {};
    FL_CHECK(drop_snapshots(above));
    return ctx.disk.sync_dir(options.path);
}

Result<void> PartitionLog::Impl::drop_stray_snapshots() {
    if (snapshots.empty()) return {};
    std::vector<Offset> bases;
    for (const SegmentRef& s : segments) bases.push_back(s->base());
    return drop_snapshots(logic::storage::stray_snapshots(snapshots, bases));
}

// The end of opening a log. `known`: every batch behind the snapshot was shown to note_producer().
Result<void> PartitionLog::Impl::settle_producers(bool known) {
    FL_CHECK(drop_snapshots_above(log_end));
    if (!known) FL_CHECK(rebuild_producers());
    return drop_stray_snapshots();
}

// From the newest snapshot and what stands behind it. Parks.
Result<void> PartitionLog::Impl::rebuild_producers() {
    producers.clear();
    Offset from = segments.front()->base();
    while (!snapshots.empty() && snapshots.back() >= from) {
        const Offset at = snapshots.back();
        FL_TRY(auto snapshot, read_snapshot(at));
        if (snapshot) {
            producers = std::move(snapshot->producers);
            from = at;
            break;
        }
        FL_CHECK(drop_snapshots({at}));
    }
    if (from == log_end) return {};
    const std::size_t first = segment_of(from);
    std::uint64_t position = 0;
    if (from > segments[first]->base()) {
        FL_CHECK(load_index(*segments[first]));
        FL_TRY(const auto batch, segments[first]->locate(from));
        position = batch ? batch->position : segments[first]->bytes();
    }
    return replay_producers(first, position, from);
}

// Until it succeeds nothing is appended: what is half known would be noted as the whole. Parks.
Result<void> PartitionLog::Impl::learn_producers() {
    producers_unknown = true;
    auto known = rebuild_producers();
    producers_unknown = !known.ok();
    return !known.ok() && known.code() == Errc::io ? dir->note(known.error()) : known;
}

// Headers alone are looked at.
Result<void> PartitionLog::Impl::replay_producers(std::size_t segment, std::uint64_t position,
                                                  Offset from) {
    for (std::size_t i = segment; i < segments.size(); ++i, position = 0) {
        FL_TRY(FileRef file, segments[i]->file());
        BatchScan walk(std::move(file), position, segments[i]->bytes(), BatchScan::Check::header);
        for (;;) {
            FL_TRY(const BatchScan::Step step, walk.next());
            if (step == BatchScan::Step::end) break;
            if (step != BatchScan::Step::batch || walk.header().base < from)
                return corruption(from);
            from = walk.header().last() + 1;
            note_producer(walk.header());
        }
        if (i + 1 < segments.size()) segments[i]->release_file();
    }
    return {};
}
}  // namespace faultline::storage
