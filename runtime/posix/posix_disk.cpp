#include "runtime/posix/posix_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "runtime/posix/errors.h"

namespace faultline::posix {
namespace {
class FlockedFile final : public DirLock {
public:
    explicit FlockedFile(Fd fd) : fd_(std::move(fd)) {}

private:
    Fd fd_;  // closing unlocks
};

Result<std::shared_ptr<Fd>> open_file(const std::string& path, OpenMode mode) {
    const auto attempt = [&](int flags) {
        int fd = -1;
        do {
            fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
        } while (fd < 0 && errno == EINTR);
        return fd;
    };
    int fd = -1;
    switch (mode) {
        case OpenMode::read: fd = attempt(O_RDONLY); break;
        case OpenMode::read_write: fd = attempt(O_RDWR); break;
        case OpenMode::create_new: fd = attempt(O_RDWR | O_CREAT | O_EXCL); break;
        case OpenMode::create: fd = attempt(O_RDWR | O_CREAT); break;
    }
    if (fd < 0) return disk_error(errno, "disk.open");
    auto opened = std::make_shared<Fd>(fd);
    struct stat st {};
    if (::fstat(fd, &st) != 0) return disk_error(errno, "disk.open");
    if (!S_ISREG(st.st_mode)) return Error{Errc::invalid, 0, "disk.open"};
    return opened;
}

Result<std::vector<DirEntry>> list_dir(const std::string& path) {
    struct Close {
        void operator()(DIR* d) const { ::closedir(d); }
    };
    const std::unique_ptr<DIR, Close> dir(::opendir(path.c_str()));
    if (!dir) return disk_error(errno, "disk.list");
    std::vector<DirEntry> entries;
    while (true) {
        errno = 0;
        const dirent* d = ::readdir(dir.get());
        if (d == nullptr) {
            if (errno != 0) return disk_error(errno, "disk.list");
            break;
        }
        const std::string_view name = d->d_name;
        if (name == "." || name == "..") continue;
        struct stat st {};
        // Another thread may have removed it since.
        if (::fstatat(::dirfd(dir.get()), d->d_name, &st, 0) != 0) continue;
        const bool is_dir = S_ISDIR(st.st_mode);
        entries.push_back({.name = std::string(name),
                           .is_dir = is_dir,
                           .size = is_dir ? 0 : static_cast<std::uint64_t>(st.st_size)});
    }
    std::sort(entries.begin(), entries.end(),
              [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
    return entries;
}

Result<void> sync_directory(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return disk_error(errno, "disk.sync_dir");
    if (::fsync(fd.get()) != 0) return disk_error(errno, "disk.sync_dir");
    return {};
}

Result<std::shared_ptr<Fd>> lock_file(const std::string& path) {
    auto fd = std::make_shared<Fd>(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd->valid()) return disk_error(errno, "disk.lock");
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return disk_error(errno, "disk.lock");
    return fd;
}
}  // namespace

PosixDisk::PosixDisk(std::string root, BlockingPool& pool, SysCalls& sys)
    : root_(std::move(root)), state_(std::make_shared<DiskState>(pool, sys)) {}

Result<std::string> PosixDisk::resolve(const std::string& path) const {
    if (path.empty()) return Error{Errc::invalid, 0, "disk.path"};
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        if (path.compare(at, end - at, "..") == 0) return Error{Errc::invalid, 0, "disk.path"};
        at = end + 1;
    }
    if (path.front() == '/') return path;
    return root_ + "/" + path;
}

template <class F>
auto PosixDisk::in_pool(F work) -> std::invoke_result_t<F&> {
    FL_TRY(auto result, state_->pool.run(BlockingPool::Lane::quick, std::move(work)));
    return result;
}

Result<FileRef> PosixDisk::open(const std::string& path, OpenMode mode) {
    FL_TRY(std::string full, resolve(path));
    FL_TRY(const auto opened,
           in_pool([full = std::move(full), mode] { return open_file(full, mode); }));
    struct stat st {};
    if (::fstat(opened->get(), &st) != 0) return disk_error(errno, "disk.open");
    auto inode = state_->inode(st.st_dev, st.st_ino);
    return FileRef(std::make_shared<PosixFile>(state_, Fd(opened->release()), std::move(inode)));
}

Result<void> PosixDisk::remove(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    return in_pool([full = std::move(full), state = state_]() -> Result<void> {
        struct stat st {};
        if (::lstat(full.c_str(), &st) != 0) return disk_error(errno, "disk.remove");
        if (S_ISDIR(st.st_mode)) {
            if (::rmdir(full.c_str()) != 0) return disk_error(errno, "disk.remove");
            return {};
        }
        if (const auto inode = state->find(st.st_dev, st.st_ino)) inode->removed = true;
        if (::unlink(full.c_str()) != 0) return disk_error(errno, "disk.remove");
        return {};
    });
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
    FL_TRY(std::string a, resolve(from));
    FL_TRY(std::string b, resolve(to));
    return in_pool([a = std::move(a), b = std::move(b)]() -> Result<void> {
        if (::rename(a.c_str(), b.c_str()) != 0) return disk_error(errno, "disk.rename");
        return {};
    });
}

Result<void> PosixDisk::create_dir(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    return in_pool([full = std::move(full)]() -> Result<void> {
        if (::mkdir(full.c_str(), 0755) != 0) return disk_error(errno, "disk.create_dir");
        return {};
    });
}

Result<std::vector<DirEntry>> PosixDisk::list(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    return in_pool([full = std::move(full)] { return list_dir(full); });
}

Result<void> PosixDisk::sync_dir(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    FL_TRY(const auto result, state_->pool.run(BlockingPool::Lane::flush, [full = std::move(full)] {
        return sync_directory(full);
    }));
    return result;
}

Result<std::unique_ptr<DirLock>> PosixDisk::lock(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    FL_TRY(const auto fd, in_pool([full = std::move(full)] { return lock_file(full); }));
    return std::unique_ptr<DirLock>(std::make_unique<FlockedFile>(Fd(fd->release())));
}

Result<Disk::Usage> PosixDisk::usage(const std::string& path) {
    FL_TRY(std::string full, resolve(path));
    return in_pool([full = std::move(full)]() -> Result<Usage> {
        struct statvfs s {};
        if (::statvfs(full.c_str(), &s) != 0) return disk_error(errno, "disk.usage");
        return Usage{.free = s.f_bavail * s.f_frsize, .total = s.f_blocks * s.f_frsize};
    });
}
}  // namespace faultline::posix
