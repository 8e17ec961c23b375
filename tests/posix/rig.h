// A node for one test: its directory, and system calls that can be made to fail.
#pragma once
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "runtime/posix/node.h"
#include "tests/support/catch.h"

namespace faultline::test {

class TempDir {
public:
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "fl-posix-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Signals are off unless the test asks for them; one shard unless it says more.
inline void run_node(posix::NodeOptions options, posix::Node::Main main) {
    const TempDir dir;
    if (options.shards == 0) options.shards = 1;
    options.data_root = dir.path();
    options.pin_threads = false;
    posix::Node node(std::move(options));
    node.run(std::move(main));
}

// What it counts and breaks is set by the test, from any thread.
class TestSys final : public posix::SysCalls {
public:
    std::atomic<int> accepts_without_descriptors{0};
    std::atomic<int> slow_write_ms{0};  // waiting
    std::atomic<int> busy_write_ms{0};  // computing
    std::atomic<int> nowait_errno{0};
    std::atomic<long> last_writer{0};
    std::atomic<int> nowait_reads{0}, waiting_reads{0};

    int accept4(int fd, sockaddr* addr, socklen_t* len, int flags) override {
        if (accepts_without_descriptors > 0) {
            --accepts_without_descriptors;
            errno = EMFILE;
            return -1;
        }
        return SysCalls::accept4(fd, addr, len, flags);
    }
    ssize_t pwritev(int fd, const iovec* v, int n, off_t off) override {
        last_writer = ::syscall(SYS_gettid);
        if (slow_write_ms > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(slow_write_ms));
        }
        const auto end =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_write_ms);
        while (std::chrono::steady_clock::now() < end) {
        }
        return SysCalls::pwritev(fd, v, n, off);
    }
    ssize_t preadv2(int fd, const iovec* v, int n, off_t off, int flags) override {
        if ((flags & RWF_NOWAIT) == 0) {
            ++waiting_reads;
            return SysCalls::preadv2(fd, v, n, off, flags);
        }
        ++nowait_reads;
        if (nowait_errno != 0) {
            errno = nowait_errno;
            return -1;
        }
        return SysCalls::preadv2(fd, v, n, off, flags);
    }
};
inline long this_thread_id() { return ::syscall(SYS_gettid); }
}  // namespace faultline::test
