// Where log lines go in the real world: one queue and one writer thread per process (spdlog), one
// Logger per shard in front of it.
#pragma once
#include <memory>
#include <string>

#include "core/base/ids.h"
#include "core/base/log.h"
#include "core/base/result.h"

namespace faultline::log {

struct Options {
    std::string file;  // empty: standard error
    LogLevel level = LogLevel::info;
};

// Lines look like "2026-11-20T23:29:00.123Z warn  [n1 s3] text". Level names are coloured on a
// terminal unless NO_COLOR is set. When the queue is full the oldest lines are lost: no shard ever
// waits for the log.
class Log {
public:
    // Errors: io when the file cannot be opened.
    static Result<std::unique_ptr<Log>> open(Options);
    ~Log();  // writes what is queued
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // For one shard, used by its thread alone; must not outlive this.
    std::unique_ptr<Logger> logger(NodeId, ShardId);
    // For what belongs to no shard: start-up and command line.
    std::unique_ptr<Logger> logger();
    // After the file was moved away: writes go to a new one of the same name. From any thread.
    Result<void> reopen();

private:
    struct Impl;
    explicit Log(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};
}  // namespace faultline::log
