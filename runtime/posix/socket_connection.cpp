#include "runtime/posix/socket_connection.h"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/base/assert.h"
#include "runtime/posix/errors.h"
#include "runtime/posix/posix_disk.h"

namespace faultline::posix {
namespace {
constexpr std::size_t kSharedBlock = 256 * 1024;
constexpr std::size_t kSharedLeast = 16 * 1024;
// Reads of more than this are the rest of a large frame: they get a block of their own.
constexpr std::size_t kSmallRead = 64 * 1024;
constexpr std::size_t kLargestRead = 1024 * 1024;
constexpr int kMaxVecs = 64;
constexpr std::size_t kFileChunk = 1024 * 1024;
// A peer that is as fast as we are never makes us park; others of the shard want a turn too.
constexpr unsigned kTurns = 16;
// Nor is a turn to take longer than what comes of this much may: it is checked and written.
constexpr std::size_t kTurnBytes = 1024 * 1024;

// Names a parked fiber for on_events(), also when the fiber is killed.
struct Parked {
    Parked(fiber::Waiter*& s, fiber::Waiter& w) : slot(s) { slot = &w; }
    ~Parked() { slot = nullptr; }
    Parked(const Parked&) = delete;
    Parked& operator=(const Parked&) = delete;
    fiber::Waiter*& slot;
};

Result<void> park_in(fiber::Waiter*& slot, Deadline deadline, fiber::StopToken stop,
                     const char* where) {
    fiber::Waiter waiter;
    const Parked parked(slot, waiter);
    switch (waiter.park(deadline, stop)) {
        case fiber::Wake::signalled: return {};
        case fiber::Wake::timed_out: return Error{Errc::timed_out, 0, where};
        case fiber::Wake::cancelled: break;
    }
    return Error{Errc::cancelled, 0, where};
}

void set_option(int fd, int level, int name, int value) {
    (void)::setsockopt(fd, level, name, &value, sizeof value);  // best effort: tuning only
}
}  // namespace

ReceiveRoom::~ReceiveRoom() { drop(); }

void ReceiveRoom::drop() noexcept {
    if (block_ != nullptr) block_->unref();
    block_ = nullptr;
    used_ = 0;
}

MutBytes ReceiveRoom::reserve(std::size_t max, std::size_t least, std::size_t block_size) {
    if (block_ == nullptr || block_->capacity() - used_ < std::min(max, least)) {
        if (block_ != nullptr) block_->unref();
        block_ = Block::allocate(block_size);
        used_ = 0;
    }
    return {block_->data() + used_, std::min<std::size_t>(max, block_->capacity() - used_)};
}

Slice ReceiveRoom::commit(std::size_t n) {
    block_->ref();
    const Slice s(block_, static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(n));
    used_ += n;
    return s;
}

SocketConnection::SocketConnection(Fd fd, Endpoint peer, ReceiveRoom& room,
                                   std::shared_ptr<std::atomic<int>> live)
    : fd_(std::move(fd)), peer_(std::move(peer)), shared_room_(room), live_(std::move(live)) {
    sockaddr_storage addr{};
    socklen_t len = sizeof addr;
    if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&addr), &len) == 0) {
        local_ = endpoint_of(addr);
    }
    // Frames are written whole; waiting for more would only add latency.
    set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
}

Result<ConnectionPtr> SocketConnection::make(Fd fd, const Endpoint& peer, ReceiveRoom& room,
                                             std::shared_ptr<std::atomic<int>> live) {
    auto connection =
        std::make_unique<SocketConnection>(std::move(fd), peer, room, std::move(live));
    FL_CHECK(EpollDriver::current().add(connection->fd_.get(), *connection));
    return ConnectionPtr(std::move(connection));
}

SocketConnection::~SocketConnection() {
    FL_ASSERT(reader_ == nullptr && writer_ == nullptr);
    if (live_) live_->fetch_sub(1, std::memory_order_relaxed);
    if (!aborted_ && !(write_shut_ && peer_has_shut())) {
        const linger reset{1, 0};
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
}

bool SocketConnection::peer_has_shut() const noexcept {
    if (at_end_) return true;
    char byte = 0;
    return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void SocketConnection::on_events(std::uint32_t events) noexcept {
    if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) hung_up_ = true;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        readable_ = true;
        if (reader_ != nullptr) reader_->wake();
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        writable_ = true;
        if (writer_ != nullptr) writer_->wake();
    }
}

