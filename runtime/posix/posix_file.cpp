#include <algorithm>
#include <cerrno>
#include <climits>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/assert.h"
#include "runtime/posix/errors.h"
#include "runtime/posix/posix_disk.h"

namespace faultline::posix {
namespace {
// Larger reads would hold the shard up even when every page is cached.
constexpr std::size_t kInlineRead = 512 * 1024;
constexpr int kMaxVecs = 256;

Error poisoned(const char* where) { return {Errc::io, 0, where}; }

// Reads until `len` or the end of the file. `nowait`: stops where a page is not cached, and says
// so.
struct ReadState {
    std::size_t got = 0;
    bool at_end = false;
    bool would_block = false;
    int err = 0;
};
ReadState read_range(SysCalls& sys, int fd, std::byte* to, std::uint64_t off, std::size_t len,
                     bool nowait) {
    ReadState s;
    while (s.got < len) {
        const iovec v{to + s.got, len - s.got};
        const ssize_t n =
            sys.preadv2(fd, &v, 1, static_cast<off_t>(off + s.got), nowait ? RWF_NOWAIT : 0);
        if (n > 0) {
            s.got += static_cast<std::size_t>(n);
        } else if (n == 0) {
            s.at_end = true;
            break;
        } else if (errno == EAGAIN && nowait) {
            s.would_block = true;
            break;
        } else if (errno != EINTR) {
            s.err = errno;
            break;
        }
    }
    return s;
}

int write_all(SysCalls& sys, int fd, std::uint64_t off, const IoBuf& data) {
    const auto parts = data.parts();
    std::size_t part = 0, skip = 0;
    while (part < parts.size()) {
        iovec v[kMaxVecs];
        int n = 0;
        for (std::size_t i = part; i < parts.size() && n < kMaxVecs; ++i) {
            const Bytes b = parts[i].bytes().subspan(i == part ? skip : 0);
            v[n++] = {const_cast<std::byte*>(b.data()),
                      b.size()};  // NOLINT: iovec is for both ways
        }
        const ssize_t wrote = sys.pwritev(fd, v, n, static_cast<off_t>(off));
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        off += static_cast<std::uint64_t>(wrote);
        std::size_t left = static_cast<std::size_t>(wrote);
        while (left > 0) {
            const std::size_t here = parts[part].size() - skip;
            if (left < here) {
                skip += left;
                break;
            }
            left -= here;
            skip = 0;
            ++part;
        }
    }
    return 0;
}

// How often the thread gave its processor up to wait for something.
long waits_of_this_thread() {
    rusage usage{};
    return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

template <class Call>
int retry(Call call) {
    while (call() != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}
}  // namespace

std::shared_ptr<Inode> DiskState::inode(dev_t dev, ino_t ino) {
    const std::lock_guard lock(mutex_);
    const std::pair key{dev, ino};
    if (const auto it = inodes_.find(key); it != inodes_.end()) {
        if (auto known = it->second.lock()) return known;
    }
    auto made = std::make_shared<Inode>();
    made->dev = dev;
    made->ino = ino;
    inodes_[key] = made;
    return made;
}

std::shared_ptr<Inode> DiskState::find(dev_t dev, ino_t ino) {
    const std::lock_guard lock(mutex_);
    const auto it = inodes_.find({dev, ino});
    return it == inodes_.end() ? nullptr : it->second.lock();
}

void DiskState::forget(dev_t dev, ino_t ino) {
    const std::lock_guard lock(mutex_);
    const auto it = inodes_.find({dev, ino});
    if (it != inodes_.end() && it->second.expired()) inodes_.erase(it);
}

PosixFile::Handle::~Handle() {
    const dev_t dev = inode->dev;
    const ino_t ino = inode->ino;
    const bool removed = inode->removed;
    inode.reset();
    disk->forget(dev, ino);
    // The last close of a removed file frees its blocks: milliseconds for a large segment.
    if (removed) disk->pool.detach([held = std::make_shared<Fd>(std::move(fd))] {});
}

PosixFile::PosixFile(std::shared_ptr<DiskState> disk, Fd fd, std::shared_ptr<Inode> inode)
    : handle_(std::make_shared<Handle>(std::move(disk), std::move(fd), std::move(inode))) {}

PosixFile::~PosixFile() = default;

Result<IoBuf> PosixFile::read(std::uint64_t off, std::size_t len) {
    if (len == 0) return IoBuf{};
    if (len > kInlineRead) {
        // The caller may ask for more than there is.
        FL_TRY(const std::uint64_t end, size());
        if (off >= end) return IoBuf{};
        len = static_cast<std::size_t>(std::min<std::uint64_t>(len, end - off));
    }
    if (len > Block::kMaxCapacity) return Error{Errc::too_large, 0, "file.read"};
    SysCalls& sys = handle_->disk->sys;
    const Slice room{Block::allocate(len), 0, static_cast<std::uint32_t>(len)};
    std::byte* to = const_cast<std::byte*>(room.bytes().data());  // NOLINT: not shared yet
    ReadState s{.would_block = true};
    if (len <= kInlineRead && !handle_->inode->no_nowait.load(std::memory_order_relaxed)) {
        s = read_range(sys, fd(), to, off, len, true);
        if (s.err == EOPNOTSUPP) {
            handle_->inode->no_nowait = true;
            s = {.would_block = true};
        }
    }
    if (s.would_block) {
        const std::size_t have = s.got;
        // `room` and `handle_` are shared with the job: they outlive a fiber that is killed.
        FL_TRY(s, handle_->disk->pool.run(BlockingPool::Lane::quick, [room, h = handle_, &sys, to,
                                                                      off, len, have] {
            return read_range(sys, h->fd.get(), to + have, off + have, len - have, false);
        }));
        s.got += have;
    }
    if (s.err != 0) return disk_error(s.err, "file.read");
    return IoBuf{room.sub(0, s.got)};
}

Result<void> PosixFile::write(std::uint64_t off, const IoBuf& data) {
    if (handle_->poisoned()) return poisoned("file.write");
    if (data.empty()) return {};
    DiskState& disk = *handle_->disk;
    int err = 0;
    if (const MonoTime start = EpollDriver::clock(); disk.gate.open(start, data.size())) {
        const bool suspicious = disk.gate.suspicious(start);
        const long waits = suspicious ? waits_of_this_thread() : 0;
        err = write_all(disk.sys, fd(), off, data);
        const MonoTime end = EpollDriver::clock();
        disk.gate.note(end, end - start, suspicious && waits_of_this_thread() != waits);
    } else {
        FL_TRY(err, disk.pool.run(BlockingPool::Lane::quick, [h = handle_, off, data] {
            return write_all(h->disk->sys, h->fd.get(), off, data);
        }));
    }
    if (err != 0) return disk_error(err, "file.write");
    return {};
}

Result<void> PosixFile::sync(SyncMode mode) {
    if (handle_->poisoned()) return poisoned("file.sync");
    FL_TRY(const int err, handle_->disk->pool.run(BlockingPool::Lane::flush, [h = handle_, mode] {
        SysCalls& sys = h->disk->sys;
        const int failed = retry([&] {
            return mode == SyncMode::data ? sys.fdatasync(h->fd.get()) : sys.fsync(h->fd.get());
        });
        // Here, not in the fiber: it may be gone, and the kernel reports a failure once.
        if (failed != 0) ++h->inode->failed_syncs;
        return failed;
    }));
    // Also when another handle's sync has failed meanwhile: the kernel told only one of us.
    if (err != 0) return Error{Errc::io, static_cast<std::uint16_t>(err), "file.sync"};
    if (handle_->poisoned()) return poisoned("file.sync");
    return {};
}

Result<void> PosixFile::reload() {
    FL_CHECK(sync(SyncMode::data));
    // Clean pages are dropped, among them those that a failed write-back has marked clean.
    FL_TRY(const int err, handle_->disk->pool.run(BlockingPool::Lane::quick, [h = handle_] {
        return ::posix_fadvise(h->fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    }));
    if (err != 0) return disk_error(err, "file.reload");
    return {};
}

Result<void> PosixFile::truncate(std::uint64_t size) {
    if (handle_->poisoned()) return poisoned("file.truncate");
    FL_TRY(const int err, handle_->disk->pool.run(BlockingPool::Lane::quick, [h = handle_, size] {
        return retry([&] { return h->disk->sys.ftruncate(h->fd.get(), static_cast<off_t>(size)); });
    }));
    if (err != 0) return disk_error(err, "file.truncate");
    return {};
}

Result<void> PosixFile::preallocate(std::uint64_t size) {
    if (handle_->poisoned()) return poisoned("file.preallocate");
    if (size == 0) return {};
    FL_TRY(const int err, handle_->disk->pool.run(BlockingPool::Lane::quick, [h = handle_, size] {
        return retry([&] {
            return h->disk->sys.fallocate(h->fd.get(), FALLOC_FL_KEEP_SIZE, 0,
                                          static_cast<off_t>(size));
        });
    }));
    if (err != 0 && err != EOPNOTSUPP && err != ENOSYS) return disk_error(err, "file.preallocate");
    return {};
}

Result<std::uint64_t> PosixFile::size() {
    struct stat st {};
    if (::fstat(fd(), &st) != 0) return disk_error(errno, "file.size");
    return static_cast<std::uint64_t>(st.st_size);
}

bool PosixFile::cached(std::uint64_t off, std::size_t len) const noexcept {
    if (len == 0) return true;
    SysCalls& sys = handle_->disk->sys;
    for (const std::uint64_t at : {off, off + len - 1}) {
        std::byte byte{};
        const iovec v{&byte, 1};
        // Any other failure shows in sendfile.
        if (sys.preadv2(fd(), &v, 1, static_cast<off_t>(at), RWF_NOWAIT) < 0 && errno == EAGAIN) {
            return false;
        }
    }
    return true;
}

Result<void> PosixFile::warm(std::uint64_t off, std::size_t len) {
    FL_TRY(const int err,
           handle_->disk->pool.run(BlockingPool::Lane::quick, [h = handle_, off, len] {
               const auto scratch = std::make_unique<std::byte[]>(len);
               return read_range(h->disk->sys, h->fd.get(), scratch.get(), off, len, false).err;
           }));
    if (err != 0) return disk_error(err, "file.read");
    return {};
}
}  // namespace faultline::posix
