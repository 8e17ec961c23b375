// No naked int crosses a function boundary.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace faultline {

// Explicit both ways: no implicit conversion back to Rep, no mixed arithmetic.
template <class Tag, class Rep>
struct StrongId {
    using rep = Rep;
    Rep v{};
    constexpr StrongId() = default;
    constexpr explicit StrongId(Rep r) : v(r) {}
    friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

using NodeId = StrongId<struct NodeTag, std::int32_t>;
using ShardId = StrongId<struct ShardTag, std::uint16_t>;
using Epoch = StrongId<struct EpochTag, std::int32_t>;  // leader epoch
using PartitionIndex = StrongId<struct PartitionTag, std::int32_t>;

// A record's position in a partition's log: ordinal, so only +n and difference exist.
struct Offset : StrongId<struct OffsetTag, std::int64_t> {
    using StrongId::StrongId;
    friend constexpr Offset operator+(Offset o, std::int64_t n) { return Offset{o.v + n}; }
    friend constexpr std::int64_t operator-(Offset a, Offset b) { return a.v - b.v; }
};

struct TopicPartition {
    std::string topic;
    PartitionIndex index;
    friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// 128 bits, big-endian halves, as Kafka carries topic ids. Zero means "none".
struct Uuid {
    std::uint64_t hi = 0, lo = 0;
    friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
    constexpr bool is_zero() const { return hi == 0 && lo == 0; }
};
// URL-safe base64 without padding, 22 characters, as Kafka prints topic ids.
std::string to_string(const Uuid&);
// False, and `out` untouched, unless `text` is 22 characters of that alphabet.
bool parse_uuid(std::string_view text, Uuid& out);

}  // namespace faultline

template <class Tag, class Rep>
struct std::hash<faultline::StrongId<Tag, Rep>> {
    std::size_t operator()(faultline::StrongId<Tag, Rep> id) const noexcept {
        return std::hash<Rep>{}(id.v);
    }
};
