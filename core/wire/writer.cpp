#include "core/wire/writer.h"

#include <bit>

#include "core/base/assert.h"

namespace faultline::wire {
namespace {

// INV-30: the length in front of a frame, counted while writing, is that of the bytes behind it.
std::size_t size_of(const std::vector<Encoded::Part>& parts) {
    std::size_t n = 0;
    for (const Encoded::Part& part : parts) {
        const Slice* slice = std::get_if<Slice>(&part);
        n += slice != nullptr ? slice->size() : std::get<External>(part).length;
    }
    return n;
}
}  // namespace

IoBuf Encoded::to_iobuf() const {
    IoBuf out;
    for (const Part& part : parts) {
        const Slice* slice = std::get_if<Slice>(&part);
        FL_ASSERT(slice != nullptr);
        out.append(*slice);
    }
    return out;
}

void Writer::f64(double v) { fixed<8>(std::bit_cast<std::uint64_t>(v)); }

void Writer::uvarint(std::uint32_t v) {
    std::byte* to = buf_.reserve(5);
    std::size_t n = 0;
    for (; v >= 0x80; v >>= 7) to[n++] = static_cast<std::byte>(v | 0x80);
    to[n++] = static_cast<std::byte>(v);
    buf_.commit(n);
    size_ += n;
}

void Writer::varint(std::int32_t v) {
    uvarint((static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31));
}

void Writer::varlong(std::int64_t v) {
    std::uint64_t z = (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
    std::byte* to = buf_.reserve(10);
    std::size_t n = 0;
    for (; z >= 0x80; z >>= 7) to[n++] = static_cast<std::byte>(z | 0x80);
    to[n++] = static_cast<std::byte>(z);
    buf_.commit(n);
    size_ += n;
}

void Writer::share(const IoBuf& b) {
    if (b.size() < kShareMin) {
        for (const Slice& s : b.parts()) copy(s.bytes());
        return;
    }
    flush();
    for (const Slice& s : b.parts()) parts_.emplace_back(s);
    size_ += b.size();
}

void Writer::external(External e) {
    if (e.length == 0) return;
    flush();
    parts_.emplace_back(e);
    size_ += e.length;
}

void Writer::append(Writer&& o) {
    if (!o.ok()) return fail(o.error_, o.field_);
    if (o.parts_.empty() && o.size_ < kShareMin) {
        copy(o.buf_.pending());
        return;
    }
    o.flush();
    flush();
    for (Encoded::Part& part : o.parts_) parts_.push_back(std::move(part));
    size_ += o.size_;
}

void Writer::flush() {
    if (Slice s = buf_.take(); !s.empty()) parts_.emplace_back(std::move(s));
}

Encoded Writer::finish() {
    if (!ok()) return {};
    flush();
    FL_INVARIANT(30, size_of(parts_) == size_);
    return {std::move(parts_), size_};
}

Encoded Writer::finish_frame() {
    if (!ok()) return {};
    FL_ASSERT(size_ >= 4);
    flush();
    // Nobody else has seen this slice yet, so its bytes may still be set.
    const Bytes front = std::get<Slice>(parts_.front()).bytes();
    FL_ASSERT(front.size() >= 4);
    auto* to = const_cast<std::byte*>(front.data());
    const std::size_t length = size_ - 4;
    for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(length >> (8 * (3 - i)));
    FL_INVARIANT(30, size_of(parts_) == size_);
    return {std::move(parts_), size_};
}
}  // namespace faultline::wire
