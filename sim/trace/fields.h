// The one list of the fields of every event. Hash, trace file, printer and tests walk it, so none
// of them can forget a field: an event that is not listed here does not compile, and neither does
// one whose list has fewer or more fields than the struct.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/env/probe.h"
#include "sim/trace/events.h"

namespace faultline::sim {

// FNV-1a, 64 bits: how names enter the hash of a trace (docs/formats/trace.md).
constexpr std::uint64_t name_hash(std::string_view text) noexcept {
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return h;
}

// Specialised by FL_EVENT below: `name`, `hash`, `count`, `visit(event, f)` which calls
// f(field name, field value) in order.
template <class E>
struct EventInfo;

template <class E, class F>
constexpr void for_each_field(E& event, F&& f) {
    EventInfo<std::remove_const_t<E>>::visit(event, f);
}

namespace detail {
struct AnyField {
    template <class T>
    operator T() const;  // NOLINT: only to count the fields of an aggregate
};
template <class E, class... A>
constexpr std::size_t count_fields() {
    if constexpr (requires { E{A{}..., AnyField{}}; }) {
        return count_fields<E, A..., AnyField>();
    } else {
        return sizeof...(A);
    }
}
}  // namespace detail

// What a field's number means; the string is the field's type in a trace file.
template <class T>
constexpr std::string_view field_type([[maybe_unused]] std::string_view name) {
    if constexpr (std::is_same_v<T, bool>) return "bool";
    if constexpr (std::is_same_v<T, NodeId>) return "node";
    if constexpr (std::is_same_v<T, Offset>) return "offset";
    if constexpr (std::is_same_v<T, Epoch>) return "epoch";
    if constexpr (std::is_same_v<T, Label>) return "label";
    if constexpr (std::is_same_v<T, DiskOp>) return kDiskOpType;
    if constexpr (std::is_same_v<T, LossKind>) return kLossKindType;
    // PartitionKey is a plain number in core; its fields all bear this name.
    if (std::is_same_v<T, probe::PartitionKey> && name == "partition") return "partition";
    return "int";
}

// A field's value as 64 bits; signed values are sign-extended.
template <class T>
constexpr std::uint64_t field_word(T value) {
    if constexpr (std::is_enum_v<T>) {
        return static_cast<std::uint64_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<std::uint64_t>(value);
    } else {
        return static_cast<std::uint64_t>(value.v);
    }
}

#define FL_PARENS_ ()
#define FL_EXPAND_(...) FL_EXPAND1_(FL_EXPAND1_(FL_EXPAND1_(__VA_ARGS__)))
#define FL_EXPAND1_(...) FL_EXPAND2_(FL_EXPAND2_(FL_EXPAND2_(__VA_ARGS__)))
#define FL_EXPAND2_(...) __VA_ARGS__
#define FL_EACH_(m, ...) __VA_OPT__(FL_EXPAND_(FL_EACH1_(m, __VA_ARGS__)))
#define FL_EACH1_(m, a, ...) m(a) __VA_OPT__(FL_EACH2_ FL_PARENS_(m, __VA_ARGS__))
#define FL_EACH2_() FL_EACH1_
#define FL_FIELD_VISIT_(field) f(std::string_view(#field), e.field);
#define FL_FIELD_COUNT_(field) +1

#define FL_EVENT(ns, type, ...)                                                                 \
    template <>                                                                                 \
    struct EventInfo<ns::type> {                                                                \
        static constexpr std::string_view name = #type;                                         \
        static constexpr std::uint64_t hash = name_hash(name);                                  \
        static constexpr std::size_t count = 0 FL_EACH_(FL_FIELD_COUNT_, __VA_ARGS__);          \
        static_assert(detail::count_fields<ns::type>() == count, "list every field of " #type); \
        template <class E, class F>                                                             \
        static constexpr void visit(E& e, F& f) {                                               \
            FL_EACH_(FL_FIELD_VISIT_, __VA_ARGS__)                                              \
        }                                                                                       \
    };

// clang-format off
FL_EVENT(probe, LogOpened, partition, log_start, log_end, clean)
FL_EVENT(probe, TornTailCut, partition, log_end, bytes)
FL_EVENT(probe, CorruptionFound, partition, at)
FL_EVENT(probe, BatchAppended, partition, epoch, first, last, crc)
FL_EVENT(probe, LogFlushed, partition, durable_end)
FL_EVENT(probe, LogTruncated, partition, from, to)
FL_EVENT(probe, LogStartMoved, partition, from, to)
FL_EVENT(probe, SegmentRolled, partition, base)
FL_EVENT(probe, SegmentDeleted, partition, base)
FL_EVENT(probe, LogDirFailed, dir, sys)
FL_EVENT(probe, DiskFull, dir, full)
FL_EVENT(probe, BrokerReady, port)
FL_EVENT(probe, BrokerStopped, clean)
FL_EVENT(probe, HighWatermark, partition, epoch, hw)
FL_EVENT(probe, LeaderChanged, partition, epoch, leader)
FL_EVENT(probe, IsrChanged, partition, epoch, partition_epoch, members)
FL_EVENT(probe, FollowerFetched, partition, epoch, follower, at)
FL_EVENT(probe, PartitionFollows, partition, epoch, leader)
FL_EVENT(probe, ReplicaTruncated, partition, epoch, from, to)
FL_EVENT(probe, BrokerRegistered, epoch, fenced)
FL_EVENT(probe, ControllerActive, epoch)
FL_EVENT(probe, MetadataApplied, end, digest)
FL_EVENT(probe, ProduceAnswered, partition, error, first, last)
FL_EVENT(probe, ConnectionShut, reason)
FL_EVENT(probe, ProduceSent, partition, client, first_record, count)
FL_EVENT(probe, ProduceAcked, partition, client, first_record, count, first)
FL_EVENT(probe, ProduceFailed, partition, client, first_record, count, error, maybe_written)
FL_EVENT(probe, RecordDelivered, partition, consumer, at, client, record)
FL_EVENT(probe, LogRemoved, partition)
FL_EVENT(probe, RecordsDeleted, partition, low_watermark)
FL_EVENT(probe, VotersChanged, partition, epoch, at, before, members)
FL_EVENT(probe, IsrCommitted, partition, epoch, partition_epoch, members, at)
FL_EVENT(probe, RegistrationCommitted, broker, epoch, at)
FL_EVENT(probe, BrokerFenced, broker, epoch, fenced)

FL_EVENT(sim, NodeStarted, node, incarnation)
FL_EVENT(sim, NodeStopped, node, clean)
FL_EVENT(sim, NodeCrashed, node, power_loss)
FL_EVENT(sim, NodePaused, node, paused)
FL_EVENT(sim, ClockJumped, node, by_ms)
FL_EVENT(sim, ConnOpened, conn, from, to)
FL_EVENT(sim, ConnClosed, conn, by, reset)
FL_EVENT(sim, ConnRefused, from, to)
FL_EVENT(sim, MessageSent, message, conn, from, to, bytes, api_key, response, correlation)
FL_EVENT(sim, MessageDelivered, message, bytes, last)
FL_EVENT(sim, MessageDropped, message)
FL_EVENT(sim, DiskDone, node, op, path, off, len, sys)
FL_EVENT(sim, DiskLost, node, path, off, len, how)
FL_EVENT(sim, FaultArmed, fault, what)
FL_EVENT(sim, FaultEffect, fault, node, what)
FL_EVENT(sim, FaultHealed, fault)
FL_EVENT(sim, Violation, invariant, sentence, fact, other_fact)
FL_EVENT(sim, Note, node, text)
// clang-format on

// Calls f(std::type_identity<E>) for every event of the core, then for every one of the world:
// the order of the table in a trace file.
template <class F>
constexpr void for_each_core_event(F&& f) {
    [&]<class... E>(std::type_identity<std::variant<E...>>) {
        (f(std::type_identity<E>{}), ...);
    }(std::type_identity<probe::Event>{});
}
template <class F>
constexpr void for_each_world_event(F&& f) {
    [&]<class... E>(std::type_identity<std::variant<E...>>) {
        (f(std::type_identity<E>{}), ...);
    }(std::type_identity<SimEvent>{});
}
}  // namespace faultline::sim
