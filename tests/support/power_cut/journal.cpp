#include "tests/support/power_cut/journal.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace faultline::power_cut {
namespace {
// Before each entry. The mark again after it: a process may be killed while it writes.
struct Head {
    std::uint32_t mark, kind;
    std::uint64_t number, inode, dir, other_dir, off, len, size_before;
    std::uint32_t path, path2;
    std::uint64_t data;
};
constexpr std::uint32_t kMark = 0x74756370;  // "pcut"

[[noreturn]] void fail(const char* what, const std::string& path) {
    std::fprintf(stderr, "power_cut: %s %s: %s\n", what, path.c_str(), std::strerror(errno));
    std::_Exit(70);
}
}  // namespace

// Never destroyed: threads write until the process is gone.
Journal& Journal::get() {
    static Journal* const journal = new Journal;
    return *journal;
}

Journal::Journal() {
    const char* root = std::getenv("FL_POWER_CUT_ROOT");
    const char* dir = std::getenv("FL_POWER_CUT_JOURNAL");
    if (root == nullptr || dir == nullptr) return;
    root_ = std::string(root) + "/";
    dir_ = dir;
    syscall(SYS_mkdirat, AT_FDCWD, dir, 0755);
    for (number_ = 1; file_ < 0; ++number_) {
        const std::string path = dir_ + "/journal." + std::to_string(number_);
        file_ = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(),
                                         O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0644));
        if (file_ < 0 && errno != EEXIST) fail("cannot make", path);
    }
    files_.reset(new std::atomic<std::uint64_t>[kMostFiles]());
}

bool Journal::below_root(const std::string& path) const {
    return files_ && (path + "/").starts_with(root_) && !path.starts_with(dir_);
}

std::uint64_t Journal::word(int fd) const {
    return files_ && fd >= 0 && fd < kMostFiles
               ? files_[static_cast<std::size_t>(fd)].load(std::memory_order_relaxed)
               : 0;
}

void Journal::track(int fd, std::uint64_t inode, int open_flags) {
    if (fd >= kMostFiles) fail("too many open files in", root_);
    if ((open_flags & O_APPEND) != 0) inode |= kAppends;
    if ((open_flags & O_DSYNC) != 0) inode |= kWritesThrough;
    files_[static_cast<std::size_t>(fd)].store(inode, std::memory_order_relaxed);
}

void Journal::forget(int fd) {
    if (tracks(fd)) files_[static_cast<std::size_t>(fd)].store(0, std::memory_order_relaxed);
}

void Journal::copy(int from, int to) {
    if (files_ && to >= 0 && to < kMostFiles)
        files_[static_cast<std::size_t>(to)].store(word(from), std::memory_order_relaxed);
}

void Journal::put(const Entry& e) {
    const Head head{kMark,
                    static_cast<std::uint32_t>(e.kind),
                    ++last_,
                    e.inode,
                    e.dir,
                    e.other_dir,
                    e.off,
                    e.len,
                    e.size_before,
                    static_cast<std::uint32_t>(e.path.size()),
                    static_cast<std::uint32_t>(e.path2.size()),
                    e.data.size()};
    std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
    bytes += e.path + e.path2 + e.data;
    bytes.append(reinterpret_cast<const char*>(&kMark), sizeof kMark);
    for (std::size_t done = 0; done < bytes.size();) {
        const long n = syscall(SYS_write, file_, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("cannot write to", dir_);
        done += static_cast<std::size_t>(n);
    }
}

void Journal::synced(std::uint64_t inode, std::uint64_t up_to) {
    put({.kind = Kind::sync, .inode = inode, .off = up_to});
}

std::string Journal::bury(const std::string& path) {
    const std::string grave =
        dir_ + "/buried." + std::to_string(number_) + "." + std::to_string(++buried_);
    if (syscall(SYS_linkat, AT_FDCWD, path.c_str(), AT_FDCWD, grave.c_str(), 0) == 0) return grave;
    return "";
}

std::string read_range(int fd, std::uint64_t off, std::uint64_t len) {
    std::string out(len, '\0');
    // The process may have opened it for writing only.
    const std::string self = "/proc/self/fd/" + std::to_string(fd);
    const int in =
        static_cast<int>(syscall(SYS_openat, AT_FDCWD, self.c_str(), O_RDONLY | O_CLOEXEC));
    std::size_t done = 0;
    while (done < len) {
        const long n = syscall(SYS_pread64, in, out.data() + done, len - done, off + done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    if (done < len) fail("cannot read back", self);
    syscall(SYS_close, in);
    return out;
}
}  // namespace faultline::power_cut
