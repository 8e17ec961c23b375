// A library for LD_PRELOAD that remembers what a process has changed in its files and not synced,
// so that power_cut.py can take it away again: a power cut for a real daemon. See README.md.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/power_cut/journal.h"

// Everything that is exported stands in for a function of libc and is told to the kernel by
// syscall(): there is nothing to look up, and nothing of ours is caught by ourselves.
#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace faultline::power_cut {
namespace {

struct stat stat_of(int fd) {
    struct stat s {};
    syscall(SYS_fstat, fd, &s);
    return s;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// 0 when there is nothing.
std::uint64_t inode_of(const std::string& path) {
    struct stat s {};
    return ::lstat(path.c_str(), &s) == 0 ? s.st_ino : 0;
}

std::string absolute(int dir, const char* path) {
    if (path[0] == '/') return path;
    char base[4096];
    const std::string link =
        dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(dir);
    const ssize_t n = ::readlink(link.c_str(), base, sizeof base);
    return std::string(base, n < 0 ? 0 : static_cast<std::size_t>(n)) + "/" + path;
}

std::size_t length(const iovec* v, int n) {
    std::size_t sum = 0;
    for (int i = 0; i < n; ++i) sum += v[i].iov_len;
    return sum;
}

// The change is in the journal before it is made: a kill between the two undoes nothing.
template <class Call>
long changing(const Journal::Lock&, const Entry& entry, Call call) {
    Journal::get().put(entry);
    return call();
}

// Where the next write() goes.
off_t position(int fd) {
    return Journal::get().appends(fd) ? stat_of(fd).st_size
                                      : static_cast<off_t>(syscall(SYS_lseek, fd, 0, SEEK_CUR));
}
constexpr off_t kPosition = -1;

// Keeps what stands in [off, off + len) now, for undoing a write there.
template <class Call>
ssize_t write_at(int fd, off_t off, std::size_t len, Call call) {
    if (len == 0) return call();
    Journal& journal = Journal::get();
    const Journal::Lock lock(journal);
    if (off == kPosition) off = position(fd);
    const std::uint64_t size = static_cast<std::uint64_t>(stat_of(fd).st_size);
    const auto begin = static_cast<std::uint64_t>(off);
    Entry e{.kind = Kind::write,
            .inode = journal.inode(fd),
            .off = begin,
            .len = len,
            .size_before = size};
    if (begin < size) e.data = read_range(fd, begin, std::min<std::uint64_t>(size - begin, len));
    const long done = changing(lock, e, call);
    if (done >= 0 && journal.writes_through(fd)) journal.synced(e.inode, journal.last());
    return done;
}

template <class Call>
long resize(int fd, std::uint64_t to, Call call) {
    Journal& journal = Journal::get();
    const Journal::Lock lock(journal);
    const std::uint64_t size = static_cast<std::uint64_t>(stat_of(fd).st_size);
    if (size == to) return call();
    Entry e{.kind = Kind::truncate, .inode = journal.inode(fd), .off = to, .size_before = size};
    if (to < size) {
        e.data = read_range(fd, to, size - to);
        e.data.resize(e.data.find_last_not_of('\0') + 1);  // a sparse tail costs nothing
    }
    return changing(lock, e, call);
}

long sync(int fd, long number) {
    Journal& journal = Journal::get();
    if (!journal.tracks(fd)) return syscall(number, fd);
    std::uint64_t before = 0;
    {
        const Journal::Lock lock(journal);
        before = journal.last();
    }
    const long done = syscall(number, fd);
    if (done == 0) {
        const Journal::Lock lock(journal);
        journal.synced(journal.inode(fd), before);
    }
    return done;
}

int open_file(int dir, const char* name, int flags, mode_t mode) {
    Journal& journal = Journal::get();
    const auto call = [&] { return static_cast<int>(syscall(SYS_openat, dir, name, flags, mode)); };
    const std::string path = absolute(dir, name);
    if (!journal.below_root(path) || (flags & O_TMPFILE) == O_TMPFILE) return call();
    const Journal::Lock lock(journal);
    const bool fresh = inode_of(path) == 0;
    Entry e{.kind = Kind::create, .dir = inode_of(parent_of(path)), .path = path};
    if ((flags & O_TRUNC) != 0 && !fresh) {
        const int old =
            static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC));
        const auto size = static_cast<std::uint64_t>(stat_of(old).st_size);
        journal.put({.kind = Kind::truncate,
                     .inode = stat_of(old).st_ino,
                     .size_before = size,
                     .data = read_range(old, 0, size)});
        syscall(SYS_close, old);
    }
    if ((flags & O_CREAT) != 0 && fresh) journal.put(e);
    const int fd = call();
    if (fd >= 0) journal.track(fd, stat_of(fd).st_ino, flags);
    return fd;
}

