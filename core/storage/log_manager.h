// The logs of one shard over the node's log directories, and the fibers that keep them.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/fiber/scheduler.h"
#include "core/fiber/sync.h"
#include "core/storage/checkpoint_file.h"
#include "core/storage/log_cleaner.h"
#include "core/storage/log_config.h"
#include "core/storage/log_dir.h"
#include "core/storage/partition_log.h"

namespace faultline::storage {

struct LogManagerOptions {
    std::vector<std::string> dirs;  // log.dirs; made when missing
    Uuid cluster_id;                // zero: keep what meta.properties says, else make one
    Uuid fresh_cluster_id;          // of a directory without meta.properties; zero: draw one
    NodeId node;
    LogConfig defaults;                         // of partitions that are on disk at open()
    std::int64_t retention_check_ms = 300'000;  // log.retention.check.interval.ms
    std::int64_t checkpoint_ms = 60'000;        // log.flush.offset.checkpoint.interval.ms
    std::int64_t flush_check_ms = 1'000;        // how often flush.ms is looked at
    std::uint32_t recovery_fibers_per_dir = 2;  // num.recovery.threads.per.data.dir
    CleanerOptions cleaner;
    // With several shards, each has a manager of its partitions: `owns` picks them, and one
    // manager, the primary, holds the locks, marks and checkpoint files. The primary opens first.
    bool primary = true;
    std::function<bool(const TopicPartition&)> owns;  // empty: all
    // Of a manager that is not primary: asks the primary's lower_checkpoints(). May park.
    std::function<Result<void>(const TopicPartition&, Offset)> lower_checkpoints;
};

// What the primary found at open(); the other shards' managers start from it.
struct LogDirState {
    bool clean = false;
    bool failed = false;  // in collect(): the directory must not get a clean mark
    OffsetCheckpoint recovery_points, log_starts;
    OffsetCheckpoint cleaned;  // cleaner-offset-checkpoint: what is below was compacted
};

struct OfflinePartition {  // its files stay as they are
    TopicPartition partition;
    std::uint32_t dir = 0;
    Error error;
};

// Owns every PartitionLog of this shard. All of its methods belong to that shard.
class LogManager {
public:
    LogManager(const LogContext&, Rng&, LogManagerOptions);
    ~LogManager();  // requires close(), or that the node was killed
    LogManager(const LogManager&) = delete;
    LogManager& operator=(const LogManager&) = delete;

    // Locks and reads the directories, recovers all logs, starts the keeping fibers. Parks.
    // busy: another process holds a directory; invalid: a directory of another cluster or node.
    // A partition that cannot be opened is in offline(), and the rest goes on. `states` is for a
    // manager that is not primary: the primary's states(), one per directory.
    Result<void> open(std::vector<LogDirState> states = {});
    const std::vector<LogDirState>& states() const noexcept { return states_; }
    const Uuid& cluster_id() const noexcept { return options_.cluster_id; }

    // Null when this shard has no such log, or it is offline. Never parks. A caller that parks
    // while it uses the log keeps the reference: the partition may be deleted meanwhile.
    LogRef find(const TopicPartition&) const;
    // Of the directory that the log is in (meta.properties); zero when it is not known.
    Uuid directory_id(const LogRef& log) const;
    // The directories' ids, in their order.
    std::vector<Uuid> directory_ids() const;
    // The broker epoch that the clean mark of the last stop named; -1 after an unclean one
    // (KIP-966).
    std::int64_t previous_broker_epoch() const noexcept { return previous_epoch_; }
    // Of partition.metadata; zero when unknown.
    Uuid topic_id(const TopicPartition&) const;
    // The health of directory `index` of LogManagerOptions::dirs, as this shard knows it.
    const LogDir& dir(std::uint32_t index) const { return *dirs_[index].health; }
    std::vector<TopicPartition> partitions() const;  // in order; without the offline ones
    const std::vector<OfflinePartition>& offline() const noexcept { return offline_; }

    // Makes the log on the healthy directory with the fewest partitions. exists; io when no
    // directory is healthy; no_space. Parks.
    Result<LogRef> create(const TopicPartition&, const Uuid& topic_id, const LogConfig&);
    // Renames the directory away (durable when it returns) and removes its files in the
    // background; also of an offline partition. Readers keep what they hold. not_found; closed,
    // after close(): the next start is told again. Parks.
    Result<void> remove(const TopicPartition&);
    // The same, but its files stay, in a directory that no start opens: returns its path. For the
    // log of a topic that nobody knows, as Kafka does. Parks.
    Result<std::string> set_aside(const TopicPartition&);

