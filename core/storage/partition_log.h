// The log of one partition on a Disk: append, read, truncate, durability.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/small_vec.h"
#include "core/base/time.h"
#include "core/env/disk.h"
#include "core/fiber/scheduler.h"
#include "core/logic/producer/producer_state.h"
#include "core/logic/storage/compaction_filter.h"
#include "core/logic/storage/compaction_plan.h"
#include "core/storage/log_config.h"
#include "core/storage/log_dir.h"

namespace faultline::storage {

struct LogOpenOptions {
    TopicPartition partition;
    std::string path;  // the partition's directory, made when missing
    LogConfig config;
    bool clean = false;               // the log directory was shut down cleanly
    bool names_durable = false;       // the partition's directory was synced after the last crash
    bool names_later = false;         // else: by the caller, where names_durable() says no
    bool checkpointed = false;        // recovery_point is from the checkpoint
    Offset recovery_point{0};         // below it everything is known to be durable
    std::optional<Offset> log_start;  // of the checkpoint, when it has one
    // The log has an entry in cleaner-offset-checkpoint: Kafka may have compacted it.
    bool compacted = false;
    std::uint64_t jitter_seed = 0;  // spreads rolls by time, see segment.jitter.ms
    // Called before offsets at and above the given one may come to be written again: checkpoints
    // must not promise more than that. May park. Empty: there are no checkpoints.
    std::function<Result<void>(Offset)> before_truncate;
};

struct AppendResult {
    Offset first, last;
    std::int64_t max_timestamp = -1;  // of the batches' headers; -1 when there is none
    Offset end() const { return last + 1; }
};

struct ReadOptions {
    Offset from;
    std::uint64_t max_bytes = 1'048'576;
    Offset up_to{INT64_MAX};  // batches that reach this offset are not returned
    bool min_one = true;      // the first batch comes even when it is over max_bytes
};

struct ReadResult {
    SmallVec<FileSlice, 2> slices;  // whole batches, in order; empty at the end of the log
    std::uint64_t bytes = 0;
    Offset first;  // base offset of the first batch; may be below `from`
    Offset next;   // one past the last offset in `slices`; `from` when empty
};

struct TimestampOffset {
    std::int64_t timestamp;
    Offset offset;
    Epoch epoch;  // of the batch that holds it
};

struct EpochEnd {  // KIP-101, KIP-279
    Epoch epoch;   // the largest known epoch <= the one asked for
    Offset end;    // where it ends: the start of the next one, or log_end
};

// One round of compaction.
struct CompactionTask {
    Offset checkpoint{0};  // up to where the log was cleaned by earlier rounds
    Offset stable;         // the last stable offset: what stands above may still be undone
    std::size_t map_bytes = 128U << 20U;  // of the offset map
    logic::storage::OffsetMap::Secret secret;
    std::map<std::int64_t, logic::storage::LastOfProducer> active;  // by producer id
    // Told how many bytes were read or written since it was called last; may park, for as long as
    // the disk must be spared. An error ends the round.
    std::function<Result<void>(std::uint64_t)> pace;
};

struct CompactionOutcome {
    Offset cleaned_to;                                // the next round's checkpoint
    std::uint64_t bytes_before = 0, bytes_after = 0;  // of the segments that were rewritten
    std::uint64_t records_before = 0, records_after = 0;
};

struct LogStats {
    std::uint64_t bytes = 0;
    std::size_t segments = 0;
};

// Owns the files of one partition. Used by the fibers of one shard; any number of them may append,
// read and wait at once. Methods that say "Parks" may switch fibers; a caller that kept state of
// the log across them reads it again. Every batch it is given was validated by core/wire.
//
// Order of offsets: log_start <= durable_end <= log_end. log_end is what reads can see (the page
// cache); durable_end is what a power loss cannot take.
//
// Errors of all writing methods: io after the directory failed (for ever), no_space while the disk
// is full (nothing of the append is in the log; a later one may succeed), closed after close().
class PartitionLog {
public:
    // Opens or makes the log; recovers it unless options.clean. Parks.
    // corrupt: bytes that a crash cannot explain are damaged; nothing was cut
    // (docs/formats/segment.md).
    static Result<std::shared_ptr<PartitionLog>> open(const LogContext&, LogDirRef, LogOpenOptions);
    ~PartitionLog();  // asserts nothing about the files: without close() the next open recovers
    PartitionLog(const PartitionLog&) = delete;
    PartitionLog& operator=(const PartitionLog&) = delete;

    // As the leader: assigns offsets and stamps `epoch` (both outside the batches' CRC), in the
    // order of the calls. `batches` holds one or more whole batches; their offsets are ignored.
    // Parks until the bytes are written (readable), not until they are durable. Appends that wait
    // for the same file go out in one gather-write. invalid: not a sequence of whole batches;
    // too_large: over segment.bytes; busy: over 64 MiB wait already.
    Result<AppendResult> append(IoBuf batches, Epoch epoch);
    // As a follower: batches carry their offsets and epochs. invalid when the first base offset is
    // not what append would assign next (it may be later below allow_gaps_below()), or offsets are
    // not ascending.
    Result<AppendResult> append_assigned(IoBuf batches);

    // False, after open() with names_later: the directory is synced before anything else is done.
    bool names_durable() const noexcept;

