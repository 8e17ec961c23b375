// Compaction: which key was last seen where, and segments without the records that newer ones
// replace. What stays is decided in core/logic/storage/compaction_filter.h.
#include <algorithm>
#include <array>

#include "core/logic/storage/recovery_plan.h"
#include "core/storage/partition_log_impl.h"
#include "core/wire/record_batch.h"

namespace faultline::storage {
namespace {
using logic::storage::BatchRuling;
using logic::storage::CompactionBatch;
using logic::storage::CompactionFilter;
using logic::storage::CompactionPlan;
using logic::storage::Marker;

constexpr std::uint64_t kWriteChunk = 1U << 20U;
constexpr std::uint64_t kPaceEvery = 256U << 10U;  // bytes between looks at the rest of the world

// A control record's key: version, type (Kafka's ControlRecordType).
Marker marker_of(const wire::RecordView& record) {
    if (!record.key || record.key->size() < 4) return Marker::other;
    const int type =
        std::to_integer<int>((*record.key)[2]) << 8 | std::to_integer<int>((*record.key)[3]);
    return type == 0 ? Marker::abort : type == 1 ? Marker::commit : Marker::other;
}

Result<CompactionBatch> describe(const BatchHeader& h, const IoBuf& batch) {
    CompactionBatch out;
    out.base = h.base;
    out.last = h.last();
    out.producer_id = h.producer_id;
    out.producer_epoch = h.producer_epoch;
    out.transactional = h.transactional();
    out.control = h.control();
    if (h.delete_horizon()) out.delete_horizon = h.base_timestamp;
    if (!h.control() || h.count == 0) return out;
    FL_TRY(auto records, wire::RecordReader::open(batch, false));
    FL_TRY(const auto first, records.next());
    out.marker = first ? marker_of(*first) : Marker::none;
    return out;
}

// The new segment's file while it grows.
struct Draft {
    explicit Draft(Offset base) : index(base) {}
    FileRef file;
    IoBuf pending;
    std::uint64_t written = 0;  // bytes in the file
    SegmentIndex index;
    std::int64_t first_timestamp = -1;
    bool changed = false;  // it is not just a copy
    std::uint64_t bytes() const { return written + pending.size(); }
};

class Compaction {
public:
    Compaction(PartitionLog::Impl& log, const CompactionTask& task)
        : log_(log),
          task_(task),
          segments_(log.segments.begin(), log.segments.end()),
          cuts_(log.cuts),
          map_(task.map_bytes, task.secret) {}
    Result<CompactionOutcome> run(const CompactionPlan& plan);

private:
    using Each = std::function<Result<bool>(const BatchScan& walk)>;
    Result<void> walk(Segment& segment, BatchScan::Check check, const Each& each);
    Result<void> find_transactions(Offset from);
    Result<void> build_map();
    Result<bool> map_batch(const BatchHeader& header, const IoBuf& batch);
    bool aborted(const BatchHeader& header) const;
    Result<void> clean_group(std::span<const SegmentRef> group, CompactionFilter& filter);
    Result<void> clean_batch(const BatchScan& walk, bool keep, CompactionFilter& filter,
                             Draft& draft);
    Result<void> put(Draft& draft, const BatchHeader& header, const IoBuf& batch);
    Result<void> write_out(Draft& draft);
    Result<void> pace(std::uint64_t bytes);
    Error damaged(Offset at);
    std::string cleaned_path(Offset base) const {
        return log_.options.path + "/" + logic::storage::segment_name(base, ".log.cleaned");
    }

