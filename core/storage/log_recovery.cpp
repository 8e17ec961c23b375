// Opening a log: what is there, what a crash left, and where it ends.
#include <algorithm>

#include "core/logic/storage/recovery_plan.h"
#include "core/storage/damage.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kEpochsLimit = 64U << 20U;
}

Result<void> PartitionLog::Impl::open() {
    FL_CHECK(create_dirs(ctx.disk, options.path));
    // A process that was killed may have made a segment and not come to sync the directory: what is
    // seen here must also be there after the power is lost.
    if (!options.clean && !options.names_durable) {
        if (auto synced = ctx.disk.sync_dir(options.path); !synced.ok())
            return dir->note(synced.error());
    }
    FL_TRY(auto entries, ctx.disk.list(options.path));
    FL_CHECK(load_epochs());
    FL_CHECK(load_gaps());
    FL_CHECK(finish_swaps(entries));
    FL_CHECK(open_segments(entries));
    FL_CHECK(settle());
    last_sync = opened = ctx.clock.now();
    opened_wall = ctx.clock.wall();
    // A broker with many partitions uses few of them: who is idle has no file open.
    active().release_file();
    ctx.probe.emit([&] { return probe::LogOpened{key, log_start, log_end, cleanly_opened}; });
    check();
    return {};
}

Result<void> PartitionLog::Impl::open_segments(const std::vector<DirEntry>& entries) {
    std::vector<logic::storage::FoundFile> found;
    for (const DirEntry& e : entries) {
        if (!e.is_dir) found.push_back({e.name, e.size});
    }
    const auto plan = logic::storage::plan_recovery(found, options.clean, options.recovery_point);
    for (const std::string& name : plan.remove) {
        FL_CHECK(ctx.disk.remove(options.path + "/" + name));
    }
    if (!plan.remove.empty()) FL_CHECK(ctx.disk.sync_dir(options.path));
    for (const auto& s : plan.segments) {
        segments.push_back(std::make_shared<Segment>(ctx.disk, options.path, s.base, s.bytes));
        segments.back()->created_ms = ctx.clock.wall().ms;
    }
    // Kafka keeps no account of gaps, and may have died before it wrote its checkpoint.
    const bool foreign = options.compacted && !gaps_known && !segments.empty();
    set_dense_from(foreign ? std::max(dense_from, active().base()) : dense_from);
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        const bool last = i + 1 == plan.segments.size();
        if (plan.segments[i].scan) {
            FL_CHECK(recover_segment(i, plan.segments[i].bytes, last));
        } else if (last) {
            FL_CHECK(open_clean_tail(plan.segments[i].bytes));
        }
    }
    return {};
}

// Reads all of one segment; the last one may have a torn tail.
Result<void> PartitionLog::Impl::recover_segment(std::size_t i, std::uint64_t file_bytes,
                                                 bool last) {
    Segment& segment = *segments[i];
    if (!last) ctx.probe.reached(probe::Site::sealed_segment_scanned);
    // The process before may have ended because a sync failed: what its pages show is not to be
    // trusted, what the disk holds is.
    FL_TRY(FileRef file, segment.file());
    if (auto read_back = file->reload(); !read_back.ok()) return dir->note(read_back.error());
    FL_TRY(file_bytes, file->size());  // what was only in the cache is gone
    Offset end = segment.base();
    FL_TRY(const auto damage, segment.scan(options.config.index_interval_bytes, file_bytes, false,
                                           [&](const BatchAt& b) {
                                               epoch_scan.note(b.header.epoch, b.header.base);
                                               end = b.header.last() + 1;
                                           }));
    if (file_bytes > 0) ctx.probe.reached(probe::Site::index_rebuilt);
    if (damage) FL_CHECK(repair(segment, *damage, last));
    // Behind a sealed segment's end must be the next one: bytes that end early were lost.
    if (!last && !segment.follows(end, segments[i + 1]->base())) {
        return corruption(std::min(end, segments[i + 1]->base()));
    }
    if (!last) {
        // On a full disk the index stays in memory: a start must not need space.
        auto saved = segment.save_index(true);
        if (!saved.ok() && saved.code() != Errc::no_space) return saved;
    }
    if (last) log_end = end;
    return {};
}

// After a clean shutdown only what stands behind the last index entry is read.
Result<void> PartitionLog::Impl::open_clean_tail(std::uint64_t file_bytes) {
    Segment& segment = active();
    FL_TRY(const bool rebuilt, segment.load_index(options.config.index_interval_bytes));
    if (rebuilt && file_bytes > 0) ctx.probe.reached(probe::Site::index_rebuilt);
    FL_TRY(FileRef file, segment.file());
    const auto entry = segment.index().last_entry();
    const std::uint64_t from = entry ? static_cast<std::uint64_t>(entry->position) : 0;
    BatchScan walk(std::move(file), from, file_bytes, BatchScan::Check::crc);
    log_end = segment.base();
    std::int64_t since = 0;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) break;
        const bool at_entry = entry && walk.position() == from;
        const bool good = step == BatchScan::Step::batch && walk.header().base >= log_end &&
                          (!at_entry || walk.header().last() == segment.base() + entry->last);
        if (!good && entry && !rebuilt) {
            // The index may be wrong rather than the log: read all of it.
            ctx.probe.reached(probe::Site::clean_tail_not_believed);
            return recover_segment(segments.size() - 1, file_bytes, true);
        }
        if (!good) return corruption(log_end);
        if (walk.position() == 0) segment.first_timestamp = walk.header().max_timestamp;
        segment.index().add_timestamp(walk.header());
        since += static_cast<std::int64_t>(walk.header().size());
        epoch_scan.note(walk.header().epoch, walk.header().base);
        log_end = walk.header().last() + 1;
    }
    segment.index().set_since(since);
    segment.mark_verified(from, file_bytes);
    return {};
}

