// Files and directories of the kernel. One PosixDisk per node; its files may be used on any shard.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>

#include "core/env/disk.h"
#include "runtime/posix/blocking_pool.h"
#include "runtime/posix/fd.h"
#include "runtime/posix/syscalls.h"

namespace faultline::posix {

// What all handles of one file share.
struct Inode {
    dev_t dev = 0;
    ino_t ino = 0;
    // Syncs that have failed. Handles that were opened before the last one are useless: the kernel
    // reports a failure once and forgets the pages.
    std::atomic<std::uint32_t> failed_syncs{0};
    std::atomic<bool> no_nowait{false};  // the file system refuses RWF_NOWAIT
    std::atomic<bool> removed{false};    // its last close frees blocks, so it is done in the pool
};

// Whether a write may run on the shard's own thread. A copy into the page cache costs a tenth of
// the way through the pool, but the kernel may make the writer wait (dirty page limits, a journal
// commit). So: inline while writes are fast; a slow one arouses suspicion, and a second one that
// really waited, not only lost its processor, sends all through the pool for a second.
// docs/adr/0012.
class InlineGate {
public:
    static constexpr std::size_t kMaxBytes = 1088 * 1024;  // a batch of the default limit
    static constexpr Duration kSlow = std::chrono::milliseconds(1);
    static constexpr Duration kFor = std::chrono::seconds(1);
    bool open(MonoTime now, std::size_t bytes) const noexcept {
        return bytes <= kMaxBytes && now.ns >= closed_until_.load(std::memory_order_relaxed);
    }
    // Telling a wait from a lost processor costs two system calls, so only when in doubt.
    bool suspicious(MonoTime now) const noexcept {
        return now.ns < suspicious_until_.load(std::memory_order_relaxed);
    }
    // What an inline write took; `waited` is known only when it was suspicious.
    void note(MonoTime end, Duration took, bool waited) noexcept {
        if (took <= kSlow) return;
        suspicious_until_.store((end + kFor).ns, std::memory_order_relaxed);
        if (waited) closed_until_.store((end + kFor).ns, std::memory_order_relaxed);
    }

private:
    std::atomic<std::int64_t> closed_until_{0}, suspicious_until_{0};
};

// Shared by a disk and its files, which may outlive it.
class DiskState {
public:
    DiskState(BlockingPool& p, SysCalls& s) : pool(p), sys(s) {}
    // The shared entry of an open file.
    std::shared_ptr<Inode> inode(dev_t dev, ino_t ino);
    // Looks `ino` up without making it.
    std::shared_ptr<Inode> find(dev_t dev, ino_t ino);
    void forget(dev_t dev, ino_t ino);  // if its last handle has gone

    BlockingPool& pool;
    SysCalls& sys;
    InlineGate gate;

private:
    // Shards open and close files independently of each other; held for a map look-up.
    std::mutex mutex_;
    std::map<std::pair<dev_t, ino_t>, std::weak_ptr<Inode>> inodes_;
};

class PosixFile final : public File {
public:
    PosixFile(std::shared_ptr<DiskState> disk, Fd fd, std::shared_ptr<Inode> inode);
    ~PosixFile() override;
    // From the page cache at once where the bytes are there, else in the pool.
    Result<IoBuf> read(std::uint64_t off, std::size_t len) override;
    Result<void> write(std::uint64_t off, const IoBuf& data) override;
    Result<void> sync(SyncMode) override;  // in the pool, always
    Result<void> truncate(std::uint64_t size) override;
    Result<void> reload() override;
    Result<void> preallocate(std::uint64_t size) override;
    Result<std::uint64_t> size() override;

    // For SocketConnection's sendfile.
    int fd() const noexcept { return handle_->fd.get(); }
    // Whether sendfile of the range would not wait for the disk (its ends are in the page cache).
    bool cached(std::uint64_t off, std::size_t len) const noexcept;
    // Reads the range into the page cache. Parks.
    Result<void> warm(std::uint64_t off, std::size_t len);

private:
    // Kept by jobs in the pool, so that the descriptor outlives a fiber that was killed.
    struct Handle {
        std::shared_ptr<DiskState> disk;
        Fd fd;
        std::shared_ptr<Inode> inode;
        const std::uint32_t born = inode->failed_syncs;
        bool poisoned() const noexcept { return inode->failed_syncs != born; }
        Handle(std::shared_ptr<DiskState> d, Fd f, std::shared_ptr<Inode> i)
            : disk(std::move(d)), fd(std::move(f)), inode(std::move(i)) {}
        ~Handle();
    };
    std::shared_ptr<Handle> handle_;
};

class PosixDisk final : public Disk {
public:
    PosixDisk(std::string root, BlockingPool& pool, SysCalls& sys);
    Result<FileRef> open(const std::string& path, OpenMode) override;
    Result<void> remove(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> create_dir(const std::string& path) override;
    Result<std::vector<DirEntry>> list(const std::string& path) override;
    Result<void> sync_dir(const std::string& path) override;
    Result<std::unique_ptr<DirLock>> lock(const std::string& path) override;
    Result<Usage> usage(const std::string& path) override;

private:
    template <class F>
    auto in_pool(F work) -> std::invoke_result_t<F&>;
    // invalid for an empty path and for "..".
    Result<std::string> resolve(const std::string& path) const;
    std::string root_;
    std::shared_ptr<DiskState> state_;
};
}  // namespace faultline::posix