int rename_file(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
    Journal& journal = Journal::get();
    const auto call = [&] { return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags); };
    const std::string a = absolute(from_dir, from), b = absolute(to_dir, to);
    if (!journal.below_root(b)) return static_cast<int>(call());
    const Journal::Lock lock(journal);
    return static_cast<int>(changing(lock,
                                     {.kind = Kind::rename,
                                      .inode = inode_of(a),
                                      .dir = inode_of(parent_of(b)),
                                      .other_dir = inode_of(parent_of(a)),
                                      .path = a,
                                      .path2 = b,
                                      .data = journal.bury(b)},
                                     call));
}

int unlink_file(int dir, const char* name, int flags) {
    Journal& journal = Journal::get();
    const auto call = [&] { return syscall(SYS_unlinkat, dir, name, flags); };
    const std::string path = absolute(dir, name);
    if (!journal.below_root(path)) return static_cast<int>(call());
    const Journal::Lock lock(journal);
    const bool is_dir = (flags & AT_REMOVEDIR) != 0;
    Entry e{.kind = is_dir ? Kind::rmdir : Kind::unlink,
            .inode = inode_of(path),
            .dir = inode_of(parent_of(path)),
            .path = path};
    if (!is_dir) e.data = journal.bury(path);
    return static_cast<int>(changing(lock, e, call));
}

int make_dir(int dir, const char* name, mode_t mode) {
    Journal& journal = Journal::get();
    const auto call = [&] { return syscall(SYS_mkdirat, dir, name, mode); };
    const std::string path = absolute(dir, name);
    if (!journal.below_root(path) || inode_of(path) != 0) return static_cast<int>(call());
    const Journal::Lock lock(journal);
    return static_cast<int>(changing(
        lock, {.kind = Kind::mkdir, .dir = inode_of(parent_of(path)), .path = path}, call));
}

int duplicate(int from, int to, int flags) {
    const int fd =
        static_cast<int>(to < 0 ? syscall(SYS_dup, from) : syscall(SYS_dup3, from, to, flags));
    Journal::get().copy(from, fd);
    return fd;
}

mode_t mode_of(int flags, va_list list) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}
}  // namespace
}  // namespace faultline::power_cut

using namespace faultline::power_cut;

// NOLINTBEGIN(readability-identifier-naming, cert-dcl50-cpp)
EXPORTED int open(const char* path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_file(AT_FDCWD, path, flags, mode);
}
EXPORTED int openat(int dir, const char* path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_file(dir, path, flags, mode);
}
EXPORTED int open64(const char*, int, ...) __attribute__((alias("open")));
EXPORTED int openat64(int, const char*, int, ...) __attribute__((alias("openat")));
EXPORTED int __open_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
EXPORTED int __open64_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
EXPORTED int creat(const char* path, mode_t mode) {
    return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORTED int close(int fd) {
    Journal::get().forget(fd);
    return static_cast<int>(syscall(SYS_close, fd));
}
EXPORTED int dup(int fd) noexcept { return duplicate(fd, -1, 0); }
EXPORTED int dup2(int from, int to) noexcept { return from == to ? to : duplicate(from, to, 0); }
EXPORTED int dup3(int from, int to, int flags) noexcept { return duplicate(from, to, flags); }
EXPORTED int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    const long argument = va_arg(list, long);
    va_end(list);
    const int done = static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) Journal::get().copy(fd, done);
    return done;
}
EXPORTED int fcntl64(int, int, ...) __attribute__((alias("fcntl")));