// Cuts a torn tail; anything else that is damaged stays as it is and keeps the log closed.
Result<void> PartitionLog::Impl::repair(Segment& segment, const Segment::Damage& damage,
                                        bool is_active) {
    FL_TRY(FileRef file, segment.file());
    FL_TRY(const DamageSigns signs,
           inspect_damage(*file, damage.position, segment.bytes(), damage.expected));
    logic::storage::Damage facts;
    facts.active_segment = is_active;
    facts.clean = options.clean;
    facts.below_recovery_point = damage.expected < options.recovery_point;
    facts.one_bit_off = signs.one_bit_off;
    if (logic::storage::judge(facts) == logic::storage::Verdict::corruption) {
        ctx.log.error(
            "{}: the batch at offset {} (byte {}) is damaged and no crash explains it; "
            "nothing was cut, the partition stays offline",
            segment.log_path(), damage.expected.v, damage.position);
        ctx.probe.emit([&] { return probe::CorruptionFound{key, damage.expected}; });
        return Error{Errc::corrupt, 0, "log.open"};
    }
    const std::uint64_t lost = segment.bytes() - damage.position;
    FL_CHECK(segment.cut(damage.position, damage.expected));
    ctx.log.log(signs.good_batch_follows ? LogLevel::error : LogLevel::warn,
                "{}: cut a torn tail of {} bytes behind offset {}{}", segment.log_path(), lost,
                damage.expected.v, signs.good_batch_follows ? "; it held later batches" : "");
    ctx.probe.reached(probe::Site::segment_torn_tail_repaired);
    ctx.probe.emit([&] { return probe::TornTailCut{key, damage.expected, lost}; });
    return {};
}

// "0\n<offset>\n". When it cannot be read, gaps count as damage: nothing is cut, the log stays
// offline.
Result<void> PartitionLog::Impl::load_gaps() {
    auto text = read_file(ctx.disk, gaps_path(), kEpochsLimit);
    if (!text.ok()) return text.code() == Errc::not_found ? Result<void>{} : text.error();
    const auto parsed = logic::storage::parse_gaps(text->copy_string());
    if (!parsed) ctx.log.warn("{} is not readable", gaps_path());
    dense_from = parsed.value_or(Offset{0});
    gaps_known = true;
    return {};
}

Result<void> PartitionLog::Impl::load_epochs() {
    auto text = read_file(ctx.disk, epochs_path(), kEpochsLimit);
    if (!text.ok() && text.code() != Errc::not_found) return text.error();
    if (text.ok() && !epochs.parse(text->copy_string())) {
        // Rebuilt from the batches that are read; what is older is unknown and stays so.
        ctx.log.warn("{} is not readable and is written anew", epochs_path());
        epochs_dirty = true;
    }
    return {};
}

// Brings starts, ends and epochs together; makes the first segment of a new log.
Result<void> PartitionLog::Impl::settle() {
    if (segments.empty()) {
        log_end = log_start = options.log_start.value_or(Offset{0});
        segments.push_back(std::make_shared<Segment>(ctx.disk, options.path, log_end, 0));
        if (auto made = active().create(); !made.ok()) return dir->note(made.error());
        segments.back()->created_ms = ctx.clock.wall().ms;
    } else {
        log_start = std::max(segments.front()->base(), options.log_start.value_or(Offset{0}));
        if (log_start > log_end) {
            // The start was written down, the records behind it never were durable.
            ctx.log.warn("{}: the log starts at {} and ends at {}: it starts again, empty",
                         options.path, log_start.v, log_end.v);
            ctx.probe.reached(probe::Site::log_started_again_empty);
            const Offset start = log_start;
            log_start = reserved_end = log_end;
            durable_end = log_end;
            FL_CHECK(start_again_at(start));
        }
    }
    cleanly_opened = options.clean;
    if (!options.clean && log_end > options.recovery_point) {
        // What was read may stand in the page cache only, but for what was known to be durable.
        FL_TRY(FileRef file, active().file());
        if (auto synced = file->sync(SyncMode::data); !synced.ok())
            return dir->note(synced.error());
    }
    durable_end = sync_target = reserved_end = log_end;
    epochs_dirty |= epoch_scan.finish();
    // An epoch may begin exactly at the end: it has no batch yet.
    epochs_dirty |= epochs.truncate_end(log_end + 1);
    epochs_dirty |= epochs.truncate_start(log_start);
    if (epochs_dirty) {
        auto saved = save_epochs();
        if (!saved.ok() && saved.code() != Errc::no_space) return dir->note(saved.error());
    }
    return {};
}
}  // namespace faultline::storage
