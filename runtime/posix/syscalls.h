// The system calls whose failures matter, as a table: tests make them fail without a broken disk.
#pragma once
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace faultline::posix {

// Every method is its namesake of section 2: -1 and errno on failure. Called from shard threads and
// from the pool, so an overriding class must be safe for threads.
class SysCalls {
public:
    virtual ~SysCalls() = default;
    virtual ssize_t preadv2(int fd, const iovec* v, int n, off_t off, int flags);
    virtual ssize_t pwritev(int fd, const iovec* v, int n, off_t off);
    virtual int fdatasync(int fd);
    virtual int fsync(int fd);
    virtual int ftruncate(int fd, off_t size);
    virtual int fallocate(int fd, int mode, off_t off, off_t len);
    virtual int accept4(int fd, sockaddr* addr, socklen_t* len, int flags);
};
// The kernel's.
SysCalls& real_syscalls() noexcept;
}  // namespace faultline::posix
