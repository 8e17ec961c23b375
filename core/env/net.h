// Byte streams. One virtual call per read or write of a whole frame, none per byte.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/small_vec.h"
#include "core/base/time.h"
#include "core/env/disk.h"
#include "core/fiber/scheduler.h"

namespace faultline {

struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
std::string to_string(const Endpoint&);  // "host:port", "[::1]:port"

// What a response is made of: memory runs (writev) and file runs (sendfile), in wire order.
class OutBuf {
public:
    using Part = std::variant<Slice, FileSlice>;
    OutBuf() = default;
    explicit OutBuf(Slice s) { add(std::move(s)); }
    explicit OutBuf(const IoBuf& b) { add(b); }
    void add(Slice s);
    void add(const IoBuf& b);
    void add(FileSlice f);
    void add(OutBuf&& o);
    std::uint64_t size() const noexcept { return size_; }
    std::span<const Part> parts() const noexcept { return {parts_.data(), parts_.size()}; }

private:
    SmallVec<Part, 2> parts_;
    std::uint64_t size_ = 0;
};

class Connection {
public:
    // Aborts: the peer sees a reset unless both sides were shut down; a parked reader or writer of
    // this side must be gone already (a connection is destroyed by the fiber group that uses it).
    virtual ~Connection() = default;
    // Parks until at least one byte is there; appends at most `max`. closed on orderly end of
    // stream, unreachable on a reset, timed_out, cancelled. One reader at a time.
    virtual Result<std::size_t> read_some(IoBuf& in, std::size_t max, Deadline,
                                          fiber::StopToken = {}) = 0;
    // Writes everything in order, or fails and the stream is unusable (also after a time-out or a
    // cancel: a part may have left). Parks while the peer is slow. One writer at a time.
    // `out` may be let go of only when the bytes have left: FileSlices are read late.
    virtual Result<void> write(OutBuf out, Deadline, fiber::StopToken = {}) = 0;
    // Half close: the peer reads what was written and then `closed`; reading goes on here.
    virtual void shutdown_write() noexcept = 0;
    // Ends both directions at once; parked readers and writers of both sides wake with an error.
    virtual void abort() noexcept = 0;
    virtual const Endpoint& peer() const noexcept = 0;
    virtual const Endpoint& local() const noexcept = 0;
};
using ConnectionPtr = std::unique_ptr<Connection>;

class Listener {
public:
    virtual ~Listener() = default;  // stops listening; queued connections are reset
    // Parks until a connection is there. cancelled; no_space when out of descriptors (retry later).
    virtual Result<ConnectionPtr> accept(fiber::StopToken) = 0;
    virtual const Endpoint& local() const noexcept = 0;  // the real port when 0 was asked
};

// Of Error::sys after connect(): the machine answered that nobody listens at that port. Linux's
// ECONNREFUSED, in both worlds.
inline constexpr std::uint16_t kConnectionRefused = 111;

class Network {
public:
    virtual ~Network() = default;
    // Parks. Resolves the host. unreachable (refused, no route, unknown host), timed_out,
    // cancelled.
    virtual Result<ConnectionPtr> connect(const Endpoint&, Deadline, fiber::StopToken = {}) = 0;
    // Never parks for long. busy when the port is taken, invalid for a bad address.
    virtual Result<std::unique_ptr<Listener>> listen(const Endpoint&) = 0;
};
}  // namespace faultline
