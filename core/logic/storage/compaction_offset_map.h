// Where each key of a log was last seen, within a bound of memory.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"

namespace faultline::logic::storage {

// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
struct SipHash128 {
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const SipHash128&, const SipHash128&) = default;
};
SipHash128 siphash128(Bytes data, std::uint64_t key_low, std::uint64_t key_high);

// Keys are kept as 128-bit hashes under a secret of this map: nobody who writes records can make
// two keys meet, and among 2^32 keys they meet by chance once in 2^65 maps. 24 bytes a slot, as
// Kafka's map; grows by doubling until `max_bytes`. A value; never parks.
class OffsetMap {
public:
    struct Secret {
        std::uint64_t low = 0, high = 0;
    };
    OffsetMap(std::size_t max_bytes, Secret secret);

    // No key that is not in the map may be put any more. At 9/10 of the slots of `max_bytes`.
    bool full() const noexcept { return used_ >= max_keys_; }
    // `offset` is the newest of `key`. False, and nothing happened, when the map is full and does
    // not know the key.
    bool put(Bytes key, Offset offset);
    std::optional<Offset> find(Bytes key) const;
    std::size_t size() const noexcept { return used_; }
    std::size_t max_keys() const noexcept { return max_keys_; }

private:
    struct Slot {
        SipHash128 key;
        Offset offset{-1};  // -1: free
    };
    std::size_t place(const SipHash128& key) const;
    void grow();

    Secret secret_;
    std::size_t max_slots_, max_keys_;
    std::size_t used_ = 0;
    std::vector<Slot> slots_;
};
}  // namespace faultline::logic::storage