    PartitionLog::Impl& log_;
    const CompactionTask& task_;
    std::vector<SegmentRef> segments_;  // as they were when the round began
    std::uint64_t cuts_;
    logic::storage::OffsetMap map_;
    Offset from_, map_end_;       // the map knows the keys of [from_, map_end_)
    bool transactional_ = false;  // some of it are batches of transactions
    logic::storage::TransactionScan transactions_;
    CompactionOutcome out_;
    std::uint64_t unpaced_ = 0;
};

Result<void> Compaction::pace(std::uint64_t bytes) {
    unpaced_ += bytes;
    if (unpaced_ < kPaceEvery) return {};
    const std::uint64_t n = std::exchange(unpaced_, 0);
    FL_CHECK(log_.writable());
    if (task_.pace) FL_CHECK(task_.pace(n));
    log_.ctx.fibers.yield();
    return log_.writable();
}

// A cut that came meanwhile looks like damage, too.
Error Compaction::damaged(Offset at) {
    if (log_.cuts != cuts_) return {Errc::fenced, 0, "log.compact"};
    return log_.corruption(at);
}

// Every batch of one segment until `each` says false.
Result<void> Compaction::walk(Segment& segment, BatchScan::Check check, const Each& each) {
    FL_TRY(FileRef file, segment.file());
    BatchScan walk(std::move(file), 0, segment.bytes(), check);
    Offset expected = segment.base();
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) return {};
        if (step != BatchScan::Step::batch || !segment.follows(expected, walk.header().base))
            return damaged(expected);
        expected = walk.header().last() + 1;
        FL_TRY(const bool more, each(walk));
        if (!more) return {};
        FL_CHECK(pace(check == BatchScan::Check::crc ? walk.header().size() : kBatchHeaderBytes));
    }
}

// Which transactions in [from, stable) were aborted: below the last stable offset every transaction
// has its end, be it above what this round cleans.
Result<void> Compaction::find_transactions(Offset from) {
    transactions_ = {};
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const bool below = i + 1 < segments_.size() && segments_[i + 1]->base() <= from;
        if (below || segments_[i]->base() >= task_.stable) continue;
        FL_TRY(FileRef file, segments_[i]->file());
        const Each note = [&](const BatchScan& at) -> Result<bool> {
            const BatchHeader& h = at.header();
            if (h.base >= task_.stable) return false;
            if (h.base < from || !(h.transactional() || h.control())) return true;
            IoBuf batch;
            if (h.control()) {
                FL_TRY(batch, file->read(at.position(), h.size()));
                if (batch.size() != h.size() || !crc_matches(h, batch)) return damaged(h.base);
            }
            FL_TRY(const CompactionBatch b, describe(h, batch));
            transactions_.note(b);
            return true;
        };
        FL_CHECK(walk(*segments_[i], BatchScan::Check::header, note));
    }
    return {};
}

bool Compaction::aborted(const BatchHeader& h) const {
    if (!h.transactional()) return false;
    return std::ranges::any_of(transactions_.aborted(), [&](const auto& t) {
        return t.producer_id == h.producer_id && t.first <= h.base && h.base <= t.last;
    });
}

// True: there is room for more.
Result<bool> Compaction::map_batch(const BatchHeader& h, const IoBuf& batch) {
    transactional_ |= h.control() || h.transactional();
    if (h.control() || h.count == 0 || aborted(h)) return true;
    FL_TRY(auto records, wire::RecordReader::open(batch, false));
    for (;;) {
        FL_TRY(const auto record, records.next());
        if (!record) return true;
        if (!record->key || record->offset < from_.v) continue;
        if (!map_.put(*record->key, Offset{record->offset})) {
            map_end_ = Offset{record->offset};
            return false;
        }
    }
}

Result<void> Compaction::build_map() {
    const Offset end = map_end_;
    bool room = true;
    const Each map_it = [&](const BatchScan& at) -> Result<bool> {
        if (at.header().last() < from_) return true;
        FL_TRY(room, map_batch(at.header(), at.batch()));
        return room;
    };
    for (std::size_t i = 0; room && i + 1 < segments_.size(); ++i) {
        if (segments_[i + 1]->base() <= from_ || segments_[i]->base() >= end) continue;
        FL_CHECK(walk(*segments_[i], BatchScan::Check::crc, map_it));
    }
    return {};
}

Result<void> Compaction::write_out(Draft& draft) {
    if (draft.pending.empty()) return {};
    FL_CHECK(draft.file->write(draft.written, draft.pending));
    const std::uint64_t n = draft.pending.size();
    draft.written += n;
    draft.pending = {};
    return pace(n);
}

Result<void> Compaction::put(Draft& draft, const BatchHeader& header, const IoBuf& batch) {
    // Compressed anew a batch can be larger than it was.
    if (draft.bytes() > INT32_MAX) return Error{Errc::too_large, 0, "log.compact"};
    if (draft.bytes() == 0) draft.first_timestamp = header.max_timestamp;
    draft.index.add(header, draft.bytes(), log_.options.config.index_interval_bytes);
    draft.pending.append(batch);
    return draft.pending.size() >= kWriteChunk ? write_out(draft) : Result<void>{};
}

