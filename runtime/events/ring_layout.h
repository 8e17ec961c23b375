// The file of a process's event rings, as it lies in memory. docs/formats/events.md tells it to
// people. Only processes of one build share it: a header of other sizes is refused.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "core/env/probe.h"

namespace faultline::events {

static_assert(std::is_trivially_copyable_v<probe::Event>, "an event is copied as bytes");

inline constexpr char kMagic[8] = {'F', 'L', 'R', 'I', 'N', 'G', 'S', '\n'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kMaxShards = 256;
inline constexpr std::uint32_t kMaxEvents = 1U << 22;  // of one ring
inline constexpr std::uint32_t kTurns = 2048;          // events of a shard's second ring
inline constexpr std::uint32_t kMaxNames = 1024;       // partitions of a shard; others have none
inline constexpr std::size_t kMaxTopic = 249;

struct Header {
    char magic[8];
    std::uint32_t version;
    std::uint32_t event_types, event_bytes;  // of probe::Event in the program that writes
    std::uint32_t shards, events;            // events: of a shard's first ring, a power of two
    std::int32_t node, pid;
    std::int64_t started_ns;      // CLOCK_MONOTONIC, as the events' times
    std::int64_t wall_offset_ns;  // wall clock - monotonic, when it started
    char boot[40];                // monotonic times of equal boots can be compared
    char name[24], role[16];      // "n1" or "p1", "broker" or "producer"
};

struct Entry {
    std::uint64_t number;  // from 1 in its ring; 0 while it is written
    MonoTime at;
    probe::Event event;
};

struct Name {
    std::int32_t index;
    std::uint16_t length;
    char topic[kMaxTopic + 1];
};

// A shard's part: this, then `events` entries of routine traffic, then kTurns entries of what
// changes the course of things, so that the many do not push out the few.
struct Section {
    std::uint64_t written[2];  // by ring
    std::uint32_t names;
    Name name[kMaxNames];
};

constexpr std::size_t page_up(std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; }
constexpr std::size_t section_bytes(std::uint32_t events) {
    return page_up(sizeof(Section) + sizeof(Entry) * (std::size_t{events} + kTurns));
}
constexpr std::size_t file_bytes(std::uint32_t shards, std::uint32_t events) {
    return page_up(sizeof(Header)) + shards * section_bytes(events);
}

// 0 or 1: the ring of an event.
inline std::size_t ring_of(const probe::Event& event) {
    using namespace probe;
    return std::visit(
        []<class E>(const E&) -> std::size_t {
            constexpr bool routine =
                std::is_same_v<E, BatchAppended> || std::is_same_v<E, LogFlushed> ||
                std::is_same_v<E, HighWatermark> || std::is_same_v<E, FollowerFetched> ||
                std::is_same_v<E, ProduceAnswered> || std::is_same_v<E, ProduceSent> ||
                std::is_same_v<E, ProduceAcked> || std::is_same_v<E, RecordDelivered> ||
                std::is_same_v<E, MetadataApplied>;
            return routine ? 0 : 1;
        },
        event);
}
}  // namespace faultline::events
