#include "core/storage/partition_log.h"

#include <algorithm>

#include "core/storage/partition_log_impl.h"

namespace faultline::storage {

PartitionLog::Impl::Impl(const LogContext& c, LogDirRef d, LogOpenOptions o)
    : ctx(c), dir(std::move(d)), options(std::move(o)), syncs(c.fibers) {
    key = ctx.probe.intern(options.partition.topic, options.partition.index);
}

void PartitionLog::Impl::check() const {
    FL_INVARIANT(10, log_start <= log_end && durable_end <= log_end && log_end <= reserved_end);
    FL_INVARIANT(15, snapshots.empty() || snapshots.back() <= log_end);
    FL_INVARIANT(18, !segments.empty() && segments.front()->base() <= log_start &&
                         active().base() <= log_end);
}

PartitionLog::PartitionLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PartitionLog::~PartitionLog() = default;

Result<std::shared_ptr<PartitionLog>> PartitionLog::open(const LogContext& context, LogDirRef dir,
                                                         LogOpenOptions options) {
    auto impl = std::make_unique<Impl>(context, std::move(dir), std::move(options));
    FL_CHECK(impl->open());
    return std::shared_ptr<PartitionLog>(new PartitionLog(std::move(impl)));
}

Result<AppendResult> PartitionLog::append(IoBuf batches, Epoch epoch) {
    return impl_->append(std::move(batches), epoch);
}
Result<AppendResult> PartitionLog::append_assigned(IoBuf batches) {
    return impl_->append(std::move(batches), std::nullopt);
}
bool PartitionLog::names_durable() const noexcept { return impl_->options.names_durable; }
Offset PartitionLog::log_start() const noexcept { return impl_->log_start; }
Offset PartitionLog::log_end() const noexcept { return impl_->log_end; }
Offset PartitionLog::durable_end() const noexcept { return impl_->durable_end; }
Result<void> PartitionLog::wait_durable(Offset offset, Deadline deadline, fiber::StopToken stop) {
    return impl_->wait_durable(offset, deadline, stop);
}
Result<void> PartitionLog::flush() {
    return impl_->wait_durable(impl_->log_end, Deadline::never(), {});
}

Result<void> PartitionLog::flush_if_due() {
    Impl& log = *impl_;
    if (log.closed || log.durable_end >= log.log_end) return {};
    const std::int64_t unsynced_ms = (log.ctx.clock.now() - log.last_sync).count() / 1'000'000;
    if (unsynced_ms < log.options.config.flush_ms) return {};
    return flush();
}

Result<ReadResult> PartitionLog::read(const ReadOptions& options) { return impl_->read(options); }
Result<std::optional<TimestampOffset>> PartitionLog::offset_for_timestamp(std::int64_t ts,
                                                                          Offset up_to) {
    return impl_->offset_for_timestamp(ts, up_to);
}
Result<std::optional<TimestampOffset>> PartitionLog::max_timestamp() {
    return impl_->max_timestamp();
}
Result<void> PartitionLog::truncate_to(Offset offset) { return impl_->truncate_to(offset); }
Result<void> PartitionLog::truncate_fully_and_start_at(Offset offset) {
    return impl_->start_again_at(offset);
}
Result<void> PartitionLog::delete_records_before(Offset offset) {
    return impl_->delete_records_before(offset);
}

Result<void> PartitionLog::roll() {
    FL_CHECK(impl_->writable());
    ExclusiveTurn turn(impl_->queue);
    FL_CHECK(impl_->writable());
    if (impl_->active().bytes() == 0) return {};
    return impl_->roll_now();
}

Result<std::size_t> PartitionLog::apply_retention(Offset limit) {
    return impl_->apply_retention(limit);
}

Result<logic::storage::CompactionPlan> PartitionLog::plan_compaction(Offset checkpoint,
                                                                     Offset stable) {
    return impl_->plan_compaction(checkpoint, stable);
}
Result<CompactionOutcome> PartitionLog::compact(const CompactionTask& task) {
    return impl_->compact(task);
}

Result<void> PartitionLog::allow_gaps_below(Offset offset) {
    Impl& log = *impl_;
    FL_CHECK(log.writable());
    ExclusiveTurn turn(log.queue);
    FL_CHECK(log.writable());
    auto saved = log.allow_gaps_below(offset);
    return saved.ok() || saved.code() == Errc::cancelled ? saved : log.dir->note(saved.error());
}

Result<void> PartitionLog::assign_epoch(Epoch epoch) {
    Impl& log = *impl_;
    FL_CHECK(log.writable());
    ExclusiveTurn turn(log.queue);
    FL_CHECK(log.writable());
    if (!log.epochs.assign(epoch, log.log_end)) return {};
    auto saved = log.save_epochs();
    return saved.ok() ? saved : log.dir->note(saved.error());
}

void PartitionLog::lead(Epoch epoch) { impl_->epochs_dirty |= impl_->epochs.forget_above(epoch); }

std::optional<Epoch> PartitionLog::latest_epoch() const noexcept { return impl_->epochs.latest(); }
std::optional<Epoch> PartitionLog::epoch_at(Offset offset) const {
    return impl_->epochs.at(offset);
}

Offset PartitionLog::shared_end(const EpochEnd& leaders) const {
    return impl_->epochs.shared_end({leaders.epoch, leaders.end}, impl_->log_end);
}

std::optional<EpochEnd> PartitionLog::answer_for_epoch(Epoch asked, Epoch current) const {
    const auto end = impl_->epochs.answer(asked, current, impl_->log_end);
    if (!end) return {};
    return EpochEnd{end->epoch, end->end};
}

void PartitionLog::update_config(const LogConfig& config) { impl_->options.config = config; }
const LogConfig& PartitionLog::config() const noexcept { return impl_->options.config; }
const TopicPartition& PartitionLog::partition() const noexcept { return impl_->options.partition; }
const std::string& PartitionLog::path() const noexcept { return impl_->options.path; }
const LogDirRef& PartitionLog::dir() const noexcept { return impl_->dir; }

LogStats PartitionLog::stats() const noexcept {
    LogStats stats;
    for (const SegmentRef& s : impl_->segments) stats.bytes += s->bytes();
    stats.segments = impl_->segments.size();
    return stats;
}

const logic::ProducerStates& PartitionLog::producers() const noexcept { return impl_->producers; }
void PartitionLog::expire_producers(Duration idle) {
    impl_->producers.expire(impl_->ctx.clock.wall(), idle);
}

Result<void> PartitionLog::checkpoint() { return impl_->checkpoint(); }
Result<void> PartitionLog::close() {
    auto closed = impl_->close();
    const auto guard = impl_->compacting.lock();  // one that runs sees it and ends
    return closed;
}

void PartitionLog::abandon() {
    Impl& log = *impl_;
    {
        ExclusiveTurn turn(log.queue);
        log.closed = true;
        log.queue.fail_appends({Errc::closed, 0, "log.abandon"});
        log.reserved_end = log.log_end;
        log.syncs.join();
        log.wake_durable();
    }
    // Another log may soon have this one's path: a compaction that runs sees that it is closed.
    const auto guard = log.compacting.lock();
}
}  // namespace faultline::storage