Result<void> Compaction::clean_batch(const BatchScan& walk, bool keep, CompactionFilter& filter,
                                     Draft& draft) {
    const BatchHeader& h = walk.header();
    const IoBuf batch = walk.batch();
    const auto records = static_cast<std::uint64_t>(h.count);
    out_.records_before += records;
    FL_TRY(const CompactionBatch b, describe(h, batch));
    const BatchRuling ruling = filter.rule(b, keep);
    if (h.base >= map_end_ || (h.count == 0 && ruling.keep == BatchRuling::Keep::always)) {
        out_.records_after += records;
        return put(draft, h, batch);
    }
    FL_TRY(auto reader, wire::RecordReader::open(batch, false));
    std::vector<wire::RecordView> kept;
    bool tombstone = false;
    while (!ruling.no_records) {
        FL_TRY(const auto r, reader.next());
        if (!r) break;
        if (!filter.keeps(b, Offset{r->offset}, r->key, r->value.has_value())) {
            if (!r->value && b.delete_horizon && *b.delete_horizon <= filter.now_ms())
                log_.ctx.probe.reached(probe::Site::tombstone_dropped);
            continue;
        }
        kept.push_back(*r);
        tombstone |= !r->value;
    }
    out_.records_after += kept.size();
    const bool sets_horizon = (tombstone || ruling.ended_marker) && !b.delete_horizon;
    if (!kept.empty() && kept.size() == records && !sets_horizon) return put(draft, h, batch);
    draft.changed = true;
    if (kept.empty() && ruling.keep != BatchRuling::Keep::always) return {};
    if (kept.empty()) log_.ctx.probe.reached(probe::Site::empty_batch_kept);
    const IoBuf less = wire::rewrite_batch(reader.header(), kept,
                                           sets_horizon ? filter.new_horizon() : b.delete_horizon);
    std::array<std::byte, kBatchHeaderBytes> raw;
    less.copy_out(0, raw);
    return put(draft, parse_batch_header(raw), less);
}

// Rewrites consecutive segments as one, and swaps it in. The last batch of the last one stays,
// empty if need be: a start must see how far a segment that it finds half swapped in reaches.
Result<void> Compaction::clean_group(std::span<const SegmentRef> group, CompactionFilter& filter) {
    const Offset base = group.front()->base();
    const std::string path = cleaned_path(base);
    Draft draft(base);
    FL_TRY(draft.file, log_.ctx.disk.open(path, OpenMode::create));
    FL_CHECK(draft.file->truncate(0));
    const Segment* last = nullptr;
    for (const SegmentRef& s : group) {
        if (s->bytes() > 0) last = s.get();
    }
    std::uint64_t before = 0;
    for (const SegmentRef& s : group) {
        before += s->bytes();
        const Each clean = [&](const BatchScan& at) -> Result<bool> {
            const bool keep = s.get() == last && at.next_position() == s->bytes();
            FL_CHECK(clean_batch(at, keep, filter, draft));
            return true;
        };
        FL_CHECK(walk(*s, BatchScan::Check::crc, clean));
    }
    if (!draft.changed && group.size() == 1) return log_.ctx.disk.remove(path);
    FL_CHECK(write_out(draft));
    FL_CHECK(draft.file->sync(SyncMode::data_and_metadata));
    draft.index.seal();
    auto fresh = std::make_shared<Segment>(log_.ctx.disk, log_.options.path, base, draft.written);
    fresh->adopt(std::move(draft.file), std::move(draft.index));
    fresh->first_timestamp = draft.first_timestamp;
    fresh->created_ms = group.back()->created_ms;
    fresh->last_append = group.back()->last_append;
    FL_CHECK(log_.swap_in(group, fresh, cuts_));
    out_.bytes_before += before;
    out_.bytes_after += fresh->bytes();
    return {};
}

