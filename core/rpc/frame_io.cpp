#include "core/rpc/frame_io.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/assert.h"

namespace faultline::rpc {

std::optional<std::int32_t> FrameReader::announced() const {
    if (in_.size() < kPrefix) return std::nullopt;
    std::array<std::byte, kPrefix> raw;
    in_.copy_out(0, raw);
    std::uint32_t v = 0;
    for (const std::byte b : raw) v = (v << 8) | std::to_integer<std::uint32_t>(b);
    return static_cast<std::int32_t>(v);
}

bool FrameReader::has_frame() const {
    const auto length = announced();
    if (!length) return false;
    if (*length < 0 || static_cast<std::size_t>(*length) > max_frame_) return true;
    return in_.size() - kPrefix >= static_cast<std::size_t>(*length);
}

Result<void> FrameReader::more(std::size_t want, Deadline deadline, fiber::StopToken stop) {
    if (probe_.perturb(probe::Site::frame_split_across_reads)) want = 1;
    const auto got = connection_.read_some(in_, want, deadline, stop);
    if (got.ok()) return {};
    if (got.code() == Errc::closed && !in_.empty()) {
        probe_.reached(probe::Site::frame_cut_by_close);
        return Error{Errc::unreachable, 0, "rpc.frame_cut"};
    }
    return got.error();
}

Result<std::size_t> FrameReader::length(Deadline deadline, fiber::StopToken stop) {
    while (true) {
        if (const auto length = announced()) {
            if (*length < 0) return Error{Errc::corrupt, 0, "rpc.frame_length"};
            const auto size = static_cast<std::size_t>(*length);
            if (size > max_frame_) return Error{Errc::too_large, 0, "rpc.frame_length"};
            return size;
        }
        split_ = !in_.empty();
        FL_CHECK(more(kSmallRead, deadline, stop));
    }
}

Result<IoBuf> FrameReader::next(Deadline deadline, fiber::StopToken stop) {
    FL_TRY(const std::size_t size, length(deadline, stop));
    while (in_.size() - kPrefix < size) {
        split_ = true;  // a part of this frame came with an earlier read
        const std::size_t missing = size - (in_.size() - kPrefix);
        FL_CHECK(more(std::clamp(missing, kSmallRead, kLargeRead), deadline, stop));
    }
    if (std::exchange(split_, false)) probe_.reached(probe::Site::frame_split_across_reads);
    IoBuf frame = in_.sub(kPrefix, size);
    in_.trim_front(kPrefix + size);
    return frame;
}

OutBuf make_frame(OutBuf body) {
    FL_ASSERT(body.size() <= INT32_MAX);
    const auto size = static_cast<std::uint32_t>(body.size());
    const std::array<std::byte, 4> prefix{std::byte(size >> 24), std::byte(size >> 16),
                                          std::byte(size >> 8), std::byte(size)};
    OutBuf frame{Slice::copy_of(prefix)};
    frame.add(std::move(body));
    return frame;
}
}  // namespace faultline::rpc
