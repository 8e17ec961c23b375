#include "core/logic/storage/compaction_offset_map.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic::storage {
namespace {
constexpr std::size_t kFirstSlots = 1024;

constexpr std::uint64_t rotl(std::uint64_t x, int k) { return x << k | x >> (64 - k); }

struct SipState {
    std::uint64_t v0, v1, v2, v3;
    void round() {
        v0 += v1;
        v1 = rotl(v1, 13) ^ v0;
        v0 = rotl(v0, 32);
        v2 += v3;
        v3 = rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = rotl(v1, 17) ^ v2;
        v2 = rotl(v2, 32);
    }
    void rounds(int n) {
        for (int i = 0; i < n; ++i) round();
    }
    void take(std::uint64_t word) {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    }
    std::uint64_t mix() const { return v0 ^ v1 ^ v2 ^ v3; }
};
}  // namespace

SipHash128 siphash128(Bytes data, std::uint64_t k0, std::uint64_t k1) {
    SipState s{k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL ^ 0xee,
               k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL};
    std::uint64_t word = 0;
    int shift = 0;
    for (const std::byte b : data) {
        word |= std::to_integer<std::uint64_t>(b) << shift;
        shift += 8;
        if (shift < 64) continue;
        s.take(word);
        word = 0;
        shift = 0;
    }
    s.take(word | static_cast<std::uint64_t>(data.size()) << 56);
    SipHash128 out;
    s.v2 ^= 0xee;
    s.rounds(4);
    out.low = s.mix();
    s.v1 ^= 0xdd;
    s.rounds(4);
    out.high = s.mix();
    return out;
}

OffsetMap::OffsetMap(std::size_t max_bytes, Secret secret)
    : secret_(secret), max_slots_(std::max<std::size_t>(max_bytes / sizeof(Slot), 2)) {
    static_assert(sizeof(Slot) == 24);
    max_keys_ = std::max<std::size_t>(max_slots_ / 10 * 9, 1);
    slots_.resize(std::min(kFirstSlots, max_slots_));
}

// The slot of `key`, or the free one where it belongs. There is always a free one.
std::size_t OffsetMap::place(const SipHash128& key) const {
    std::size_t at = key.low % slots_.size();
    while (slots_[at].offset.v >= 0 && slots_[at].key != key) {
        if (++at == slots_.size()) at = 0;
    }
    return at;
}

void OffsetMap::grow() {
    std::vector<Slot> old(std::min(slots_.size() * 2, max_slots_));
    old.swap(slots_);
    for (const Slot& slot : old) {
        if (slot.offset.v >= 0) slots_[place(slot.key)] = slot;
    }
}

bool OffsetMap::put(Bytes key, Offset offset) {
    FL_ASSERT(offset.v >= 0);
    const SipHash128 hash = siphash128(key, secret_.low, secret_.high);
    std::size_t at = place(hash);
    if (slots_[at].offset.v < 0) {
        if (full()) return false;
        if (used_ + 1 > slots_.size() / 10 * 9 && slots_.size() < max_slots_) {
            grow();
            at = place(hash);
        }
        slots_[at].key = hash;
        ++used_;
    }
    slots_[at].offset = offset;
    return true;
}

std::optional<Offset> OffsetMap::find(Bytes key) const {
    const Slot& slot = slots_[place(siphash128(key, secret_.low, secret_.high))];
    if (slot.offset.v < 0) return std::nullopt;
    return slot.offset;
}
}  // namespace faultline::logic::storage