Result<CompactionOutcome> Compaction::run(const CompactionPlan& plan) {
    const LogConfig& config = log_.options.config;
    from_ = plan.first_dirty;
    map_end_ = plan.end;
    FL_CHECK(build_map());
    if (transactional_) {  // once more, without what was aborted
        FL_CHECK(find_transactions(from_));
        // Data of such a transaction may stand in what was cleaned before its end was known.
        if (transactions_.incomplete()) FL_CHECK(find_transactions(segments_.front()->base()));
        map_ = logic::storage::OffsetMap(task_.map_bytes, task_.secret);
        map_end_ = plan.end;
        FL_CHECK(build_map());
    }
    if (map_end_ < plan.end) log_.ctx.probe.reached(probe::Site::offset_map_full);
    std::vector<logic::storage::GroupSegment> sizes;
    for (std::size_t i = 0; i + 1 < segments_.size() && segments_[i]->base() < map_end_; ++i) {
        const Segment& s = *segments_[i];
        const auto step = static_cast<std::uint64_t>(std::max<std::int64_t>(
            config.index_interval_bytes, static_cast<std::int64_t>(kBatchHeaderBytes)));
        sizes.push_back({s.base(), segments_[i + 1]->base(), s.bytes(), s.bytes() / step + 1});
    }
    const auto index_entries = static_cast<std::uint64_t>(
        config.segment_index_bytes / static_cast<std::int64_t>(SegmentIndex::kTimeEntryBytes));
    const auto bytes =
        static_cast<std::uint64_t>(std::min<std::int64_t>(config.segment_bytes, INT32_MAX));
    CompactionFilter filter(map_, {log_.ctx.clock.wall().ms, config.delete_retention_ms, map_end_,
                                   task_.active, transactions_.aborted()});
    std::size_t at = 0;
    for (const std::size_t n : group_segments(sizes, {bytes, index_entries})) {
        auto cleaned = clean_group({segments_.data() + at, n}, filter);
        if (!cleaned.ok()) {
            // What is left of it goes now, or at the next start; the rename may have come first.
            if (!log_.closed) (void)log_.ctx.disk.remove(cleaned_path(segments_[at]->base()));
            return cleaned.error();
        }
        at += n;
    }
    if (log_.cuts != cuts_) return Error{Errc::fenced, 0, "log.compact"};
    out_.cleaned_to = map_end_;
    return out_;
}
}  // namespace

Result<CompactionPlan> PartitionLog::Impl::plan_compaction(Offset checkpoint, Offset stable) {
    const std::vector<SegmentRef> now(segments.begin(), segments.end());
    const LogConfig& c = options.config;
    std::vector<logic::storage::CompactionSegment> sealed;
    for (std::size_t i = 0; i + 1 < now.size(); ++i) {
        logic::storage::CompactionSegment s{now[i]->base(), now[i + 1]->base(), now[i]->bytes()};
        if (s.end > checkpoint && c.min_compaction_lag_ms > 0) {
            FL_TRY(s.largest_timestamp, now[i]->largest_timestamp(c.index_interval_bytes));
        }
        if (s.end > checkpoint && c.max_compaction_lag_ms < INT64_MAX) {
            FL_TRY(s.first_timestamp, now[i]->find_first_timestamp());
        }
        sealed.push_back(s);
    }
    return logic::storage::plan_compaction(
        sealed, log_start, checkpoint, stable,
        {c.min_cleanable_dirty_ratio, c.min_compaction_lag_ms, c.max_compaction_lag_ms},
        ctx.clock.wall().ms);
}

Result<CompactionOutcome> PartitionLog::Impl::compact(const CompactionTask& task) {
    const auto guard = compacting.lock();
    FL_CHECK(writable());
    Compaction round(*this, task);
    FL_TRY(const CompactionPlan plan, plan_compaction(task.checkpoint, task.stable));
    CompactionOutcome nothing;
    nothing.cleaned_to = plan.first_dirty;
    if (plan.dirty_bytes == 0) return nothing;
    auto done = round.run(plan);
    if (done.ok() || done.code() == Errc::cancelled) return done;
    switch (done.code()) {
        case Errc::fenced:
        case Errc::closed: ctx.probe.reached(probe::Site::compaction_gave_up); return done;
        case Errc::io:
        case Errc::no_space: return dir->note(done.error());
        default: return done;
    }
}
}  // namespace faultline::storage
