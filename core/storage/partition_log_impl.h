// The insides of PartitionLog, shared by the files that implement it.
#pragma once
#include <deque>
#include <vector>

#include "core/base/assert.h"
#include "core/fiber/sync.h"
#include "core/logic/producer/producer_snapshot.h"
#include "core/logic/storage/leader_epochs.h"
#include "core/logic/storage/recovery_plan.h"
#include "core/storage/append_queue.h"
#include "core/storage/partition_log.h"
#include "core/storage/segment.h"

namespace faultline::storage {

inline constexpr std::size_t kMaxPendingBytes = 64U << 20U;
inline constexpr std::size_t kMaxGatherBytes = 8U << 20U;

struct DurableTag;
struct DurableWaiter : TaggedHook<DurableTag> {
    Offset until;
    fiber::Waiter waiter;
    void unlink_durable() noexcept { TaggedHook<DurableTag>::unlink(); }
};

// A batch of the active segment's end: a reader that keeps up needs no index and no disk.
struct TailBatch {
    Offset base, last;
    std::uint64_t position = 0, bytes = 0;
};

// Where a start begins to read.
struct StartMark {
    std::size_t segment = 0;  // of the plan
    Offset at;                // the snapshot's
    logic::LogMark mark;
    std::uint64_t file_bytes = 0;
};

struct PartitionLog::Impl {
    Impl(const LogContext& c, LogDirRef d, LogOpenOptions o);

    // open: log_recovery.cpp
    Result<void> open();
    Result<void> open_segments(const std::vector<DirEntry>& entries);
    Result<bool> open_from(const logic::storage::RecoveryPlan& plan, const StartMark& start);
    Result<bool> open_marked(const StartMark& start, bool last);
    Result<bool> open_marked_tail(const StartMark& start);
    Result<void> recover_segment(std::size_t i, std::uint64_t file_bytes, bool last);
    Result<void> recovered(std::size_t i, const std::optional<Segment::Damage>& damage, Offset end,
                           bool last);
    void note_recovered(const BatchHeader& batch);
    Result<void> open_clean_tail(std::uint64_t file_bytes);
    Result<void> repair(Segment& segment, const Segment::Damage& damage, bool active);
    Result<void> load_epochs();
    Result<void> load_gaps();
    Result<void> settle();
    Result<void> settle_names();
    void note_batch(const BatchHeader& batch);

    // what is known of producers: log_producers.cpp
    void note_producer(const BatchHeader& batch);
    Result<std::optional<logic::ProducerSnapshot>> read_snapshot(Offset at);
    Result<std::optional<StartMark>> find_start(const logic::storage::RecoveryPlan& plan);
    void warn_lost(Offset at, const logic::LogMark& mark, std::uint64_t file_bytes);
    Result<void> take_snapshot(const logic::LogMark& mark, bool synced);
    logic::LogMark with_names(logic::LogMark mark) const;
    Result<void> mark_end();
    Result<void> settle_producers(bool known);
    Result<void> rebuild_producers();
    Result<void> learn_producers();
    Result<void> replay_producers(std::size_t segment, std::uint64_t position, Offset from);
    Result<void> drop_snapshots_above(Offset end);
    Result<void> drop_snapshots(const std::vector<Offset>& which);
    Result<void> drop_stray_snapshots();
    std::string snapshot_path(Offset at) const;

    // append: log_append.cpp
    Result<AppendResult> append(IoBuf bytes, std::optional<Epoch> leader);
    Result<AppendResult> prepare(const IoBuf& bytes, std::optional<Epoch> leader, Turn& turn) const;
    void lead(Turn& own);
    Result<void> write_group(std::span<Turn* const> group);
    Result<void> write_run(std::span<Turn* const> run);
    bool run_fits(std::uint64_t bytes_before, const Turn& turn) const;
    void written(const BatchHeader& batch);
    Result<void> cut_failed_write();
    Result<void> roll_now();
    Result<void> writable() const;
    Result<void> appendable() const;

    // sync: log_sync.cpp
    Result<void> wait_durable(Offset offset, Deadline deadline, fiber::StopToken stop);
    void start_sync();
    void sync_until_served();
    void set_durable(Offset end);
    void wake_durable();
    Result<void> checkpoint();
    Result<void> save_epochs();
    Result<void> close();

