// Immutable, reference-counted bytes: the unit of the data path.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/small_vec.h"

namespace faultline {
using Bytes = std::span<const std::byte>;
using MutBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view s) {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}
inline std::string_view as_text(Bytes b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}

// One contiguous allocation. Filled by its creator, then frozen: after the first share nobody may
// write to the shared range. That is what lets one batch sit in the append queue, in three sockets
// and in a test's history at once without a copy. The count is atomic because slices cross shards;
// it is touched per batch, never per record.
class Block {
public:
    static constexpr std::size_t kMaxCapacity = 1U << 31;
    // Header and payload in one allocation; the count is 1. Never fails: allocation failure aborts.
    static Block* allocate(std::size_t capacity);
    void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    void unref() noexcept {
        if (refs_.load(std::memory_order_acquire) == 1 ||
            refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            release();
        }
    }
    std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    std::uint32_t capacity() const noexcept { return capacity_; }

private:
    explicit Block(std::uint32_t capacity) : capacity_(capacity) {}
    void release() noexcept;
    std::atomic<std::uint32_t> refs_{1};
    std::uint32_t capacity_;
};

// 16 bytes: block, offset, length. A copy shares.
class Slice {
public:
    Slice() noexcept = default;
    // Takes over one reference to `block`.
    Slice(Block* block, std::uint32_t off, std::uint32_t len) noexcept
        : block_(block), off_(off), len_(len) {}
    Slice(const Slice& o) noexcept : block_(o.block_), off_(o.off_), len_(o.len_) {
        if (block_ != nullptr) block_->ref();
    }
    Slice(Slice&& o) noexcept : block_(o.block_), off_(o.off_), len_(o.len_) {
        o.block_ = nullptr;
        o.off_ = o.len_ = 0;
    }
    Slice& operator=(Slice o) noexcept {
        std::swap(block_, o.block_);
        std::swap(off_, o.off_);
        std::swap(len_, o.len_);
        return *this;
    }
    ~Slice() {
        if (block_ != nullptr) block_->unref();
    }
    static Slice copy_of(Bytes);

    Bytes bytes() const noexcept {
        return block_ == nullptr ? Bytes{} : Bytes{block_->data() + off_, len_};
    }
    std::size_t size() const noexcept { return len_; }
    bool empty() const noexcept { return len_ == 0; }
    // Shares. Requires off + len <= size().
    Slice sub(std::size_t off, std::size_t len) const;

private:
    Block* block_ = nullptr;
    std::uint32_t off_ = 0, len_ = 0;
};

// An ordered list of slices. No operation copies payload unless its name says so.
class IoBuf {
public:
    IoBuf() = default;
    explicit IoBuf(Slice s) { append(std::move(s)); }
    static IoBuf copy_of(Bytes b) { return IoBuf{Slice::copy_of(b)}; }

    void append(Slice s);
    void append(const IoBuf& other);
    void append(IoBuf&& other);
    // Shares. Requires off + len <= size().
    IoBuf sub(std::size_t off, std::size_t len) const;
    // Drops the first n bytes. Requires n <= size().
    void trim_front(std::size_t n);
    void clear() noexcept {
        parts_.clear();
        size_ = 0;
    }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    // Scatter/gather view; no part is empty.
    std::span<const Slice> parts() const noexcept { return {parts_.data(), parts_.size()}; }
    // The whole content as one slice: shares when there is one part, else copies.
    Slice coalesce_copy() const;
    // Fills dst from [off, off + dst.size()). Requires that range to be inside.
    void copy_out(std::size_t off, MutBytes dst) const;
    std::string copy_string() const;
    friend bool operator==(const IoBuf&, const IoBuf&);

private:
    SmallVec<Slice, 2> parts_;
    std::size_t size_ = 0;
};

// Grows a Block and hands out what was written as shared slices.
class BufBuilder {
public:
    explicit BufBuilder(std::size_t first_capacity = 512);
    ~BufBuilder();
    BufBuilder(BufBuilder&& o) noexcept;
    BufBuilder& operator=(BufBuilder&& o) noexcept;
    // Room for n bytes to write to; valid until the next call. Call commit() with what was used.
    std::byte* reserve(std::size_t n);
    void commit(std::size_t n) { used_ += n; }
    void append(Bytes);
    std::size_t size() const noexcept { return used_; }
    // Bytes written and not yet taken; may be patched until take().
    MutBytes pending() noexcept { return {block_->data() + taken_, used_ - taken_}; }
    // What was written since the last take, as a slice; the rest of the block stays in use.
    Slice take();

private:
    Block* block_;
    std::size_t used_ = 0, taken_ = 0;
};
}  // namespace faultline
