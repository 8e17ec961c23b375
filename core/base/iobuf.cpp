#include "core/base/iobuf.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "core/base/assert.h"

namespace faultline {
namespace {
// There is nothing to unwind to: the process ends here, and its terminate handler says why.
[[noreturn]] void out_of_memory() noexcept {
    try {
        throw std::bad_alloc();
    } catch (const std::bad_alloc&) {
        std::terminate();
    }
}
}  // namespace

Block* Block::allocate(std::size_t capacity) {
    FL_ASSERT(capacity <= kMaxCapacity);
    void* memory = std::malloc(sizeof(Block) + capacity);
    if (memory == nullptr) out_of_memory();
    return ::new (memory) Block(static_cast<std::uint32_t>(capacity));
}

void Block::release() noexcept {
    this->~Block();
    std::free(this);
}

Slice Slice::copy_of(Bytes b) {
    if (b.empty()) return {};
    Block* block = Block::allocate(b.size());
    std::memcpy(block->data(), b.data(), b.size());
    return {block, 0, static_cast<std::uint32_t>(b.size())};
}

Slice Slice::sub(std::size_t off, std::size_t len) const {
    FL_ASSERT(off <= len_ && len <= len_ - off);
    if (len == 0) return {};
    Slice s(*this);
    s.off_ += static_cast<std::uint32_t>(off);
    s.len_ = static_cast<std::uint32_t>(len);
    return s;
}

void IoBuf::append(Slice s) {
    if (s.empty()) return;
    size_ += s.size();
    parts_.push_back(std::move(s));
}

void IoBuf::append(const IoBuf& other) {
    if (&other == this) return append(IoBuf(other));
    for (const Slice& s : other.parts_) append(s);
}

void IoBuf::append(IoBuf&& other) {
    FL_ASSERT(&other != this);
    if (parts_.empty()) {
        *this = std::move(other);
    } else {
        for (Slice& s : other.parts_) append(std::move(s));
    }
    other.clear();
}

IoBuf IoBuf::sub(std::size_t off, std::size_t len) const {
    FL_ASSERT(off <= size_ && len <= size_ - off);
    IoBuf out;
    for (const Slice& s : parts_) {
        if (len == 0) break;
        if (off >= s.size()) {
            off -= s.size();
            continue;
        }
        const std::size_t n = std::min(len, s.size() - off);
        out.append(s.sub(off, n));
        off = 0;
        len -= n;
    }
    return out;
}

void IoBuf::trim_front(std::size_t n) {
    FL_ASSERT(n <= size_);
    size_ -= n;
    std::size_t whole = 0;
    while (n > 0 && n >= parts_[whole].size()) n -= parts_[whole++].size();
    parts_.erase_front(whole);
    if (n > 0) parts_[0] = parts_[0].sub(n, parts_[0].size() - n);
}

Slice IoBuf::coalesce_copy() const {
    if (parts_.size() == 1) return parts_[0];
    if (size_ == 0) return {};
    Block* block = Block::allocate(size_);
    copy_out(0, {block->data(), size_});
    return {block, 0, static_cast<std::uint32_t>(size_)};
}

void IoBuf::copy_out(std::size_t off, MutBytes dst) const {
    FL_ASSERT(off <= size_ && dst.size() <= size_ - off);
    std::size_t done = 0;
    for (const Slice& s : parts_) {
        if (done == dst.size()) break;
        if (off >= s.size()) {
            off -= s.size();
            continue;
        }
        const std::size_t n = std::min(dst.size() - done, s.size() - off);
        std::memcpy(dst.data() + done, s.bytes().data() + off, n);
        off = 0;
        done += n;
    }
}

std::string IoBuf::copy_string() const {
    std::string out;
    out.reserve(size_);
    for (const Slice& s : parts_) out.append(as_text(s.bytes()));
    return out;
}

bool operator==(const IoBuf& a, const IoBuf& b) {
    if (a.size_ != b.size_) return false;
    std::size_t ai = 0, bi = 0, aoff = 0, boff = 0, left = a.size_;
    while (left > 0) {
        const Bytes x = a.parts_[ai].bytes().subspan(aoff);
        const Bytes y = b.parts_[bi].bytes().subspan(boff);
        const std::size_t n = std::min(x.size(), y.size());
        if (std::memcmp(x.data(), y.data(), n) != 0) return false;
        left -= n;
        aoff += n;
        boff += n;
        if (n == x.size()) ++ai, aoff = 0;
        if (n == y.size()) ++bi, boff = 0;
    }
    return true;
}

BufBuilder::BufBuilder(std::size_t first_capacity)
    : block_(Block::allocate(std::max<std::size_t>(first_capacity, 64))) {}

BufBuilder::~BufBuilder() {
    if (block_ != nullptr) block_->unref();
}

BufBuilder::BufBuilder(BufBuilder&& o) noexcept
    : block_(std::exchange(o.block_, nullptr)),
      used_(std::exchange(o.used_, 0)),
      taken_(std::exchange(o.taken_, 0)) {}

BufBuilder& BufBuilder::operator=(BufBuilder&& o) noexcept {
    std::swap(block_, o.block_);
    std::swap(used_, o.used_);
    std::swap(taken_, o.taken_);
    return *this;
}

std::byte* BufBuilder::reserve(std::size_t n) {
    if (n > block_->capacity() - used_) {
        // Only what was not taken yet moves; taken slices keep the old block alive.
        const std::size_t keep = used_ - taken_;
        Block* fresh = Block::allocate(std::max<std::size_t>(2 * block_->capacity(), keep + n));
        std::memcpy(fresh->data(), block_->data() + taken_, keep);
        block_->unref();
        block_ = fresh;
        taken_ = 0;
        used_ = keep;
    }
    return block_->data() + used_;
}

void BufBuilder::append(Bytes b) {
    if (b.empty()) return;
    std::memcpy(reserve(b.size()), b.data(), b.size());
    commit(b.size());
}

Slice BufBuilder::take() {
    const std::size_t n = used_ - taken_;
    if (n == 0) return {};
    block_->ref();
    Slice s(block_, static_cast<std::uint32_t>(taken_), static_cast<std::uint32_t>(n));
    taken_ = used_;
    return s;
}
}  // namespace faultline
