#include "core/storage/log_manager.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::storage {
namespace {
constexpr const char* kRecoveryPoints = "/recovery-point-offset-checkpoint";
constexpr const char* kLogStarts = "/log-start-offset-checkpoint";
constexpr const char* kCleaned = "/cleaner-offset-checkpoint";
constexpr const char* kCleanMark = "/.kafka_cleanshutdown";
constexpr const char* kMeta = "/meta.properties";
constexpr const char* kPartitionMetadata = "/partition.metadata";
constexpr std::size_t kTextLimit = 1U << 20U;
constexpr std::uint32_t kCloseFibers = 8, kSyncFibers = 32;

// Runs `work(i)` for all i below `count` on at most `width` fibers, and waits for them.
void for_each_bounded(fiber::Scheduler& fibers, std::size_t count, std::size_t width,
                      const std::function<void(std::size_t)>& work) {
    fiber::Group group(fibers);
    std::size_t next = 0;
    for (std::size_t w = 0; w < std::min(width, count); ++w) {
        group.spawn({.name = "log.manager"}, [&](fiber::StopToken) {
            while (next < count) work(next++);
        });
    }
    group.join();
}
}  // namespace

LogManager::LogManager(const LogContext& context, Rng& rng, LogManagerOptions options)
    : context_(context),
      rng_(rng.fork("log_manager")),
      options_(std::move(options)),
      cleaner_(context, rng_.fork("cleaner"), options_.cleaner),
      keepers_(context.fibers),
      removals_(context.fibers) {}

LogManager::~LogManager() = default;

Uuid LogManager::fresh_uuid() {
    Uuid id;
    id.hi = (rng_.next() & ~0xf000ULL) | 0x4000ULL;
    id.lo = (rng_.next() & ~(3ULL << 62U)) | 1ULL << 63U;
    return id;
}

std::vector<LogRef> LogManager::snapshot() const {
    std::vector<LogRef> out;
    for (const auto& [partition, entry] : logs_) out.push_back(entry.log);
    return out;
}

Result<void> LogManager::open(std::vector<LogDirState> states) {
    FL_ASSERT(dirs_.empty() && !options_.dirs.empty());
    FL_ASSERT(options_.primary || states.size() == options_.dirs.size());
    states_ = std::move(states);
    states_.resize(options_.dirs.size());
    std::size_t healthy = 0;
    for (std::uint32_t i = 0; i < options_.dirs.size(); ++i) {
        Dir dir;
        dir.health = std::make_shared<LogDir>(context_, options_.dirs[i], i);
        dirs_.push_back(std::move(dir));
        auto opened = open_dir(i);
        if (opened.ok()) {
            ++healthy;
            continue;
        }
        // A directory that the operator must look at stops the start; a broken disk does not.
        if (opened.code() != Errc::io) return opened;
        (void)dirs_[i].health->note(opened.error());
        states_[i].failed = true;
    }
    if (healthy == 0) return Error{Errc::io, 0, "log_manager.open"};
    if (options_.primary) {
        // A full disk does not keep a broker from starting: it must be able to free space.
        auto wrote = write_all({});
        if (!wrote.ok() && wrote.code() != Errc::no_space && wrote.code() != Errc::io) return wrote;
    }
    const auto always = [](std::int64_t ms) { return [ms] { return ms; }; };
    keep("log.retention", always(options_.retention_check_ms),
         [this](fiber::StopToken) { run_retention(); });
    if (options_.cleaner.enable) {
        keep(
            "log.cleaner", [this] { return options_.cleaner.backoff_ms; },
            [this](fiber::StopToken stop) { run_cleaner(stop); });
    }
    keep("log.flush", always(options_.flush_check_ms), [this](fiber::StopToken) {
        for (const LogRef& log : snapshot()) (void)log->flush_if_due();  // the directory notes it
    });
    keep("log.checkpoint", always(options_.checkpoint_ms), [this](fiber::StopToken stop) {
        mark_logs(stop);
        if (options_.primary) (void)write_all({});
    });
    return {};
}