    Offset log_start() const noexcept;
    Offset log_end() const noexcept;      // one past the last readable offset
    Offset durable_end() const noexcept;  // one past the last synced offset
    // Starts a sync when one is needed and parks until durable_end() >= `offset`. One sync serves
    // all that wait. timed_out, cancelled; io when the sync failed; fenced when the log was
    // truncated below `offset`; closed.
    Result<void> wait_durable(Offset offset, Deadline, fiber::StopToken = {});
    // Makes all that is written durable. Parks.
    Result<void> flush();
    // Syncs when flush.ms has passed since something was written unsynced. Parks.
    Result<void> flush_if_due();

    // Whole batches from the one that holds `from` on. Parks unless the tail is in memory.
    // not_found: `from` is below log_start or above log_end (Kafka: OFFSET_OUT_OF_RANGE);
    // corrupt: the batch at `from` is damaged (never served). On a failed directory only what is
    // durable is returned.
    Result<ReadResult> read(const ReadOptions&);
    // The first record with a timestamp >= `timestamp_ms`, below `up_to`. Parks.
    Result<std::optional<TimestampOffset>> offset_for_timestamp(std::int64_t timestamp_ms,
                                                                Offset up_to = Offset{INT64_MAX});
    // The largest timestamp and the first record that has it (ListOffsets -3, KIP-734). Parks.
    Result<std::optional<TimestampOffset>> max_timestamp();

    // Cuts everything at and above `offset` (the batch that holds it goes as a whole); durable when
    // it returns. A no-op at or above log_end. Appends that wait fail with fenced. Parks.
    Result<void> truncate_to(Offset offset);  // corrupt: it is cut; appends fail until a call works
    // Throws everything away and starts an empty log at `offset` (a follower out of range). Parks.
    Result<void> truncate_fully_and_start_at(Offset offset);
    // Moves log_start up to `offset` and removes segments below it; invalid above log_end. Durable
    // after LogManager::checkpoint_log_starts(). Parks.
    Result<void> delete_records_before(Offset offset);
    // Ends the active segment if it holds anything. Parks.
    Result<void> roll();
    // Removes what retention.ms and retention.bytes no longer keep, never at or above `limit`
    // (the high watermark). Returns how many segments went. Parks.
    Result<std::size_t> apply_retention(Offset limit);

    // What a round of compaction would clean, and whether it is due (min.cleanable.dirty.ratio,
    // max.compaction.lag.ms). Only sealed segments count. Parks. io.
    Result<logic::storage::CompactionPlan> plan_compaction(Offset checkpoint, Offset stable);
    // Keeps the newest record of each key in the segments of that plan, and of what is older;
    // offsets do not change. Appends, reads and everything else go on meanwhile. Each group of
    // segments is swapped in whole; what was swapped in stays when a later step fails. Parks often.
    // fenced: the log was cut or trimmed meanwhile; closed; no_space; io; corrupt: a damaged batch,
    // nothing of its group was changed.
    Result<CompactionOutcome> compact(const CompactionTask& task);
    // From now on offsets below `offset` may be missing, because compaction took them, here or at
    // the leader that is followed. Durable when it returns. Parks.
    Result<void> allow_gaps_below(Offset offset);

    // A new leader epoch starts at log_end, before its first batch. Durable when it returns. Parks.
    Result<void> assign_epoch(Epoch epoch);
    std::optional<Epoch> latest_epoch() const noexcept;
    // Of the leader that wrote `offset`; empty when it is not known. Never parks.
    std::optional<Epoch> epoch_at(Offset offset) const;
    // This node leads in `epoch`: what the log seems to know of later ones is damage. Never parks.
    void lead(Epoch epoch);
    // Where a follower is cut whose leader says that it has records of `leaders.epoch` below
    // `leaders.end` (LeaderEpochs::shared_end). Never parks.
    Offset shared_end(const EpochEnd& leaders) const;
    // What the leader in epoch `current` says of it (LeaderEpochs::answer). Never parks.
    std::optional<EpochEnd> answer_for_epoch(Epoch asked, Epoch current) const;

    void update_config(const LogConfig&);
    const LogConfig& config() const noexcept;
    const TopicPartition& partition() const noexcept;
    const std::string& path() const noexcept;
    const LogDirRef& dir() const noexcept;
    LogStats stats() const noexcept;
    // What the producers of the batches up to log_end did, also of those that retention took. A
    // batch is known when its append returns. Never parks.
    const logic::ProducerStates& producers() const noexcept;
    // Forgets producers that have been idle for longer (producer.id.expiration.ms). Never parks.
    void expire_producers(Duration idle);

    // Notes where the log ends and what its producers did, so that a start after a crash reads on
    // from there. Does nothing when that stands there already, or when what was appended is not
    // durable and nobody waits for it. Syncs nothing but what is waited for anyway. Parks. As the
    // writing methods.
    Result<void> checkpoint();
    // Waits for appends in flight, refuses new ones, makes everything durable. Idempotent. Parks.
    Result<void> close();
    // Refuses everything from now on; files are left as they are (the partition was deleted).
    // Waits for appends and syncs in flight. Parks.
    void abandon();

    struct Impl;  // of the files that implement the log

private:
    explicit PartitionLog(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};
using LogRef = std::shared_ptr<PartitionLog>;
}  // namespace faultline::storage
