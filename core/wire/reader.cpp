#include "core/wire/reader.h"

#include <algorithm>
#include <bit>

#include "core/base/assert.h"

namespace faultline::wire {

Reader::Reader(const IoBuf& buf) : buf_(buf), limit_(buf.size()) { locate(0); }

void Reader::fail(const char* why) noexcept {
    if (error_ != nullptr) return;
    error_ = why;
    limit_ = position();
    run_end_ = p_;
}

// Parts are visited forwards only, so a frame of many parts costs one walk over them.
void Reader::locate(std::size_t position) noexcept {
    const auto parts = buf_.parts();
    if (parts.empty()) return;
    while (part_ + 1 < parts.size() && position >= run_start_ + parts[part_].size()) {
        run_start_ += parts[part_++].size();
    }
    const Bytes part = parts[part_].bytes();
    run_ = part.data();
    p_ = run_ + (position - run_start_);
    run_end_ = run_ + std::min(part.size(), limit_ - run_start_);
}

bool Reader::gather(std::byte* to, std::size_t n) {
    if (remaining() < n) {
        fail("the message ends too early");
        return false;
    }
    const std::size_t at = position();
    buf_.copy_out(at, {to, n});
    locate(at + n);
    return true;
}

void Reader::skip(std::size_t n) {
    if (remaining() < n) return fail("the message ends too early");
    locate(position() + n);
}

double Reader::f64() { return std::bit_cast<double>(fixed<8>()); }

Uuid Reader::uuid() {
    const std::uint64_t hi = fixed<8>();
    const std::uint64_t lo = fixed<8>();
    return {hi, lo};
}

std::uint32_t Reader::uvarint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const auto byte = static_cast<std::uint32_t>(fixed<1>());
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    fail("a varint is longer than five bytes");
    return 0;
}

std::int32_t Reader::varint() {
    const std::uint32_t raw = uvarint();
    return static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
}

std::int64_t Reader::varlong() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const std::uint64_t byte = fixed<1>();
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
    }
    fail("a varlong is longer than ten bytes");
    return 0;
}

std::string Reader::text(std::size_t n) {
    if (static_cast<std::size_t>(run_end_ - p_) >= n) {
        std::string out(reinterpret_cast<const char*>(p_), n);
        p_ += n;
        return out;
    }
    if (remaining() < n) {
        fail("the message ends too early");
        return {};
    }
    std::string out(n, '\0');
    gather(reinterpret_cast<std::byte*>(out.data()), n);
    return out;
}

IoBuf Reader::bytes(std::size_t n) {
    if (remaining() < n) {
        fail("the message ends too early");
        return {};
    }
    const std::size_t at = position();
    locate(at + n);
    return buf_.sub(at, n);
}

std::size_t Reader::push_limit(std::size_t n) {
    const std::size_t previous = limit_;
    if (remaining() < n) {
        fail("the message ends too early");
        return previous;
    }
    limit_ = position() + n;
    locate(position());
    return previous;
}

void Reader::pop_limit(std::size_t previous) noexcept {
    if (!ok()) return;
    FL_ASSERT(previous >= limit_ && previous <= buf_.size());
    limit_ = previous;
    locate(position());
}
}  // namespace faultline::wire