Result<std::size_t> SocketConnection::read_some(IoBuf& in, std::size_t max, Deadline deadline,
                                                fiber::StopToken stop) {
    FL_ASSERT(max > 0 && reader_ == nullptr);  // one reader at a time
    if (++turns_ > kTurns || turn_bytes_ > kTurnBytes) {
        turns_ = 0;
        turn_bytes_ = 0;
        fiber::Scheduler::current().yield();
    }
    while (true) {
        if (aborted_ || at_end_) return Error{Errc::closed, 0, "net.read"};
        if (reset_ != 0) return net_error(reset_, "net.read");
        if (readable_) {
            FL_TRY(const std::size_t n, receive(in, max));
            turn_bytes_ += n;
            if (n > 0) return n;
            continue;
        }
        turns_ = 0;
        turn_bytes_ = 0;
        FL_CHECK(park_in(reader_, deadline, stop, "net.read"));
    }
}

// 0: nothing came, look at the flags again.
Result<std::size_t> SocketConnection::receive(IoBuf& in, std::size_t max) {
    const bool small = max <= kSmallRead;
    ReceiveRoom& room = small ? shared_room_ : own_room_;
    if (small) own_room_.drop();  // an idle connection holds no memory
    max = std::min(max, kLargestRead);
    const MutBytes to =
        small ? room.reserve(max, kSharedLeast, kSharedBlock) : room.reserve(max, kSmallRead, max);
    const ssize_t n = ::recv(fd_.get(), to.data(), to.size(), MSG_DONTWAIT);
    if (n > 0) {
        const auto got = static_cast<std::size_t>(n);
        in.append(room.commit(got));
        // A short read has emptied the queue: the next bytes, and the end unless it has been
        // announced, will be an edge of their own.
        readable_ = got == to.size() || hung_up_;
        return got;
    }
    if (n == 0) {
        at_end_ = true;
    } else if (errno == EAGAIN) {
        readable_ = false;
    } else if (errno != EINTR) {
        reset_ = static_cast<std::uint16_t>(errno);
    }
    return std::size_t{0};
}

// A place in an OutBuf.
struct SocketConnection::Cursor {
    const OutBuf& out;
    std::size_t part = 0;
    std::uint64_t skip = 0;  // of parts()[part]
    std::uint64_t most = 0;  // that the next sendfile may send
    bool done() const { return part == out.parts().size(); }
    const FileSlice* file() const { return std::get_if<FileSlice>(&out.parts()[part]); }
    void advance(std::uint64_t n) {
        while (n > 0) {
            const auto& p = out.parts()[part];
            const std::uint64_t size = std::holds_alternative<Slice>(p)
                                           ? std::get<Slice>(p).size()
                                           : std::get<FileSlice>(p).len;
            const std::uint64_t here = std::min(n, size - skip);
            skip += here;
            n -= here;
            if (skip == size) {
                skip = 0;
                ++part;
            }
        }
    }
};

Result<void> SocketConnection::write(OutBuf out, Deadline deadline, fiber::StopToken stop) {
    FL_ASSERT(writer_ == nullptr);  // one writer at a time
    if (aborted_ || write_shut_ || write_broken_) return Error{Errc::closed, 0, "net.write"};
    if (out.size() == 0) return {};
    if (stop.stop_requested()) {
        write_broken_ = true;
        return Error{Errc::cancelled, 0, "net.write"};
    }
    Cursor at{out};
    // Until all has left the stream is broken: also for whoever sees it after this fiber's death.
    write_broken_ = true;
    FL_CHECK(write_parts(at, deadline, stop));
    write_broken_ = false;
    return {};
}

