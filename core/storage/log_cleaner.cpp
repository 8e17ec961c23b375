#include "core/storage/log_cleaner.h"

#include <algorithm>

namespace faultline::storage {

LogCleaner::LogCleaner(const LogContext& context, Rng rng, CleanerOptions options)
    : context_(context), rng_(rng), options_(options) {}

void LogCleaner::restore(const TopicPartition& partition, Offset cleaned_to) {
    cleaned_[partition] = cleaned_to;
}

std::optional<Offset> LogCleaner::cleaned_to(const TopicPartition& partition) const {
    const auto at = cleaned_.find(partition);
    return at == cleaned_.end() ? std::nullopt : std::optional{at->second};
}

void LogCleaner::lower(const TopicPartition& partition, Offset to) {
    const auto at = cleaned_.find(partition);
    if (at != cleaned_.end()) at->second = std::min(at->second, to);
}

void LogCleaner::forget(const TopicPartition& partition) {
    cleaned_.erase(partition);
    uncleanable_.erase(partition);
}

// The dirtiest of those that are due.
LogCleaner::Next LogCleaner::choose(const std::vector<LogRef>& logs, const Facts& facts,
                                    const std::set<TopicPartition>& left_out) {
    Next best;
    for (const LogRef& log : logs) {
        const TopicPartition& partition = log->partition();
        if (!log->config().cleanup_compact || log->dir()->failed()) continue;
        if (left_out.contains(partition) || uncleanable_.contains(partition)) continue;
        const auto plan =
            log->plan_compaction(cleaned_to(partition).value_or(Offset{0}), facts(*log).stable);
        if (!plan.ok() || !plan->due) continue;
        if (best.log == nullptr || plan->dirty_ratio() > best.dirty_ratio) {
            best = {log, plan->dirty_ratio(), plan->dirty_bytes};
        }
    }
    return best;
}

// Sleeps for as long as so many bytes may take.
Result<void> LogCleaner::pace(std::uint64_t bytes, fiber::StopToken stop) {
    constexpr double kLongest = 60e9;  // ns
    const double rate = std::max(options_.io_bytes_per_second, 1.0);
    const double ns = std::min(static_cast<double>(bytes) / rate * 1e9, kLongest);
    if (ns >= 1e6) {
        const Duration pause{static_cast<std::int64_t>(ns)};
        (void)context_.fibers.sleep_until(context_.clock.in(pause), stop);
    }
    if (stop.stop_requested()) return Error{Errc::cancelled, 0, "log.cleaner"};
    return {};
}

bool LogCleaner::clean(PartitionLog& log, const CleaningFacts& facts, fiber::StopToken stop) {
    const TopicPartition partition = log.partition();
    CompactionTask task;
    task.checkpoint = cleaned_to(partition).value_or(Offset{0});
    task.stable = facts.stable;
    task.map_bytes = options_.dedupe_bytes;
    task.secret = {rng_.next(), rng_.next()};
    task.active = facts.active;
    task.pace = [this, stop](std::uint64_t bytes) { return pace(bytes, stop); };
    const auto done = log.compact(task);
    if (done.ok()) {
        cleaned_[partition] = done->cleaned_to;
        context_.log.info("{}: compacted up to offset {}: {} of {} records stay, {} of {} bytes",
                          log.path(), done->cleaned_to.v, done->records_after, done->records_before,
                          done->bytes_after, done->bytes_before);
        return done->cleaned_to > task.checkpoint;
    }
    switch (done.code()) {
        case Errc::fenced:
        case Errc::closed:
        case Errc::cancelled: break;
        case Errc::no_space:
        case Errc::io:
            context_.log.warn("{}: compaction: {}", log.path(), to_string(done.error()));
            break;
        default:
            context_.log.error("{}: cannot be compacted until a restart: {}", log.path(),
                               to_string(done.error()));
            context_.probe.reached(probe::Site::partition_uncleanable);
            uncleanable_.insert(partition);
            break;
    }
    return false;
}

void LogCleaner::run(const std::vector<LogRef>& logs, const Facts& facts, const Cleaned& cleaned,
                     fiber::StopToken stop) {
    std::set<TopicPartition> left_out;
    while (options_.enable && !stop.stop_requested()) {
        const Next next = choose(logs, facts, left_out);
        if (next.log == nullptr) return;
        if (clean(*next.log, facts(*next.log), stop)) {
            cleaned(*next.log);
        } else {
            left_out.insert(next.log->partition());
        }
    }
}
}  // namespace faultline::storage
