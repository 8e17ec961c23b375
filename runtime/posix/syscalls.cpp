#include "runtime/posix/syscalls.h"

#include <unistd.h>

namespace faultline::posix {

ssize_t SysCalls::preadv2(int fd, const iovec* v, int n, off_t off, int flags) {
    return ::preadv2(fd, v, n, off, flags);
}
ssize_t SysCalls::pwritev(int fd, const iovec* v, int n, off_t off) {
    return ::pwritev(fd, v, n, off);
}
int SysCalls::fdatasync(int fd) { return ::fdatasync(fd); }
int SysCalls::fsync(int fd) { return ::fsync(fd); }
int SysCalls::ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }
int SysCalls::fallocate(int fd, int mode, off_t off, off_t len) {
    return ::fallocate(fd, mode, off, len);
}
int SysCalls::accept4(int fd, sockaddr* addr, socklen_t* len, int flags) {
    return ::accept4(fd, addr, len, flags);
}

SysCalls& real_syscalls() noexcept {
    static SysCalls calls;
    return calls;
}
}  // namespace faultline::posix