    // read: log_read.cpp
    Result<ReadResult> read(const ReadOptions& options);
    Result<bool> read_segment(SegmentRef segment, const ReadOptions& options, Offset limit,
                              ReadResult& out);
    Result<std::optional<BatchAt>> locate(Segment& segment, bool active, Offset offset);
    Result<void> load_index(Segment& segment);
    std::optional<BatchAt> tail_locate(Offset offset) const;
    std::optional<Segment::Boundary> tail_boundary(const BatchAt& start, std::uint64_t budget,
                                                   Offset limit, bool min_one) const;
    Result<std::optional<TimestampOffset>> offset_for_timestamp(std::int64_t ts, Offset up_to);
    Result<std::optional<TimestampOffset>> search_segment(Segment& segment, std::int64_t ts,
                                                          Offset up_to);
    Result<std::optional<TimestampOffset>> max_timestamp();
    Error corruption(Offset at);

    // compaction: log_compact.cpp
    Result<logic::storage::CompactionPlan> plan_compaction(Offset checkpoint, Offset stable);
    Result<CompactionOutcome> compact(const CompactionTask& task);

    // compaction's swap: log_swap.cpp
    Result<void> swap_in(std::span<const SegmentRef> old, const SegmentRef& fresh,
                         std::uint64_t cuts_seen);
    Result<void> put_in_place(std::span<const SegmentRef> old, const SegmentRef& fresh);
    Result<void> finish_swaps(std::vector<DirEntry>& entries);
    Result<void> finish_swap(Offset base);
    Result<void> clear_way_for(Offset base, Offset end);
    Result<void> allow_gaps_below(Offset offset);
    void set_dense_from(Offset offset);
    void forget_gaps_above_end();

    // trim: log_trim.cpp
    Result<void> truncate_to(Offset offset);
    Result<void> truncate_segments(Offset offset);
    Result<void> start_again_at(Offset offset);
    Result<void> remove_segment(const Segment& segment);
    Result<void> remove_oldest(std::size_t count);
    Result<void> delete_records_before(Offset offset);
    Result<std::size_t> apply_retention(Offset limit);
    void move_log_start(Offset to);
    void forget_tail_from(Offset offset);

    Segment& active() { return *segments.back(); }
    const Segment& active() const { return *segments.back(); }
    Offset segment_end(std::size_t i) const {
        return i + 1 < segments.size() ? segments[i + 1]->base() : log_end;
    }
    std::size_t segment_of(Offset offset) const;  // the last one with base <= offset
    std::string gaps_path() const { return options.path + "/offset-gaps-checkpoint"; }
    std::string epochs_path() const { return options.path + "/leader-epoch-checkpoint"; }
    void check() const;

    LogContext ctx;
    LogDirRef dir;
    LogOpenOptions options;
    probe::PartitionKey key = 0;

    std::vector<SegmentRef> segments;  // ascending, never empty once open; the last is active
    logic::storage::LeaderEpochs epochs;
    logic::storage::EpochScan epoch_scan{epochs};  // while the log is opened
    bool epochs_dirty = false;
    logic::ProducerStates producers;  // as of log_end
    bool producers_known = false;     // while the log is opened
    bool producers_unknown = false;   // a cut failed to read them: nothing is appended, none noted
    std::vector<Offset> snapshots;  // whose files are there, ascending; INV-15: none above log_end
    Offset marked{-1};              // the newest snapshot's offset, while it says how to read on
    Offset dense_from{0};           // compaction may have taken offsets below it
    bool gaps_known = false;        // the log has an account of its own of that
    // While the log is opened: what it was opened from, and what the files beside it said.
    std::optional<logic::LogMark> started;
    logic::LogMark::Prefix epochs_found;
    // INV-10  log_start <= durable_end <= log_end <= reserved_end.
    Offset log_start{0}, log_end{0}, durable_end{0};
    Offset durable_ceiling{INT64_MAX};  // while a truncation runs
    Offset reserved_end{0};             // what the next append is given
    std::size_t pending_bytes = 0;
    std::uint64_t generation = 0;  // of truncations and removals: readers that parked look again
    std::uint64_t cuts = 0;        // of truncations: what a compaction read is no longer the log
    bool needs_cut = false;        // bytes of a failed write may stand behind the active segment
    std::deque<TailBatch> tail;    // of the active segment, without gaps up to its end

    AppendQueue queue;
    fiber::Mutex compacting;  // one round at a time
    IntrusiveList<DurableWaiter, DurableTag> durable_waiters;
    bool syncing = false;
    Offset sync_target{0};  // what the running sync will have made durable
    MonoTime last_sync{};
    MonoTime opened{};  // what was appended before has the age that the wall clock gave it then
    WallTime opened_wall{};
    fiber::Group syncs;
    bool closed = false;
    bool disk_gone = false;  // the node is dead; what still runs of it unwinds
    bool cleanly_opened = false;
};
}  // namespace faultline::storage
