// Which log is compacted next, how fast, and how far each was cleaned.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/fiber/stop.h"
#include "core/storage/checkpoint_file.h"
#include "core/storage/log_dir.h"
#include "core/storage/partition_log.h"

namespace faultline::storage {

struct CleanerOptions {
    bool enable = true;                      // log.cleaner.enable
    std::int64_t backoff_ms = 15'000;        // log.cleaner.backoff.ms
    std::size_t dedupe_bytes = 128U << 20U;  // log.cleaner.dedupe.buffer.size, of one shard
    double io_bytes_per_second = std::numeric_limits<double>::max();
};

// What the owner of a partition knows and the log does not.
struct CleaningFacts {
    Offset stable;  // the last stable offset
    std::map<std::int64_t, logic::storage::LastOfProducer> active;
};

// The logs of one shard; all of its methods belong to that shard.
class LogCleaner {
public:
    LogCleaner(const LogContext&, Rng rng, CleanerOptions options);
    // From the next log on. Never parks.
    void tune(const CleanerOptions& options) { options_ = options; }
    using Facts = std::function<CleaningFacts(const PartitionLog&)>;
    // Called after each log that was cleaned. May park.
    using Cleaned = std::function<void(const PartitionLog&)>;
    // Compacts the logs of `logs` that are due, the dirtiest first, until none is. A log whose
    // compaction fails for good is told once and left alone until a restart. Parks.
    void run(const std::vector<LogRef>& logs, const Facts& facts, const Cleaned& cleaned,
             fiber::StopToken stop);

    // cleaner-offset-checkpoint. Never park.
    void restore(const TopicPartition& partition, Offset cleaned_to);
    std::optional<Offset> cleaned_to(const TopicPartition& partition) const;
    // Offsets at and above `to` will be written again.
    void lower(const TopicPartition& partition, Offset to);
    void forget(const TopicPartition& partition);
    std::size_t uncleanable() const noexcept { return uncleanable_.size(); }

private:
    struct Next {
        LogRef log;
        double dirty_ratio = 0;
        std::uint64_t dirty_bytes = 0;
    };
    Next choose(const std::vector<LogRef>& logs, const Facts& facts,
                const std::set<TopicPartition>& left_out);
    // False: not again in this pass.
    bool clean(PartitionLog& log, const CleaningFacts& facts, fiber::StopToken stop);
    Result<void> pace(std::uint64_t bytes, fiber::StopToken stop);

    LogContext context_;
    Rng rng_;
    CleanerOptions options_;
    OffsetCheckpoint cleaned_;
    std::set<TopicPartition> uncleanable_;
};
}  // namespace faultline::storage