Result<void> SocketConnection::write_parts(Cursor& at, Deadline deadline, fiber::StopToken stop) {
    std::size_t seen_part = at.out.parts().size();  // a part of which is known to be cached
    std::uint64_t seen_until = 0;                   // what lies before here
    for (unsigned turns = 0; !at.done();) {
        if (aborted_) return Error{Errc::closed, 0, "net.write"};
        if (reset_ != 0) return net_error(reset_, "net.write");
        if (!writable_) {
            turns = 0;
            FL_CHECK(park_in(writer_, deadline, stop, "net.write"));
            continue;
        }
        if (++turns > kTurns) {
            turns = 0;
            fiber::Scheduler::current().yield();
            continue;
        }
        if (const FileSlice* f = at.file()) {
            auto& file = dynamic_cast<PosixFile&>(*f->file);
            const std::uint64_t off = f->off + at.skip;
            const auto len =
                static_cast<std::size_t>(std::min<std::uint64_t>(f->len - at.skip, kFileChunk));
            // Once for each chunk, however many calls it takes to send it.
            if (seen_part != at.part || off >= seen_until) {
                seen_part = at.part;
                seen_until = off + len;
                if (!file.cached(off, len)) {
                    // sendfile would wait for the disk, and the whole shard with it.
                    FL_CHECK(file.warm(off, len));
                    if (aborted_) continue;
                }
            }
            at.most = seen_until - off;
            FL_TRY(const std::size_t n, send_file(at));
            at.advance(n);
        } else {
            FL_TRY(const std::size_t n, send_memory(at));
            at.advance(n);
        }
    }
    return {};
}

Result<std::size_t> SocketConnection::send_memory(Cursor& at) {
    const auto parts = at.out.parts();
    iovec v[kMaxVecs];
    int n = 0;
    std::size_t i = at.part, total = 0;
    for (; i < parts.size() && n < kMaxVecs; ++i) {
        const Slice* s = std::get_if<Slice>(&parts[i]);
        if (s == nullptr) break;
        const Bytes b = s->bytes().subspan(i == at.part ? at.skip : 0);
        v[n++] = {const_cast<std::byte*>(b.data()), b.size()};  // NOLINT: iovec is for both ways
        total += b.size();
    }
    msghdr message{};
    message.msg_iov = v;
    message.msg_iovlen = static_cast<std::size_t>(n);
    const int more = i < parts.size() ? MSG_MORE : 0;
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT | more);
    if (sent >= 0) {
        // A short write has filled the queue: room will be an edge of its own.
        if (static_cast<std::size_t>(sent) < total) writable_ = false;
        return static_cast<std::size_t>(sent);
    }
    if (errno == EAGAIN) {
        writable_ = false;
    } else if (errno != EINTR) {
        reset_ = static_cast<std::uint16_t>(errno);
        return net_error(errno, "net.write");
    }
    return std::size_t{0};
}

Result<std::size_t> SocketConnection::send_file(Cursor& at) {
    const FileSlice& f = *at.file();
    auto off = static_cast<off_t>(f.off + at.skip);
    const auto len = static_cast<std::size_t>(std::min(f.len - at.skip, at.most));
    const int file = dynamic_cast<PosixFile&>(*f.file).fd();
    const ssize_t sent = ::sendfile(fd_.get(), file, &off, len);
    if (sent > 0) return static_cast<std::size_t>(sent);
    // The file was cut below what was promised to the peer.
    if (sent == 0) return Error{Errc::io, 0, "net.sendfile"};
    if (errno == EAGAIN) {
        writable_ = false;
    } else if (errno == EIO) {
        return Error{Errc::io, EIO, "net.sendfile"};
    } else if (errno != EINTR) {
        reset_ = static_cast<std::uint16_t>(errno);
        return net_error(errno, "net.sendfile");
    }
    return std::size_t{0};
}

void SocketConnection::shutdown_write() noexcept {
    if (aborted_ || write_shut_) return;
    write_shut_ = true;
    (void)::shutdown(fd_.get(), SHUT_WR);  // not connected any more: the reader learns it
}

void SocketConnection::abort() noexcept {
    if (aborted_) return;
    aborted_ = true;
    const linger reset{1, 0};
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    fd_ = Fd{};
    if (reader_ != nullptr) reader_->wake();
    if (writer_ != nullptr) writer_->wake();
}
}  // namespace faultline::posix
