// Snapshots of the metadata log (KIP-630): written, served, fetched, begun from.
#include <algorithm>

#include "core/base/assert.h"
#include "core/controller/quorum.h"
#include "core/model/image_records.h"

namespace faultline::controller {
namespace {
constexpr Duration kSnapshotRetry = 10s;  // after one that could not be written
}  // namespace

// --- at the start
// ---------------------------------------------------------------------------------

Result<raft::VoterSet> Quorum::open_snapshots(raft::LogView& view, raft::VoterSet first) {
    storage::PartitionLog& log = log_.log();
    FL_CHECK(snapshots_.open(log.path()));
    for (const std::string& path : snapshots_.damaged())
        env_.log.error("{} is damaged and is passed over", path);
    if (!snapshots_.all().empty()) {
        const SnapshotId newest = snapshots_.all().back().id;
        // Committed is what stands in a snapshot: a log that ends below it, or has another record
        // at its end, is the one that a crash kept from being replaced.
        const bool other =
            log.log_start() < newest.end && log.epoch_at(newest.end + (-1)) != newest.epoch;
        if (log.log_end() < newest.end || other) {
            FL_CHECK(log.truncate_fully_and_start_at(newest.end));
        }
    }
    // Where the start that was written down is older than what was deleted.
    const SnapshotInfo* at = snapshots_.at_or_above(log.log_start());
    if (log.log_start() > Offset{0} || (at != nullptr && at->id.end == Offset{0})) {
        if (at == nullptr) return Error{Errc::corrupt, 0, "quorum.no_snapshot"};
        if (log.log_start() < at->id.end) FL_CHECK(log.delete_records_before(at->id.end));
        FL_CHECK(logs_->checkpoint_own_log_starts());
        view.snapshot = at->id;
        FL_TRY(const MetadataSnapshot oldest, snapshots_.load(at->id));
        if (oldest.voters) first = *oldest.voters;
    }
    view.start = log.log_start();
    // INV-126  The metadata log begins at 0, or where a snapshot of this node ends.
    FL_INVARIANT(126, view.start == Offset{0} || view.snapshot.end == view.start);
    FL_CHECK(snapshots_.remove_before(view.start));
    if (!snapshots_.all().empty()) FL_CHECK(load_snapshot());
    return first;
}

// The newest one, in the place of all that was applied.
Result<void> Quorum::load_snapshot() {
    const SnapshotId id = snapshots_.all().back().id;
    FL_TRY(const MetadataSnapshot snapshot, snapshots_.load(id));
    events_.loaded(snapshot);
    applied_ = id.end;
    last_batch_ms_ = snapshot.last_timestamp_ms;
    fresh_bytes_ = 0;
    return {};
}

// --- writing
// --------------------------------------------------------------------------------------

void Quorum::keep_snapshots(fiber::StopToken stop) {
    const SnapshotConfig& c = config_.snapshots;
    MonoTime last = env_.clock.now();
    while (!stop.stop_requested() && !broken_) {
        const Deadline due =
            c.interval > Duration{0} ? Deadline{last + c.interval} : Deadline::never();
        (void)snapshot_due_.wait(
            due, stop, [&] { return told_ == applied_ && fresh_bytes_ >= c.record_bytes; });
        if (stop.stop_requested() || broken_) return;
        last = env_.clock.now();
        const auto turn = snapshot_turn_.lock(Deadline::never(), stop);
        if (!turn.ok()) return;
        Result<void> done;
        if (fresh_bytes_ > 0) done = write_snapshot();
        if (done.ok()) done = trim_log();
        if (done.ok()) continue;
        if (done.code() == Errc::cancelled) return;  // the disk is gone, or this node
        env_.log.error("no snapshot of the metadata log could be written: {}",
                       to_string(done.error()));
        if (done.code() == Errc::io) (void)log_.log().dir()->note(done.error());
        (void)env_.fibers.sleep_until(env_.clock.in(kSnapshotRetry), stop);
    }
}

Result<void> Quorum::write_snapshot() {
    const Offset end = applied_;
    const auto epoch = log_.log().epoch_at(end + (-1));
    if (!epoch || end <= log_.log().log_start()) {  // replaced meanwhile: there is one
        fresh_bytes_ = 0;
        return {};
    }
    MetadataSnapshot snapshot;
    snapshot.id = {*epoch, end};
    snapshot.last_timestamp_ms = last_batch_ms_;
    const raft::VoterSet& voters = raft_->voters().before(end);
    if (voters.in_log()) snapshot.voters = voters;
    const model::MetadataImage image = events_.image_copy();
    FL_ASSERT(image.applied == end);
    snapshot.records = model::image_records(image);
    const std::int64_t covered = fresh_bytes_;
    // What a snapshot holds is committed; what begins behind it must be on this disk as well.
    FL_CHECK(log_.log().wait_durable(end, Deadline::never(), fibers_.token()));
    FL_CHECK(snapshots_.save(snapshot, env_.clock.wall()));
    fresh_bytes_ = std::max<std::int64_t>(fresh_bytes_ - covered, 0);
    // Whole segments are removed: none should reach over this end by much.
    return log_.log().roll();
}

bool Quorum::may_trim_to(const SnapshotInfo& snapshot) const {
    const SnapshotConfig& c = config_.snapshots;
    const auto bytes = static_cast<std::int64_t>(log_.ref()->stats().bytes + snapshots_.bytes());
    const std::int64_t age_ms = env_.clock.wall().ms - snapshot.last_timestamp_ms;
    return (c.retention_bytes >= 0 && bytes > c.retention_bytes) ||
           (c.retention_ms >= 0 && age_ms > c.retention_ms);
}

// Snapshot by snapshot, for as long as what stands below is over what is kept.
Result<void> Quorum::trim_log() {
    storage::PartitionLog& log = log_.log();
    while (true) {
        const SnapshotInfo* next = snapshots_.at_or_above(raft_->log().start + 1);
        if (next == nullptr || next->id.end > raft_->high_watermark() || !may_trim_to(*next))
            return {};
        const SnapshotId id = next->id;
        raft_->trimmed(id);
        FL_CHECK(log.delete_records_before(id.end));
        FL_CHECK(logs_->checkpoint_own_log_starts());
        FL_CHECK(snapshots_.remove_before(id.end));
    }
}

// --- serving
// --------------------------------------------------------------------------------------

Result<wire::FetchSnapshotResponse> Quorum::fetch_snapshot(
    const wire::FetchSnapshotRequest& request, std::uint64_t lane) {
    using wire::KafkaError;
    if (broken_) return *broken_;
    FL_TRY(SnapshotPartRequest q, from_wire(request));
    q.what.lane = lane;
    SnapshotPart answer;
    answer.what = raft_->serve_snapshot(env_.clock.now(), q.what.replica.id, q.what);
    answer.position = q.position;
    if (answer.what.error != raft::RaftError::none) return to_wire(std::move(answer));
    if (q.position < 0) return to_wire(std::move(answer), KafkaError::position_out_of_range);
    const auto limit = static_cast<std::size_t>(std::clamp(q.max_bytes, 1, 8 << 20));
    auto part =
        snapshots_.read(q.what.id, static_cast<std::uint64_t>(q.position), limit, env_.clock.now());
    if (part.ok()) {
        answer.size = static_cast<std::int64_t>(part->size);
        answer.bytes = std::move(part->bytes);
        return to_wire(std::move(answer));
    }
    if (part.code() == Errc::cancelled) return part.error();
    return to_wire(std::move(answer), part.code() == Errc::invalid
                                          ? KafkaError::position_out_of_range
                                          : KafkaError::snapshot_not_found);
}

// --- fetching
// -------------------------------------------------------------------------------------

void Quorum::fetch_snapshots(fiber::StopToken stop) {
    while (
        wanted_changed_.wait(Deadline::never(), stop, [&] { return wanted_.has_value(); }).ok()) {
        // Until it is installed nobody writes one: the store takes one at a time.
        const auto turn = snapshot_turn_.lock(Deadline::never(), stop);
        if (!turn.ok()) return;
        const raft::FetchSnapshot job = *std::exchange(wanted_, std::nullopt);
        auto snapshot = download(job, stop);
        if (QuorumPeer* const leader = peer(job.from)) leader->close_snapshots();
        if (stop.stop_requested()) return;
        if (!snapshot.ok()) {
            snapshots_.abandon();
            // Another that was asked for meanwhile ended this one.
            if (!wanted_ && !replacing_ && raft_->awaits_snapshot(job.id))
                raft_->snapshot_failed(env_.clock.now());
            poke();
            continue;
        }
        downloaded_ = *std::move(snapshot);
        poke();
        (void)downloaded_changed_.wait(Deadline::never(), stop, [&] { return !downloaded_; });
    }
}

Result<MetadataSnapshot> Quorum::download(const raft::FetchSnapshot& job, fiber::StopToken stop) {
    QuorumPeer* const leader = peer(job.from);
    if (leader == nullptr) return Error{Errc::not_found, 0, "quorum.snapshot_from"};
    SnapshotPartRequest q;
    q.what.replica = raft_->self();
    q.what.id = job.id;
    q.max_bytes = config_.snapshots.part_bytes;
    FL_CHECK(snapshots_.begin(job.id));
    while (true) {
        q.what.epoch = raft_->state().epoch;
        FL_TRY(SnapshotPart part, leader->fetch_snapshot(q, stop));
        const bool awaited = raft_->snapshot_part(env_.clock.now(), job.from, part.what);
        poke();
        if (!awaited || wanted_) return Error{Errc::fenced, 0, "quorum.snapshot_part"};
        if (!part.found) return Error{Errc::not_found, 0, "quorum.snapshot_part"};
        if (part.position != q.position || part.bytes.empty())
            return Error{Errc::corrupt, 0, "quorum.snapshot_part"};
        FL_CHECK(snapshots_.add(static_cast<std::uint64_t>(q.position), part.bytes));
        q.position += static_cast<std::int64_t>(part.bytes.size());
        if (q.position >= part.size) break;
    }
    return snapshots_.finish();
}

// In the fiber that runs Raft, which hears of nothing else until it is done: replacing_.
Result<void> Quorum::install(const MetadataSnapshot& snapshot, fiber::StopToken stop) {
    if (!raft_->awaits_snapshot(snapshot.id)) {
        snapshots_.abandon();
        return {};
    }
    replacing_ = true;
    // A replica that cannot write says nothing meanwhile: the others go on without it.
    const auto when_there_is_space = [&](const auto& step) -> Result<void> {
        while (true) {
            const Result<void> done = step();
            if (done.ok() || done.code() != Errc::no_space) return done;
            env_.probe.reached(probe::Site::quorum_waits_for_space);
            if (env_.fibers.sleep_until(env_.clock.in(kFullDiskRetry), stop) ==
                fiber::Wake::cancelled)
                return Error{Errc::cancelled, 0, "quorum.install"};
        }
    };
    const auto replaced = [&]() -> Result<void> {
        FL_CHECK(when_there_is_space([&] { return snapshots_.publish(); }));
        FL_CHECK(when_there_is_space(
            [&] { return log_.log().truncate_fully_and_start_at(snapshot.id.end); }));
        return when_there_is_space([&] { return logs_->checkpoint_own_log_starts(); });
    }();
    replacing_ = false;
    if (!replaced.ok()) return replaced;
    raft_->snapshot_loaded(env_.clock.now(), snapshot.id, snapshot.voters.value_or(static_voters_));
    commits_.notify_all();
    return snapshots_.remove_before(snapshot.id.end);
}
}  // namespace faultline::controller
