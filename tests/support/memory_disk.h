// An in-memory Disk with a page cache and a platter, for unit tests: a crash can come at any
// primitive, and what was not synced survives as the test says. Small and exhaustive; the simulated
// world's disk (sim/world) is the one for whole nodes.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "core/env/disk.h"

namespace faultline::test {

class MemoryDisk final : public Disk {
public:
    MemoryDisk();
    Result<FileRef> open(const std::string& path, OpenMode) override;
    Result<void> remove(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> create_dir(const std::string& path) override;
    Result<std::vector<DirEntry>> list(const std::string& path) override;
    Result<void> sync_dir(const std::string& path) override;
    Result<std::unique_ptr<DirLock>> lock(const std::string& path) override;
    Result<Usage> usage(const std::string& path) override;

    enum class Survives : std::uint8_t { synced_only, all, torn };
    // The power goes: what was not synced is lost, kept, or kept in part (pages of 4 KiB, sectors
    // of 512 bytes and directory operations, drawn from `seed`). The disk works again afterwards.
    void crash(Survives what, std::uint64_t seed = 0);

    // The primitive number `n` from now on (0: the next) and all after it fail with cancelled and
    // do nothing, until crash(). A write that is hit has no effect.
    void stop_after(std::uint64_t n) { stop_at_ = ops_ + n; }
    bool stopped() const { return ops_ >= stop_at_; }
    std::uint64_t ops() const { return ops_; }

    // Bytes of files in all that fit; a write over it puts in what fits and fails with no_space.
    void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
    // Syncs and writes of files whose path ends so fail with io, and poison the file.
    void fail_syncs_of(std::string suffix) { fail_sync_ = std::move(suffix); }
    // Each primitive yields first, so that fibers interleave at every one of them.
    void set_yielding(bool on) { yields_ = on; }
    // Each sync takes so long in virtual time.
    void set_sync_time(Duration d) { sync_time_ = d; }
    std::uint64_t syncs() const { return syncs_; }
    std::uint64_t writes() const { return writes_; }

    // Behind the interface, both images at once.
    std::string content(const std::string& path) const;
    void put(const std::string& path, std::string bytes);
    bool exists(const std::string& path) const { return files_.contains(path); }
    void flip_bit(const std::string& path, std::uint64_t byte, unsigned bit = 0);
    std::vector<std::string> paths() const;

private:
    friend class MemoryFile;
    struct Inode {
        std::string bytes, durable;
        bool poisoned = false;
    };
    using InodeRef = std::shared_ptr<Inode>;
    struct DirOp {
        enum class Kind : std::uint8_t { link, unlink, rename, mkdir, rmdir } kind;
        std::string path, to;
        InodeRef inode;
    };
    Result<void> step();
    std::uint64_t used() const;
    static void apply(const DirOp& op, std::map<std::string, InodeRef>& files,
                      std::set<std::string>& dirs);

    std::map<std::string, InodeRef> files_, durable_files_;
    std::set<std::string> dirs_, durable_dirs_;
    std::vector<DirOp> pending_;
    std::set<std::string> locks_;
    std::uint64_t ops_ = 0, stop_at_ = UINT64_MAX, capacity_ = UINT64_MAX;
    std::uint64_t syncs_ = 0, writes_ = 0;
    std::string fail_sync_;
    bool yields_ = false;
    Duration sync_time_{};
};
}  // namespace faultline::test