void LogManager::keep(std::string_view name, std::function<std::int64_t()> every_ms,
                      std::function<void(fiber::StopToken)> pass) {
    keepers_.spawn({.name = name}, [this, every_ms = std::move(every_ms),
                                    pass = std::move(pass)](fiber::StopToken stop) {
        const auto next = [&] { return context_.clock.in(std::chrono::milliseconds(every_ms())); };
        while (context_.fibers.sleep_until(next(), stop) == fiber::Wake::timed_out) pass(stop);
    });
}

void LogManager::tune_cleaner(const CleanerOptions& options) {
    const bool enable = options_.cleaner.enable;
    options_.cleaner = options;
    options_.cleaner.enable = enable;
    cleaner_.tune(options_.cleaner);
}

Result<void> LogManager::open_dir(std::uint32_t index) {
    const std::string& path = dirs_[index].health->path();
    if (options_.primary) {
        FL_CHECK(create_dirs(context_.disk, path));
        FL_TRY(dirs_[index].lock, context_.disk.lock(path + "/.lock"));
        FL_CHECK(check_meta(index));
        FL_CHECK(load_state(index));
    }
    return open_logs(index);
}

Result<void> LogManager::check_meta(std::uint32_t index) {
    const std::string path = dirs_[index].health->path() + kMeta;
    auto text = read_file(context_.disk, path, kTextLimit);
    if (text.ok()) {
        const auto meta = parse_meta(text->copy_string());
        const bool other_node =
            meta && meta->node.v >= 0 && options_.node.v >= 0 && meta->node != options_.node;
        const bool other_cluster = meta && !options_.cluster_id.is_zero() &&
                                   !meta->cluster_id.is_zero() &&
                                   meta->cluster_id != options_.cluster_id;
        if (!meta) return Error{Errc::corrupt, 0, "log_manager.meta"};
        if (other_node) return Error{Errc::invalid, 0, "log_manager.other_node"};
        if (other_cluster) return Error{Errc::invalid, 0, "log_manager.other_cluster"};
        if (options_.cluster_id.is_zero()) options_.cluster_id = meta->cluster_id;
        dirs_[index].id = meta->directory_id;
        return {};
    }
    if (text.code() != Errc::not_found) return text.error();
    if (options_.cluster_id.is_zero()) options_.cluster_id = options_.fresh_cluster_id;
    if (options_.cluster_id.is_zero()) options_.cluster_id = fresh_uuid();
    dirs_[index].id = fresh_uuid();
    return write_text(context_.disk, path,
                      print_meta({options_.cluster_id, options_.node, dirs_[index].id}));
}

Result<OffsetCheckpoint> LogManager::load_checkpoint(const std::string& path) {
    auto entries = read_checkpoint(context_.disk, path);
    if (!entries.ok() && entries.code() == Errc::corrupt) {
        context_.log.warn("{} is not readable: every segment is read instead", path);
        context_.probe.reached(probe::Site::checkpoint_unreadable);
        return OffsetCheckpoint{};
    }
    return entries;
}

// The mark is gone, durably, before anything in the directory can change.
Result<void> LogManager::load_state(std::uint32_t index) {
    const std::string& path = dirs_[index].health->path();
    LogDirState& state = states_[index];
    const auto mark = read_file(context_.disk, path + kCleanMark, kTextLimit);
    const std::int64_t epoch = mark.ok() ? parse_clean_shutdown(mark->copy_string()) : -1;
    // One directory that did not stop cleanly speaks for all of them.
    previous_epoch_ = index == 0 ? epoch : std::min(previous_epoch_, epoch);
    auto removed = context_.disk.remove(path + kCleanMark);
    if (!removed.ok() && removed.code() != Errc::not_found) return removed;
    state.clean = removed.ok();
    // Also the directories of partitions that a killed process made.
    FL_CHECK(context_.disk.sync_dir(path));
    FL_TRY(state.recovery_points, load_checkpoint(path + kRecoveryPoints));
    FL_TRY(state.log_starts, load_checkpoint(path + kLogStarts));
    FL_TRY(state.cleaned, load_checkpoint(path + kCleaned));
    if (state.clean) context_.probe.reached(probe::Site::clean_mark_found);
    return {};
}

