// A bounds-checked cursor over received bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/ids.h"
#include "core/base/iobuf.h"

namespace faultline::wire {

// Reads big-endian values as Kafka writes them. Failure is sticky: after the first read beyond the
// end or the first fail(), every read gives zero or empty, ok() is false and nothing remains. So
// callers test ok() once, at the end. Never allocates more than the bytes that remain.
class Reader {
public:
    // Keeps a reference: `buf` must outlive the reader and stay unchanged.
    explicit Reader(const IoBuf& buf);
    explicit Reader(IoBuf&&) = delete;

    bool ok() const noexcept { return error_ == nullptr; }
    // Why it failed, a string literal; null when ok().
    const char* error() const noexcept { return error_; }
    // The first failure wins. `why` must be a string literal.
    void fail(const char* why) noexcept;

    std::size_t remaining() const noexcept { return limit_ - position(); }
    std::size_t position() const noexcept {
        return run_start_ + static_cast<std::size_t>(p_ - run_);
    }

    std::int8_t i8() { return static_cast<std::int8_t>(fixed<1>()); }
    std::int16_t i16() { return static_cast<std::int16_t>(fixed<2>()); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(fixed<2>()); }
    std::int32_t i32() { return static_cast<std::int32_t>(fixed<4>()); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed<4>()); }
    std::int64_t i64() { return static_cast<std::int64_t>(fixed<8>()); }
    double f64();
    bool boolean() { return i8() != 0; }
    Uuid uuid();
    // As Kafka's reader: up to five bytes, overlong forms accepted, excess bits of the fifth
    // ignored.
    std::uint32_t uvarint();
    std::int32_t varint();   // zigzag, up to five bytes
    std::int64_t varlong();  // zigzag, up to ten bytes

    // The next n bytes as text; a copy.
    std::string text(std::size_t n);
    // The next n bytes, shared.
    IoBuf bytes(std::size_t n);
    void skip(std::size_t n);

    // Narrows what remains to the next n bytes; fails if there are fewer. Returns what pop_limit
    // needs to widen it again.
    std::size_t push_limit(std::size_t n);
    void pop_limit(std::size_t previous) noexcept;

private:
    template <std::size_t N>
    std::uint64_t fixed() {
        const std::byte* from = p_;
        std::byte scratch[8];
        if (static_cast<std::size_t>(run_end_ - p_) >= N) [[likely]] {
            p_ += N;
        } else {
            if (!gather(scratch, N)) return 0;
            from = scratch;
        }
        std::uint64_t x = 0;
        for (std::size_t i = 0; i < N; ++i) x = x << 8 | std::to_integer<std::uint64_t>(from[i]);
        return x;
    }
    // Copies n bytes that may lie in several parts; false, and failed, when they are not there.
    bool gather(std::byte* to, std::size_t n);
    void locate(std::size_t position) noexcept;

    const IoBuf& buf_;
    const std::byte* run_ = nullptr;      // start of the current part
    const std::byte* p_ = nullptr;        // next byte
    const std::byte* run_end_ = nullptr;  // end of the part or the limit
    std::size_t run_start_ = 0;           // position of run_
    std::size_t part_ = 0;
    std::size_t limit_;
    const char* error_ = nullptr;
};
}  // namespace faultline::wire
