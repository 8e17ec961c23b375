#include "runtime/posix/errors.h"

#include <cerrno>

namespace faultline::posix {
namespace {
Errc disk_code(int err) noexcept {
    switch (err) {
        case ENOENT:
        case ENOTDIR: return Errc::not_found;
        case EEXIST: return Errc::exists;
        case ENOSPC:
        case EDQUOT: return Errc::no_space;
        case EFBIG: return Errc::too_large;
        case EWOULDBLOCK:
        case EBUSY:
        case ENOTEMPTY:
        case EMFILE:
        case ENFILE:
        case ETXTBSY: return Errc::busy;
        case EINVAL:
        case EISDIR:
        case ENAMETOOLONG:
        case ELOOP:
        case EACCES:
        case EPERM:
        case EXDEV: return Errc::invalid;
        default: return Errc::io;
    }
}

Errc net_code(int err) noexcept {
    switch (err) {
        case EADDRINUSE:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return Errc::busy;
        case EADDRNOTAVAIL:
        case EACCES:
        case EPERM:
        case EINVAL:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT: return Errc::invalid;
        default:  // ECONNREFUSED, ECONNRESET, EPIPE, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, ...
            return Errc::unreachable;
    }
}
}  // namespace

Error disk_error(int err, const char* where) noexcept {
    return {disk_code(err), static_cast<std::uint16_t>(err), where};
}

Error net_error(int err, const char* where) noexcept {
    return {net_code(err), static_cast<std::uint16_t>(err), where};
}
}  // namespace faultline::posix