Result<void> LogManager::open_logs(std::uint32_t index) {
    const std::string& path = dirs_[index].health->path();
    FL_TRY(const auto entries, context_.disk.list(path));
    struct Found {
        std::string name;
        TopicPartition partition;
    };
    std::vector<Found> found;
    for (const DirEntry& e : entries) {
        if (!e.is_dir) continue;
        if (is_deleted_dir(e.name)) {
            if (options_.primary) {
                context_.probe.reached(probe::Site::deleted_log_swept);
                removals_.spawn(
                    {.name = "log.remove"},
                    [this, dead = path + "/" + e.name](fiber::StopToken) { remove_files(dead); });
            }
            continue;
        }
        auto partition = parse_partition_dir(e.name);
        if (!partition || (options_.owns && !options_.owns(*partition))) continue;
        found.push_back({e.name, *std::move(partition)});
    }
    for_each_bounded(context_.fibers, found.size(), options_.recovery_fibers_per_dir,
                     [&](std::size_t i) { open_one(index, found[i].name, found[i].partition); });
    sync_names(index);
    if (dirs_[index].health->failed()) return Error{Errc::io, 0, "log_manager.open"};
    return {};
}

// After an unclean stop, before anybody writes. Many at once: disks take the syncs of many as fast
// as that of one.
void LogManager::sync_names(std::uint32_t index) {
    std::vector<std::string> paths;
    for (const auto& [partition, entry] : logs_) {
        if (entry.log->dir()->index() == index && !entry.log->names_durable())
            paths.push_back(entry.log->path());
    }
    for_each_bounded(context_.fibers, paths.size(), kSyncFibers, [&](std::size_t i) {
        if (auto synced = context_.disk.sync_dir(paths[i]); !synced.ok())
            (void)dirs_[index].health->note(synced.error());
    });
}

void LogManager::open_one(std::uint32_t index, const std::string& name,
                          const TopicPartition& partition) {
    Uuid topic_id;
    const std::string path = dirs_[index].health->path() + "/" + name;
    Result<LogRef> log = Error{Errc::exists, 0, "log_manager.open"};
    const auto text = read_file(context_.disk, path + kPartitionMetadata, kTextLimit);
    if (text.ok()) {
        // It was put there whole: what cannot be understood is damage.
        const auto id = parse_partition_metadata(text->copy_string());
        if (!id) {
            log = Error{Errc::corrupt, 0, "log_manager.open"};
            context_.probe.emit([&] {
                const auto key = context_.probe.intern(partition.topic, partition.index);
                return probe::CorruptionFound{key, Offset{0}};
            });
        }
        topic_id = id.value_or(Uuid{});
    } else if (text.code() != Errc::not_found) {
        log = text.error();
    }
    // A log whose topic is not known is taken for one of a deleted topic and goes. So it must not
    // be opened when its topic is there but cannot be read.
    if (log.code() == Errc::exists && !logs_.contains(partition)) {
        log = open_log(index, partition, options_.defaults, states_[index].clean);
    }
    if (log.ok()) {
        logs_.emplace(partition, Entry{*log, topic_id});
        return;
    }
    if (log.code() == Errc::cancelled) return;
    context_.log.error("{}: the partition is offline: {}", path, to_string(log.error()));
    context_.probe.reached(probe::Site::partition_offline);
    offline_.push_back({partition, index, log.error()});
    if (log.code() == Errc::io) (void)dirs_[index].health->note(log.error());
}

