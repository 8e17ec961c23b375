// Opening a log: what is there, what a crash left, and where it ends.
#include <algorithm>

#include "core/base/crc32c.h"
#include "core/logic/storage/recovery_plan.h"
#include "core/storage/damage.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kEpochsLimit = 64U << 20U;

bool holds(const std::vector<DirEntry>& entries, const std::string& path) {
    return std::ranges::any_of(entries, [name = std::string_view(path).substr(path.rfind('/') + 1)](
                                            const DirEntry& e) { return e.name == name; });
}
}  // namespace

Result<void> PartitionLog::Impl::open() {
    auto listed = ctx.disk.list(options.path);
    if (!listed.ok() && listed.code() != Errc::not_found) return listed.error();
    if (!listed.ok()) FL_CHECK(create_dirs(ctx.disk, options.path));
    options.names_durable |= options.clean;
    std::vector<DirEntry> entries = listed.ok() ? *std::move(listed) : std::vector<DirEntry>{};
    // A broker has many logs: what is not there is not looked for.
    if (holds(entries, epochs_path())) FL_CHECK(load_epochs());
    if (holds(entries, gaps_path())) FL_CHECK(load_gaps());
    FL_CHECK(finish_swaps(entries));
    FL_CHECK(open_segments(entries));
    FL_CHECK(settle());
    FL_CHECK(settle_producers(producers_known));
    FL_CHECK(settle_names());
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
    if (plan.segments.empty()) {  // a new log; or nothing is left of what they told of
        snapshots = plan.snapshots;
        return drop_snapshots_above(Offset{-1});
    }
    for (const auto& s : plan.segments) {
        segments.push_back(std::make_shared<Segment>(ctx.disk, options.path, s.base, s.bytes));
        segments.back()->created_ms = ctx.clock.wall().ms;
    }
    // Kafka keeps no account of gaps, and may have died before it wrote its checkpoint.
    const bool foreign = options.compacted && !gaps_known;
    set_dense_from(foreign ? std::max(dense_from, active().base()) : dense_from);
    const bool epochs_unreadable = epochs_dirty;  // they are learned from the batches
    std::optional<StartMark> start;
    FL_TRY(start, find_start(plan));
    if (start && !epochs_unreadable) {
        FL_TRY(producers_known, open_from(plan, *start));
        if (producers_known) return {};
        // What is there contradicts the snapshot: everything is looked at.
        marked = Offset{-1};
        segments[start->segment] = std::make_shared<Segment>(
            ctx.disk, options.path, segments[start->segment]->base(), start->file_bytes);
        segments[start->segment]->created_ms = ctx.clock.wall().ms;
        set_dense_from(dense_from);
    }
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        const bool last = i + 1 == plan.segments.size();
        if (last && plan.segments[i].bytes == 0) {
            segments[i]->open_empty();
            log_end = segments[i]->base();
        } else if (plan.segments[i].scan) {
            FL_CHECK(recover_segment(i, plan.segments[i].bytes, last));
        } else if (last) {
            FL_CHECK(open_clean_tail(plan.segments[i].bytes));
        }
    }
    return {};
}

// Reads what stands behind a snapshot. False: that contradicts it, and nothing was changed.
Result<bool> PartitionLog::Impl::open_from(const logic::storage::RecoveryPlan& plan,
                                           const StartMark& start) {
    const std::size_t count = plan.segments.size();
    const bool last = start.segment + 1 == count;
    if (options.clean && !last) return false;  // older segments are not read after a clean stop
    FL_TRY(const bool good, open_marked(start, last));
    if (!good) return false;
    if (marked == start.at) started = start.mark;  // our own: all that it tells of is durable
    for (std::size_t i = start.segment + 1; i < count; ++i) {
        FL_CHECK(recover_segment(i, plan.segments[i].bytes, i + 1 == count));
    }
    return true;
}

