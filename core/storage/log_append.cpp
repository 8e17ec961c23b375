// Appending: offsets at the call, one gather-write for all that wait.
#include <algorithm>
#include <array>

#include "core/logic/storage/roll_policy.h"
#include "core/storage/partition_log_impl.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kTailBatches = 512;

// The same batch with offset and epoch filled in: 16 bytes are new, the rest is shared.
void patch_into(IoBuf& out, const IoBuf& batch, Offset base, Epoch epoch, std::int32_t length) {
    Block* block = Block::allocate(16);
    store_be64(block->data(), base.v);
    store_be32(block->data() + 8, length);
    store_be32(block->data() + 12, epoch.v);
    out.append(Slice(block, 0, 16));
    out.append(batch.sub(16, batch.size() - 16));
}
}  // namespace

Result<void> PartitionLog::Impl::writable() const {
    if (closed) return Error{Errc::closed, 0, "log.append"};
    if (dir->failed()) return Error{Errc::io, 0, "log.dir_failed"};
    return {};
}

// corrupt: which batches are duplicates is not known.
Result<void> PartitionLog::Impl::appendable() const {
    FL_CHECK(writable());
    if (producers_unknown) return Error{Errc::corrupt, 0, "log.producers"};
    return {};
}

// Fills `turn` from `bytes`; decides nothing about the log's state.
Result<AppendResult> PartitionLog::Impl::prepare(const IoBuf& bytes, std::optional<Epoch> leader,
                                                 Turn& turn) const {
    const Error malformed{Errc::invalid, 0, "log.append"};
    AppendResult result{reserved_end, reserved_end, -1};
    Offset next = reserved_end;
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (bytes.size() - at < kBatchHeaderBytes) return malformed;
        std::array<std::byte, kBatchHeaderBytes> raw;
        bytes.copy_out(at, raw);
        auto header = plausible_header(raw);
        if (!header || header->size() > bytes.size() - at) return malformed;
        if (leader) {
            header->base = next;
            header->epoch = *leader;
            patch_into(turn.bytes, bytes.sub(at, header->size()), next, *leader, header->length);
        } else if (header->base < next ||
                   (at == 0 && header->base != next && header->base > dense_from)) {
            return malformed;
        }
        if (at == 0) result.first = header->base;
        next = header->last() + 1;
        at += header->size();
        result.last = header->last();
        result.max_timestamp = std::max(result.max_timestamp, header->max_timestamp);
        turn.batches.push_back(*header);
    }
    if (turn.batches.empty()) return malformed;
    if (bytes.size() > static_cast<std::uint64_t>(options.config.segment_bytes) ||
        bytes.size() > INT32_MAX) {
        return Error{Errc::too_large, 0, "log.append"};
    }
    if (!leader) turn.bytes = bytes;
    return result;
}

Result<AppendResult> PartitionLog::Impl::append(IoBuf bytes, std::optional<Epoch> leader) {
    FL_CHECK(appendable());
    Turn turn;
    turn.is_append = true;
    FL_TRY(const AppendResult result, prepare(bytes, leader, turn));
    if (pending_bytes + bytes.size() > kMaxPendingBytes && pending_bytes > 0) {
        ctx.probe.reached(probe::Site::append_refused_busy);
        return Error{Errc::busy, 0, "log.append"};
    }
    reserved_end = result.end();
    struct Pending {
        std::size_t& total;
        std::size_t n;
        ~Pending() { total -= n; }
    } pending{pending_bytes, bytes.size()};
    pending_bytes += bytes.size();
    queue.enter(turn);
    if (turn.leads) lead(turn);
    FL_CHECK(turn.result);
    if (log_end - durable_end >= options.config.flush_messages) {
        FL_CHECK(wait_durable(result.end(), Deadline::never(), {}));
    }
    return result;
}

void PartitionLog::Impl::lead(Turn& own) {
    struct Leave {
        AppendQueue& queue;
        ~Leave() { queue.leave(); }
    } leave{queue};
    std::vector<Turn*> group{&own};
    queue.take_appends(group, kMaxGatherBytes);
    std::size_t done = 0;
    Result<void> result = appendable();
    if (result.ok() && !active().index_loaded()) result = load_index(active());
    while (result.ok() && done < group.size()) {
        std::size_t n = 0;
        std::uint64_t bytes = 0;
        const bool early =
            active().bytes() > 0 && ctx.probe.perturb(probe::Site::segment_rolled_for_append);
        while (!early && done + n < group.size() && run_fits(bytes, *group[done + n])) {
            bytes += group[done + n++]->bytes.size();
        }
        if (n == 0) ctx.probe.reached(probe::Site::segment_rolled_for_append);
        if (n > 1) ctx.probe.reached(probe::Site::appends_gathered);
        result = n == 0 ? roll_now() : write_run({group.data() + done, n});
        for (std::size_t i = 0; result.ok() && i < n; ++i) {
            if (group[done + i] != &own) AppendQueue::finish(*group[done + i], {});
        }
        if (result.ok()) done += n;
    }
    if (result.ok()) return;
    // Offsets behind the failed write were handed out on the promise that it succeeds.
    if (done + 1 < group.size()) ctx.probe.reached(probe::Site::append_failed_in_group);
    for (; done < group.size(); ++done) {
        if (group[done] == &own) {
            own.result = result;
        } else {
            AppendQueue::finish(*group[done], result);
        }
    }
    queue.fail_appends(result.error());
    reserved_end = log_end;
}