EXPORTED ssize_t write(int fd, const void* data, size_t n) {
    const auto call = [&] { return syscall(SYS_write, fd, data, n); };
    return Journal::get().tracks(fd) ? write_at(fd, kPosition, n, call) : call();
}
EXPORTED ssize_t writev(int fd, const iovec* v, int n) {
    const auto call = [&] { return syscall(SYS_writev, fd, v, n); };
    return Journal::get().tracks(fd) ? write_at(fd, kPosition, length(v, n), call) : call();
}
EXPORTED ssize_t pwrite(int fd, const void* data, size_t n, off_t off) {
    const auto call = [&] { return syscall(SYS_pwrite64, fd, data, n, off); };
    return Journal::get().tracks(fd) ? write_at(fd, off, n, call) : call();
}
EXPORTED ssize_t pwritev(int fd, const iovec* v, int n, off_t off) {
    const auto call = [&] { return syscall(SYS_pwritev, fd, v, n, off, 0L); };
    return Journal::get().tracks(fd) ? write_at(fd, off, length(v, n), call) : call();
}
EXPORTED ssize_t pwritev2(int fd, const iovec* v, int n, off_t off, int flags) {
    const auto call = [&] { return syscall(SYS_pwritev2, fd, v, n, off, 0L, flags); };
    return Journal::get().tracks(fd) ? write_at(fd, off, length(v, n), call) : call();
}
EXPORTED ssize_t pwrite64(int, const void*, size_t, off_t) __attribute__((alias("pwrite")));
EXPORTED ssize_t pwritev64(int, const iovec*, int, off_t) __attribute__((alias("pwritev")));
EXPORTED ssize_t pwritev64v2(int, const iovec*, int, off_t, int) __attribute__((alias("pwritev2")));

EXPORTED int ftruncate(int fd, off_t size) noexcept {
    const auto call = [&] { return syscall(SYS_ftruncate, fd, size); };
    return static_cast<int>(
        Journal::get().tracks(fd) ? resize(fd, static_cast<std::uint64_t>(size), call) : call());
}
EXPORTED int ftruncate64(int, off_t) noexcept __attribute__((alias("ftruncate")));
EXPORTED int fallocate(int fd, int mode, off_t off, off_t len) {
    const auto call = [&] { return syscall(SYS_fallocate, fd, mode, off, len); };
    // With any flag (FALLOC_FL_KEEP_SIZE) the file reads as before.
    if (!Journal::get().tracks(fd) || mode != 0 || off + len <= stat_of(fd).st_size)
        return static_cast<int>(call());
    return static_cast<int>(resize(fd, static_cast<std::uint64_t>(off + len), call));
}
EXPORTED int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));
EXPORTED int posix_fallocate(int fd, off_t off, off_t len) {
    return fallocate(fd, 0, off, len) == 0 ? 0 : errno;
}
EXPORTED int posix_fallocate64(int, off_t, off_t) __attribute__((alias("posix_fallocate")));

EXPORTED int fsync(int fd) { return static_cast<int>(faultline::power_cut::sync(fd, SYS_fsync)); }
EXPORTED int fdatasync(int fd) {
    return static_cast<int>(faultline::power_cut::sync(fd, SYS_fdatasync));
}

EXPORTED int rename(const char* from, const char* to) noexcept {
    return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORTED int renameat(int a, const char* from, int b, const char* to) noexcept {
    return rename_file(a, from, b, to, 0);
}
EXPORTED int renameat2(int a, const char* from, int b, const char* to, unsigned flags) noexcept {
    return rename_file(a, from, b, to, flags);
}
EXPORTED int unlink(const char* path) noexcept { return unlink_file(AT_FDCWD, path, 0); }
EXPORTED int unlinkat(int dir, const char* path, int flags) noexcept {
    return unlink_file(dir, path, flags);
}
EXPORTED int rmdir(const char* path) noexcept { return unlink_file(AT_FDCWD, path, AT_REMOVEDIR); }
EXPORTED int remove(const char* path) noexcept {
    const int done = unlink_file(AT_FDCWD, path, 0);
    return done != 0 && errno == EISDIR ? unlink_file(AT_FDCWD, path, AT_REMOVEDIR) : done;
}
EXPORTED int mkdir(const char* path, mode_t mode) noexcept {
    return make_dir(AT_FDCWD, path, mode);
}
EXPORTED int mkdirat(int dir, const char* path, mode_t mode) noexcept {
    return make_dir(dir, path, mode);
}
// NOLINTEND(readability-identifier-naming, cert-dcl50-cpp)
