// Builds encoded bytes: small values are copied into one growing block, payload is shared.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/wire/types.h"

namespace faultline::wire {

// An encoded message, in wire order.
struct Encoded {
    using Part = std::variant<Slice, External>;
    std::vector<Part> parts;
    std::size_t size = 0;  // bytes, with the lengths of the externals
    // Shares. Requires that no part is external.
    IoBuf to_iobuf() const;
};

// Writes big-endian values as Kafka reads them. Failure is sticky, as with Reader: a value that
// cannot be written at the version asked for fails the writer, and finish() then gives nothing.
class Writer {
public:
    explicit Writer(std::size_t first_capacity = 512) : buf_(first_capacity) {}

    bool ok() const noexcept { return error_ == nullptr; }
    // Why it failed, and which field: string literals; null when ok().
    const char* error() const noexcept { return error_; }
    const char* error_field() const noexcept { return field_; }
    void fail(const char* why, const char* field = "") noexcept {
        if (error_ == nullptr) error_ = why, field_ = field;
    }

    void i8(std::int8_t v) { fixed<1>(static_cast<std::uint8_t>(v)); }
    void i16(std::int16_t v) { fixed<2>(static_cast<std::uint16_t>(v)); }
    void u16(std::uint16_t v) { fixed<2>(v); }
    void i32(std::int32_t v) { fixed<4>(static_cast<std::uint32_t>(v)); }
    void u32(std::uint32_t v) { fixed<4>(v); }
    void i64(std::int64_t v) { fixed<8>(static_cast<std::uint64_t>(v)); }
    void f64(double v);
    void boolean(bool v) { i8(v ? 1 : 0); }
    void uuid(const Uuid& v) {
        fixed<8>(v.hi);
        fixed<8>(v.lo);
    }
    void uvarint(std::uint32_t v);
    void varint(std::int32_t v);   // zigzag
    void varlong(std::int64_t v);  // zigzag

    void copy(Bytes b) {
        buf_.append(b);
        size_ += b.size();
    }
    // Runs of less than kShareMin bytes are copied: below that an entry of its own in a
    // scatter/gather list costs more than the copy.
    static constexpr std::size_t kShareMin = 256;
    void share(const IoBuf& b);
    void external(External e);
    // Moves what another writer made behind what is here. A failure of `o` becomes ours.
    void append(Writer&& o);

    std::size_t size() const noexcept { return size_; }
    // What was written; nothing when !ok(). The writer is done.
    Encoded finish();
    // The same for a writer whose first four bytes hold a place: they become the number of bytes
    // behind them.
    Encoded finish_frame();

private:
    template <std::size_t N>
    void fixed(std::uint64_t v) {
        std::byte* to = buf_.reserve(N);
        for (std::size_t i = 0; i < N; ++i) to[i] = static_cast<std::byte>(v >> (8 * (N - 1 - i)));
        buf_.commit(N);
        size_ += N;
    }
    void flush();

    BufBuilder buf_;
    std::vector<Encoded::Part> parts_;
    std::size_t size_ = 0;
    const char* error_ = nullptr;
    const char* field_ = "";
};
}  // namespace faultline::wire
