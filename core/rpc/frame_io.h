// Length-prefixed frames over a byte stream: four bytes, big-endian, then that many bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/net.h"
#include "core/env/probe.h"

namespace faultline::rpc {

// Reads frames of one connection. What was read beyond a frame is kept for the next one, so that
// pipelined requests cost one read. A frame is handed out as it was received: its IoBuf shares the
// blocks of the receive buffer, nothing is copied. One reader at a time; the connection is not
// owned and must outlive the reader.
class FrameReader {
public:
    // `max_frame` in bytes, without the prefix. Nothing is allocated for a frame before its length
    // has passed this bound, and never more than what has arrived plus one read.
    FrameReader(Connection& connection, std::size_t max_frame, probe::Probe probe = {})
        : connection_(connection), max_frame_(max_frame), probe_(probe) {}

    // Parks until the next frame has begun; returns the length that it announces, in bytes. Nothing
    // is taken. Errors as of next().
    Result<std::size_t> length(Deadline deadline, fiber::StopToken stop = {});
    // Parks until a whole frame is there; returns it without its prefix (it may be empty).
    //  closed       orderly end of stream between two frames
    //  unreachable  reset, or the stream ended inside a frame
    //  too_large    the announced length is over `max_frame`
    //  corrupt      the announced length is negative
    //  timed_out, cancelled: nothing is lost, a later call goes on where this one stopped.
    // After any other error the stream is out of step: close the connection.
    Result<IoBuf> next(Deadline deadline, fiber::StopToken stop = {});

    // Bytes received and not handed out. Whole frames may be among them: has_frame().
    std::size_t buffered() const noexcept { return in_.size(); }
    // The next next() returns without parking (with a frame or an error of its prefix).
    bool has_frame() const;

private:
    static constexpr std::size_t kPrefix = 4;
    static constexpr std::size_t kSmallRead = 64U << 10;  // no large frame in sight: pipelined ones
    static constexpr std::size_t kLargeRead = 1U << 20;   // inside a large frame

    // One read of at most `want` bytes; tells apart how a stream can end.
    Result<void> more(std::size_t want, Deadline deadline, fiber::StopToken stop);
    // The announced length, as it came; nothing when fewer than four bytes are there.
    std::optional<std::int32_t> announced() const;

    Connection& connection_;
    std::size_t max_frame_;
    probe::Probe probe_;
    IoBuf in_;
    bool split_ = false;  // the frame that is being read came in more than one read
};

// Puts the length prefix before `body`. Requires body.size() < 2^31.
OutBuf make_frame(OutBuf body);
}  // namespace faultline::rpc