Result<LogRef> LogManager::open_log(std::uint32_t index, const TopicPartition& partition,
                                    const LogConfig& config, bool clean) {
    const LogDirState& state = states_[index];
    LogOpenOptions o;
    o.partition = partition;
    o.path = dirs_[index].health->path() + "/" + partition_dir(partition);
    o.config = config;
    o.clean = clean;
    o.names_later = true;  // by sync_names(); of a new log all names are synced as they are made
    if (const auto at = state.recovery_points.find(partition); at != state.recovery_points.end()) {
        o.recovery_point = at->second;
        o.checkpointed = true;
    }
    if (const auto at = state.log_starts.find(partition); at != state.log_starts.end()) {
        o.log_start = at->second;
    }
    if (const auto at = state.cleaned.find(partition); at != state.cleaned.end()) {
        o.compacted = true;
        cleaner_.restore(partition, at->second);
    }
    o.jitter_seed = rng_.fork(partition_dir(partition)).next();
    o.before_truncate = [this, partition](Offset to) { return lower_checkpoints(partition, to); };
    return PartitionLog::open(context_, dirs_[index].health, std::move(o));
}

LogRef LogManager::find(const TopicPartition& partition) const {
    const auto at = logs_.find(partition);
    return at == logs_.end() ? nullptr : at->second.log;
}

Uuid LogManager::topic_id(const TopicPartition& partition) const {
    const auto at = logs_.find(partition);
    return at == logs_.end() ? Uuid{} : at->second.topic_id;
}

std::vector<TopicPartition> LogManager::partitions() const {
    std::vector<TopicPartition> out;
    for (const auto& [partition, entry] : logs_) out.push_back(partition);
    return out;
}

std::uint32_t LogManager::roomiest_dir() const {
    std::vector<std::size_t> counts(dirs_.size(), 0);
    for (const auto& [partition, entry] : logs_) ++counts[entry.log->dir()->index()];
    std::uint32_t best = static_cast<std::uint32_t>(dirs_.size());
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
        if (dirs_[i].health->failed()) continue;
        if (best == dirs_.size() || counts[i] < counts[best]) best = i;
    }
    return best;
}

Result<LogRef> LogManager::create(const TopicPartition& partition, const Uuid& topic_id,
                                  const LogConfig& config) {
    if (closed_) return Error{Errc::closed, 0, "log_manager.create"};
    const bool off = std::any_of(offline_.begin(), offline_.end(),
                                 [&](const auto& o) { return o.partition == partition; });
    if (off || logs_.contains(partition)) return Error{Errc::exists, 0, "log_manager.create"};
    if (!busy_.insert(partition).second) return Error{Errc::busy, 0, "log_manager.create"};
    struct Busy {
        std::set<TopicPartition>& set;
        const TopicPartition& partition;
        ~Busy() { set.erase(partition); }
    } busy{busy_, partition};
    const std::uint32_t index = roomiest_dir();
    if (index == dirs_.size()) return Error{Errc::io, 0, "log_manager.create"};
    const std::string path = dirs_[index].health->path() + "/" + partition_dir(partition);
    const auto steps = [&]() -> Result<void> {
        FL_CHECK(create_dirs(context_.disk, path));
        return write_text(context_.disk, path + kPartitionMetadata,
                          print_partition_metadata(topic_id));
    };
    if (auto made = steps(); !made.ok()) return dirs_[index].health->note(made.error());
    FL_TRY(LogRef log, open_log(index, partition, config, false));
    logs_.emplace(partition, Entry{log, topic_id});
    return log;
}

Result<void> LogManager::remove(const TopicPartition& partition) {
    FL_TRY(const std::string dead, move_away(partition, "delete"));
    if (closed_) return {};  // meanwhile: nobody would wait for it, and the next start does it
    removals_.spawn({.name = "log.remove"}, [this, dead](fiber::StopToken) { remove_files(dead); });
    return {};
}

Result<std::string> LogManager::set_aside(const TopicPartition& partition) {
    return move_away(partition, "stray");
}