    // How far retention may go for a partition; without it, up to durable_end.
    void set_retention_limit(std::function<Offset(const PartitionLog&)> limit);

    // What compaction must know of a partition; without it, durable_end is stable and no producer
    // is active. Called by fibers; must not park.
    void set_cleaning_facts(LogCleaner::Facts facts);

    // From the cleaner's next pass on; whether there is one at all is decided at open().
    void tune_cleaner(const CleanerOptions& options);

    // One pass of each keeping fiber, for those who cannot wait. Parks.
    void run_retention();
    void run_cleaner(fiber::StopToken stop = {});
    void mark_logs(fiber::StopToken stop = {});  // PartitionLog::checkpoint() of all
    // Of the logs of all shards. timed_out: another shard did not answer; of its logs what it said
    // last was written.
    Result<void> checkpoint_recovery_points();
    Result<void> checkpoint_log_starts();
    // The same where only logs of this manager have moved: nobody else is asked. On the primary.
    Result<void> checkpoint_own_log_starts();
    // Before offsets at and above `to` of a partition are written again: the checkpoints stop
    // promising more than `to`; with kForget they know nothing of it, its log is gone. Parks.
    static constexpr Offset kForget{-1};
    Result<void> lower_checkpoints(const TopicPartition&, Offset to);
    // What this manager's logs would write to the checkpoints of directory `index`. Parks.
    LogDirState collect(std::uint32_t index);
    // Adds the other shards' entries to the checkpoints: set on the primary. Parks. `peers` answers
    // for all of them or, when one of them did not, with nothing: then their last entries stay.
    void set_peers(std::function<std::vector<LogDirState>(std::uint32_t index)> peers);

    // Closes all logs, writes the checkpoints and, where every log closed well, the clean mark.
    // `broker_epoch` goes into the mark (KIP-966). Parks.
    Result<void> close(std::int64_t broker_epoch = -1);

private:
    struct Entry {
        LogRef log;
        Uuid topic_id;
    };
    struct Dir {
        LogDirRef health;
        std::unique_ptr<DirLock> lock;
        Uuid id;                     // directory.id
        bool unclean = false;        // a log here did not close well: no clean mark
        bool peers_unclean = false;  // another shard says so, or did not answer
    };
    Result<void> open_dir(std::uint32_t index);
    Result<void> check_meta(std::uint32_t index);
    Result<void> load_state(std::uint32_t index);
    Result<OffsetCheckpoint> load_checkpoint(const std::string& path);
    Result<void> open_logs(std::uint32_t index);
    void sync_names(std::uint32_t index);
    void open_one(std::uint32_t index, const std::string& name, const TopicPartition&);
    Result<LogRef> open_log(std::uint32_t index, const TopicPartition&, const LogConfig&,
                            bool clean);
    std::uint32_t roomiest_dir() const;
    Result<void> forget_checkpoints(std::uint32_t index, const TopicPartition&);
    struct Which {  // checkpoint files
        bool recovery_points = true, log_starts = true, cleaned = true;
    };
    Result<void> write_checkpoints(std::uint32_t index, Which which);
    Result<void> write_checkpoints_of(std::uint32_t index, Which which,
                                      std::vector<LogDirState> others);
    Result<void> write_state(std::uint32_t index, const LogDirState& state, Which which);
    Result<void> write_all(Which which);
    void keep(std::string_view name, std::function<std::int64_t()> every_ms,
              std::function<void(fiber::StopToken)> pass);
    Result<std::string> move_away(const TopicPartition&, std::string_view why);
    void remove_files(const std::string& path);
    std::vector<LogRef> snapshot() const;
    Uuid fresh_uuid();

    LogContext context_;
    Rng rng_;
    LogManagerOptions options_;
    std::vector<Dir> dirs_;
    std::vector<LogDirState> states_;
    std::int64_t previous_epoch_ = -1;
    std::map<TopicPartition, Entry> logs_;
    std::vector<OfflinePartition> offline_;
    std::function<Offset(const PartitionLog&)> limit_;
    LogCleaner cleaner_;
    LogCleaner::Facts cleaning_facts_;
    std::function<std::vector<LogDirState>(std::uint32_t)> peers_;
    std::set<TopicPartition> busy_;  // being created or removed
    fiber::Mutex checkpoint_mutex_;  // one writer of a checkpoint file and its .tmp at a time
    std::uint64_t lowerings_ = 0;    // what peers said before the last one is no longer true
    fiber::Group keepers_;
    fiber::Group removals_;
    bool closed_ = false;
};
}  // namespace faultline::storage