bool PartitionLog::Impl::run_fits(std::uint64_t bytes_before, const Turn& turn) const {
    const Segment& a = active();
    const LogConfig& c = options.config;
    const std::int64_t jitter =
        c.segment_jitter_ms <= 0
            ? 0
            : static_cast<std::int64_t>(
                  options.jitter_seed %
                  static_cast<std::uint64_t>(std::min(c.segment_jitter_ms, c.segment_ms)));
    // Only sealed segments are compacted (KIP-354).
    const std::int64_t segment_ms =
        c.cleanup_compact ? std::min(c.segment_ms, c.max_compaction_lag_ms) : c.segment_ms;
    const std::int64_t max_bytes = std::min<std::int64_t>(c.segment_bytes, INT32_MAX);
    std::int64_t newest = -1;
    for (std::size_t i = 0; i < turn.batches.size(); ++i) {
        newest = std::max(newest, turn.batches[i].max_timestamp);
    }
    return !logic::storage::should_roll(
        {max_bytes, segment_ms - jitter,
         c.segment_index_bytes / static_cast<std::int64_t>(SegmentIndex::kTimeEntryBytes)},
        {a.base(), a.bytes() + bytes_before, static_cast<std::int64_t>(a.index().entries()),
         a.first_timestamp, a.created_ms},
        {turn.bytes.size(), turn.batches[turn.batches.size() - 1].last(), newest,
         ctx.clock.wall().ms});
}

// One write for the run; all of it or nothing becomes part of the log.
Result<void> PartitionLog::Impl::write_run(std::span<Turn* const> run) {
    if (needs_cut) FL_CHECK(cut_failed_write());
    IoBuf gathered;
    for (const Turn* turn : run) gathered.append(turn->bytes);
    auto file = active().file();
    if (!file.ok()) return dir->note(file.error());
    if (auto wrote = (*file)->write(active().bytes(), gathered); !wrote.ok()) {
        if (wrote.code() == Errc::cancelled) return wrote;
        const Error error = dir->note(wrote.error());
        needs_cut = true;
        if (error.code == Errc::no_space) (void)cut_failed_write();  // else before the next write
        return error;
    }
    dir->note_success();
    for (const Turn* turn : run) {
        for (std::size_t i = 0; i < turn->batches.size(); ++i) written(turn->batches[i]);
    }
    check();
    return {};
}

// What a failed write left must not stand behind the log's end: after a crash it could pass for
// damage, or for a batch that was never acknowledged.
Result<void> PartitionLog::Impl::cut_failed_write() {
    FL_TRY(FileRef file, active().file());
    if (auto cut = file->truncate(active().bytes()); !cut.ok()) return dir->note(cut.error());
    ctx.probe.reached(probe::Site::failed_write_cut);
    needs_cut = false;
    return {};
}

void PartitionLog::Impl::written(const BatchHeader& batch) {
    FL_INVARIANT(11, batch.base >= log_end && batch.base >= active().base());
    tail.push_back({batch.base, batch.last(), active().bytes(), batch.size()});
    if (tail.size() > kTailBatches) tail.pop_front();
    const bool entry_now = ctx.probe.perturb(probe::Site::index_entry_early);
    if (entry_now) ctx.probe.reached(probe::Site::index_entry_early);
    active().appended(batch, entry_now ? 1 : options.config.index_interval_bytes);
    active().last_append = ctx.clock.now();
    note_batch(batch);
    note_producer(batch);
    log_end = batch.last() + 1;
    ctx.probe.emit([&] {
        return probe::BatchAppended{key, batch.epoch, batch.base, batch.last(), batch.crc};
    });
}

void PartitionLog::Impl::note_batch(const BatchHeader& batch) {
    if (batch.epoch.v < 0) return;
    const auto latest = epochs.latest();
    if (latest && *latest >= batch.epoch) return;
    epochs_dirty |= epochs.assign(batch.epoch, batch.base);
}

// The old segment becomes durable as a whole before the new one exists, so that only the newest
// segment can ever be torn (INV-14). Requires: this fiber leads.
Result<void> PartitionLog::Impl::roll_now() {
    FL_ASSERT(active().bytes() > 0);
    FL_CHECK(appendable());
    if (needs_cut) FL_CHECK(cut_failed_write());
    const auto steps = [&]() -> Result<SegmentRef> {
        FL_TRY(FileRef file, active().file());
        FL_CHECK(file->sync(SyncMode::data));
        FL_CHECK(load_index(active()));
        FL_CHECK(active().save_index(true));
        if (epochs_dirty) FL_CHECK(save_epochs());
        // Durable with the new segment's name: when retention takes the old one, what its producers
        // did is known from here.
        FL_CHECK(take_snapshot({.segment = log_end}, true));
        auto fresh = std::make_shared<Segment>(ctx.disk, options.path, log_end, 0);
        fresh->dense_from = dense_from;
        FL_CHECK(fresh->create());
        return fresh;
    };
    auto fresh = steps();
    if (!fresh.ok()) {
        return fresh.code() == Errc::cancelled ? fresh.error() : dir->note(fresh.error());
    }
    set_durable(log_end);
    FL_INVARIANT(14, durable_end == log_end);
    (*fresh)->created_ms = ctx.clock.wall().ms;
    segments.push_back(*std::move(fresh));
    tail.clear();
    ctx.probe.emit([&] { return probe::SegmentRolled{key, log_end}; });
    check();
    return {};
}
}  // namespace faultline::storage