Result<std::string> LogManager::move_away(const TopicPartition& named, std::string_view why) {
    const TopicPartition partition = named;  // the caller's may be part of what goes
    // The directory is another process's by now, or soon.
    if (closed_) return Error{Errc::closed, 0, "log_manager.remove"};
    if (!busy_.insert(partition).second) return Error{Errc::busy, 0, "log_manager.remove"};
    struct Busy {
        std::set<TopicPartition>& set;
        const TopicPartition& partition;
        ~Busy() { set.erase(partition); }
    } busy{busy_, partition};
    std::uint32_t index = 0;
    const auto off = std::find_if(offline_.begin(), offline_.end(),
                                  [&](const auto& o) { return o.partition == partition; });
    if (const auto at = logs_.find(partition); at != logs_.end()) {
        const LogRef log = at->second.log;
        logs_.erase(at);
        index = log->dir()->index();
        log->abandon();
    } else if (off != offline_.end()) {
        index = off->dir;
        offline_.erase(off);
    } else {
        return Error{Errc::not_found, 0, "log_manager.remove"};
    }
    LogDir& dir = *dirs_[index].health;
    const std::string dead = dir.path() + "/" + moved_dir(partition, fresh_uuid(), why);
    const auto steps = [&]() -> Result<void> {
        FL_CHECK(context_.disk.rename(dir.path() + "/" + partition_dir(partition), dead));
        return context_.disk.sync_dir(dir.path());
    };
    if (auto renamed = steps(); !renamed.ok()) return dir.note(renamed.error());
    context_.probe.emit(
        [&] { return probe::LogRemoved{context_.probe.intern(partition.topic, partition.index)}; });
    // A partition of the same name must not find the old one's offsets.
    FL_CHECK(forget_checkpoints(index, partition));
    return dead;
}

// From what was written last: asking the other shards is not allowed everywhere.
Result<void> LogManager::forget_checkpoints(std::uint32_t index, const TopicPartition& partition) {
    cleaner_.forget(partition);
    if (!options_.primary) {
        LogDirState& own = states_[index];  // what create() would begin with
        own.recovery_points.erase(partition);
        own.log_starts.erase(partition);
        own.cleaned.erase(partition);
        return options_.lower_checkpoints ? options_.lower_checkpoints(partition, kForget)
                                          : Result<void>{};
    }
    const auto guard = checkpoint_mutex_.lock();
    LogDirState& state = states_[index];
    const std::string& path = dirs_[index].health->path();
    const auto steps = [&]() -> Result<void> {
        if (state.recovery_points.erase(partition) > 0) {
            FL_CHECK(write_text(context_.disk, path + kRecoveryPoints,
                                print_checkpoint(state.recovery_points)));
        }
        if (state.log_starts.erase(partition) > 0) {
            FL_CHECK(
                write_text(context_.disk, path + kLogStarts, print_checkpoint(state.log_starts)));
        }
        if (state.cleaned.erase(partition) > 0) {
            FL_CHECK(write_text(context_.disk, path + kCleaned, print_checkpoint(state.cleaned)));
        }
        return {};
    };
    auto wrote = steps();
    if (wrote.ok() || wrote.code() == Errc::cancelled) return wrote;
    return dirs_[index].health->note(wrote.error());
}

// What a crash interrupts here is found by name at the next start.
void LogManager::remove_files(const std::string& path) {
    const auto entries = context_.disk.list(path);
    if (!entries.ok()) return;
    for (const DirEntry& e : *entries) {
        if (!context_.disk.remove(path + "/" + e.name).ok()) return;
    }
    if (context_.disk.remove(path).ok()) (void)context_.disk.sync_dir(parent_of(path));
}

Uuid LogManager::directory_id(const LogRef& log) const { return dirs_[log->dir()->index()].id; }

std::vector<Uuid> LogManager::directory_ids() const {
    std::vector<Uuid> ids;
    for (const Dir& dir : dirs_) ids.push_back(dir.id);
    return ids;
}

void LogManager::set_retention_limit(std::function<Offset(const PartitionLog&)> limit) {
    limit_ = std::move(limit);
}
void LogManager::set_peers(std::function<std::vector<LogDirState>(std::uint32_t)> peers) {
    peers_ = std::move(peers);
}

void LogManager::run_retention() {
    for (const LogRef& log : snapshot()) {
        const Offset limit = limit_ ? limit_(*log) : log->durable_end();
        auto removed = log->apply_retention(limit);
        if (!removed.ok() && removed.code() != Errc::closed && removed.code() != Errc::cancelled) {
            context_.log.warn("{}: retention: {}", log->path(), to_string(removed.error()));
        }
    }
}