Result<bool> PartitionLog::Impl::open_marked(const StartMark& start, bool last) {
    Segment& segment = *segments[start.segment];
    segment.restore(start.mark, options.clean);
    const auto position = static_cast<std::uint64_t>(start.mark.position);
    if (start.file_bytes == position && last) return open_marked_tail(start);
    if (options.clean) return false;
    FL_TRY(FileRef file, segment.file());
    // See recover_segment().
    if (auto read_back = file->reload(); !read_back.ok()) return dir->note(read_back.error());
    FL_TRY(const std::uint64_t file_bytes, file->size());
    if (file_bytes < position) {
        warn_lost(start.at, start.mark, file_bytes);
        return false;
    }
    FL_TRY(const bool indexes, segment.resumable());
    if (!indexes) return false;
    Offset end = start.at;
    FL_TRY(const auto damage, segment.scan_on(options.config.index_interval_bytes, file_bytes, end,
                                              [&](const BatchAt& b) {
                                                  end = b.header.last() + 1;
                                                  note_recovered(b.header);
                                              }));
    // A torn tail may begin here; or this is not where a batch begins.
    if (damage && damage->position == position) return false;
    FL_CHECK(recovered(start.segment, damage, end, last));
    return true;
}

// Nothing stands behind the mark. What stands behind the last index entry is checked, so that a
// tail that is not what it was does not get new batches.
Result<bool> PartitionLog::Impl::open_marked_tail(const StartMark& start) {
    Segment& segment = active();
    if (start.file_bytes == 0) {
        log_end = start.at;
        return true;
    }
    const auto from = static_cast<std::uint64_t>(start.mark.last_entry);
    FL_TRY(FileRef file, segment.file());
    BatchScan walk(std::move(file), from, start.file_bytes, BatchScan::Check::crc);
    std::vector<BatchHeader> headers;
    Offset end = segment.base();
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) break;
        if (step != BatchScan::Step::batch || walk.header().base < end) return false;
        end = walk.header().last() + 1;
        headers.push_back(walk.header());
    }
    if (end != start.at) return false;
    for (const BatchHeader& h : headers) epoch_scan.note(h.epoch, h.base);
    segment.mark_verified(from, start.file_bytes);
    log_end = end;
    return true;
}

void PartitionLog::Impl::note_recovered(const BatchHeader& batch) {
    epoch_scan.note(batch.epoch, batch.base);
    note_producer(batch);
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
                                               end = b.header.last() + 1;
                                               note_recovered(b.header);
                                           }));
    if (file_bytes > 0) ctx.probe.reached(probe::Site::index_rebuilt);
    return recovered(i, damage, end, last);
}

Result<void> PartitionLog::Impl::recovered(std::size_t i,
                                           const std::optional<Segment::Damage>& damage, Offset end,
                                           bool last) {
    Segment& segment = *segments[i];
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
    if (text.ok()) epochs_found = {static_cast<std::int64_t>(text->size()), crc32c(*text, 0)};
    if (text.ok() && !epochs.parse(text->copy_string())) {
        // Rebuilt from the batches that are read; what is older is unknown and stays so.
        ctx.log.warn("{} is not readable and is written anew", epochs_path());
        epochs_dirty = true;
    }
    return {};
}

// A process that was killed may have made a segment and not come to sync the directory: what is
// seen here must also be there after the power is lost. A start does not sync the directories of
// all the logs that nobody has used.
Result<void> PartitionLog::Impl::settle_names() {
    if (options.names_durable) return {};
    const logic::LogMark mark = started.value_or(logic::LogMark{});
    logic::storage::Names names;
    names.checkpointed = options.checkpointed;
    names.untouched = segments.size() == 1 && log_end == Offset{0} && active().bytes() == 0;
    names.marked_in_active = started && mark.segment == active().base() && mark.position > 0;
    names.others_as_marked = segments.front()->base() == mark.first &&
                             epochs_found == mark.epochs && dense_from == mark.dense_from;
    options.names_durable = logic::storage::names_durable(names);
    if (options.names_durable || options.names_later) return {};
    if (auto synced = ctx.disk.sync_dir(options.path); !synced.ok())
        return dir->note(synced.error());
    options.names_durable = true;
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
