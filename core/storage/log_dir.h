// The health of one log directory, shared by the logs in it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/log.h"
#include "core/base/result.h"
#include "core/env/clock.h"
#include "core/env/disk.h"
#include "core/env/probe.h"
#include "core/fiber/scheduler.h"

namespace faultline::storage {

// What the storage takes of a shard's Env. The references outlive every object built with it.
struct LogContext {
    Disk& disk;
    const Clock& clock;
    fiber::Scheduler& fibers;
    probe::Probe probe;
    Logger& log;
};

// Knows whether the directory may be written. A failed write or sync is final until a restart
// (env/disk.h: the kernel forgets dirty pages); a full disk is not. One shard only, never parks.
class LogDir {
public:
    LogDir(const LogContext& context, std::string path, std::uint32_t index)
        : context_(context), path_(std::move(path)), index_(index) {}
    const std::string& path() const noexcept { return path_; }
    std::uint32_t index() const noexcept { return index_; }
    bool failed() const noexcept { return failed_; }
    bool full() const noexcept { return full_; }
    // Every error of a write, sync, create or remove passes through here, once; returns it.
    // io fails the directory (probe LogDirFailed), no_space marks it full (probe DiskFull).
    Error note(Error error);
    // A write succeeded: a full disk is no longer full (probe DiskFull).
    void note_success();

private:
    LogContext context_;
    std::string path_;
    std::uint32_t index_;
    bool failed_ = false;
    bool full_ = false;
};
using LogDirRef = std::shared_ptr<LogDir>;
}  // namespace faultline::storage