// One after the other: they wait for the disk, and those who append to such a log with them.
void LogManager::mark_logs(fiber::StopToken stop) {
    for (const LogRef& log : snapshot()) {
        if (stop.stop_requested()) return;
        auto marked = log->checkpoint();
        if (!marked.ok() && marked.code() == Errc::corrupt) {
            context_.log.warn("{}: no checkpoint: {}", log->path(), to_string(marked.error()));
        }
    }
}

void LogManager::set_cleaning_facts(LogCleaner::Facts facts) { cleaning_facts_ = std::move(facts); }

void LogManager::run_cleaner(fiber::StopToken stop) {
    const auto facts = [this](const PartitionLog& log) {
        return cleaning_facts_ ? cleaning_facts_(log) : CleaningFacts{log.durable_end(), {}};
    };
    // Another shard's progress is written with the next checkpoint.
    const auto cleaned = [this](const PartitionLog& log) {
        if (options_.primary) (void)write_checkpoints(log.dir()->index(), {false, false, true});
    };
    cleaner_.run(snapshot(), facts, cleaned, stop);
}

Result<void> LogManager::checkpoint_recovery_points() { return write_all({true, false, false}); }
Result<void> LogManager::checkpoint_log_starts() { return write_all({false, true, false}); }

// From what the other shards said last: they need not be asked for what is not theirs.
Result<void> LogManager::checkpoint_own_log_starts() {
    FL_ASSERT(options_.primary);
    Result<void> result;
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
        if (dirs_[i].health->failed()) continue;
        const auto guard = checkpoint_mutex_.lock();
        if (auto wrote = write_checkpoints_of(i, {false, true, false}, {}); !wrote.ok())
            result = wrote;
    }
    return result;
}

LogDirState LogManager::collect(std::uint32_t index) {
    LogDirState state;
    const LogDirState& known = states_[index];
    state.failed = dirs_[index].unclean || dirs_[index].health->failed();
    for (const OfflinePartition& o : offline_) {  // they keep what they had
        state.failed |= o.dir == index;
        const auto rp = known.recovery_points.find(o.partition);
        if (rp != known.recovery_points.end()) state.recovery_points.insert(*rp);
        const auto start = known.log_starts.find(o.partition);
        if (start != known.log_starts.end()) state.log_starts.insert(*start);
        const auto cleaned = known.cleaned.find(o.partition);
        if (cleaned != known.cleaned.end()) state.cleaned.insert(*cleaned);
    }
    for (const auto& [partition, entry] : logs_) {
        if (entry.log->dir()->index() != index) continue;
        state.recovery_points[partition] = entry.log->durable_end();
        if (entry.log->log_start().v > 0) state.log_starts[partition] = entry.log->log_start();
        if (const auto to = cleaner_.cleaned_to(partition)) state.cleaned[partition] = *to;
    }
    return state;
}

Result<void> LogManager::write_all(Which which) {
    Result<void> result;
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
        if (dirs_[i].health->failed()) continue;
        if (auto wrote = write_checkpoints(i, which); !wrote.ok()) {
            result = wrote;
        }
    }
    return result;
}

Result<void> LogManager::write_checkpoints(std::uint32_t index, Which which) {
    FL_ASSERT(options_.primary);
    for (;;) {
        const std::uint64_t seen = lowerings_;
        std::vector<LogDirState> others;
        if (peers_) others = peers_(index);
        const auto guard = checkpoint_mutex_.lock();
        // While they were asked one of them may have cut a log.
        if (seen != lowerings_) continue;
        const bool silent = others.empty() && options_.owns && peers_;
        dirs_[index].peers_unclean = silent || std::ranges::any_of(others, &LogDirState::failed);
        FL_CHECK(write_checkpoints_of(index, which, std::move(others)));
        // What those who were not heard wanted to be written is not.
        if (silent) return Error{Errc::timed_out, 0, "log_manager.peers"};
        return {};
    }
}

Result<void> LogManager::write_checkpoints_of(std::uint32_t index, Which which,
                                              std::vector<LogDirState> others) {
    LogDirState state = collect(index);
    for (LogDirState& other : others) {
        state.recovery_points.merge(other.recovery_points);
        state.log_starts.merge(other.log_starts);
        state.cleaned.merge(other.cleaned);
    }
    if (others.empty() && options_.owns) {
        // The other shards did not say: what was known of their partitions stays.
        const auto keep = [this](OffsetCheckpoint& into, const OffsetCheckpoint& known) {
            for (const auto& entry : known) {
                if (!options_.owns(entry.first)) into.insert(entry);
            }
        };
        keep(state.recovery_points, states_[index].recovery_points);
        keep(state.log_starts, states_[index].log_starts);
        keep(state.cleaned, states_[index].cleaned);
    }
    auto wrote = write_state(index, state, which);
    if (wrote.ok() || wrote.code() == Errc::cancelled) return wrote;
    return dirs_[index].health->note(wrote.error());
}

Result<void> LogManager::write_state(std::uint32_t index, const LogDirState& state, Which which) {
    const std::string& path = dirs_[index].health->path();
    if (which.recovery_points) {
        FL_CHECK(write_text(context_.disk, path + kRecoveryPoints,
                            print_checkpoint(state.recovery_points)));
        states_[index].recovery_points = state.recovery_points;
    }
    if (which.log_starts) {
        FL_CHECK(write_text(context_.disk, path + kLogStarts, print_checkpoint(state.log_starts)));
        states_[index].log_starts = state.log_starts;
    }
    // Made when a log is compacted for the first time.
    if (which.cleaned && state.cleaned != states_[index].cleaned) {
        FL_CHECK(write_text(context_.disk, path + kCleaned, print_checkpoint(state.cleaned)));
        states_[index].cleaned = state.cleaned;
    }
    return {};
}

Result<void> LogManager::lower_checkpoints(const TopicPartition& partition, Offset to) {
    cleaner_.lower(partition, to);
    if (!options_.primary) {
        return options_.lower_checkpoints ? options_.lower_checkpoints(partition, to)
                                          : Result<void>{};
    }
    ++lowerings_;
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
        const auto guard = checkpoint_mutex_.lock();
        LogDirState& state = states_[i];
        const std::string& path = dirs_[i].health->path();
        const auto lower = [&](OffsetCheckpoint& entries, const char* name) -> Result<void> {
            const auto at = entries.find(partition);
            if (at == entries.end() || at->second <= to) return {};
            if (to == kForget) {
                entries.erase(at);
            } else {
                at->second = to;
            }
            return write_text(context_.disk, path + name, print_checkpoint(entries));
        };
        auto wrote = lower(state.recovery_points, kRecoveryPoints);
        if (wrote.ok()) wrote = lower(state.log_starts, kLogStarts);
        if (wrote.ok()) wrote = lower(state.cleaned, kCleaned);
        if (!wrote.ok()) return dirs_[i].health->note(wrote.error());
    }
    return {};
}

Result<void> LogManager::close(std::int64_t broker_epoch) {
    if (closed_) return {};
    closed_ = true;
    keepers_.request_stop();
    keepers_.join();
    removals_.join();
    const std::vector<LogRef> logs = snapshot();
    Result<void> result;
    for_each_bounded(context_.fibers, logs.size(), kCloseFibers, [&](std::size_t i) {
        if (auto closed = logs[i]->close(); !closed.ok()) {
            dirs_[logs[i]->dir()->index()].unclean = true;
            result = closed;
        }
    });
    for (std::uint32_t i = 0; options_.primary && i < dirs_.size(); ++i) {
        if (dirs_[i].health->failed()) continue;
        auto wrote = write_checkpoints(i, {});
        // The mark would make the next start believe what this one refused.
        if (wrote.ok() && !collect(i).failed && !dirs_[i].peers_unclean) {
            wrote = write_text(context_.disk, dirs_[i].health->path() + kCleanMark,
                               print_clean_shutdown(broker_epoch));
        }
        if (!wrote.ok()) result = wrote;
        dirs_[i].lock.reset();
    }
    return result;
}
}  // namespace faultline::storage
