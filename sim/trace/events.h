// What the simulated world itself does, beside the facts that the core emits (core/env/probe.h).
// PODs of ids and numbers. Strings are interned by the Recorder (Label).
#pragma once
#include <cstdint>
#include <string_view>
#include <variant>

#include "core/base/ids.h"

namespace faultline::sim {

using Label = StrongId<struct LabelTag, std::uint32_t>;  // Recorder::intern; 0 is ""

// --- nodes -----------------------------------------------------------------------------------
struct NodeStarted {
    NodeId node;
    std::int32_t incarnation;
};
struct NodeStopped {
    NodeId node;
    bool clean;
};  // returned from its main fiber
struct NodeCrashed {
    NodeId node;
    bool power_loss;
};  // power loss: unsynced data at risk
struct NodePaused {
    NodeId node;
    bool paused;
};
struct ClockJumped {
    NodeId node;
    std::int64_t by_ms;
};  // wall clock
// --- network: one write on one side is one message, delivered whole or in pieces ----------------
struct ConnOpened {
    std::uint32_t conn;
    NodeId from, to;
};
struct ConnClosed {
    std::uint32_t conn;
    NodeId by;
    bool reset;
};
struct ConnRefused {
    NodeId from, to;
};
// api_key and correlation are read off Kafka frames where there is one, else -1.
struct MessageSent {
    std::uint64_t message;
    std::uint32_t conn;
    NodeId from, to;
    std::uint32_t bytes;
    std::int16_t api_key;
    bool response;
    std::int32_t correlation;
};
struct MessageDelivered {
    std::uint64_t message;
    std::uint32_t bytes;
    bool last;
};
struct MessageDropped {
    std::uint64_t message;
};
// --- disk --------------------------------------------------------------------------------------
enum class DiskOp : std::uint8_t { read, write, sync, truncate, create, rename, remove, sync_dir };
inline constexpr std::string_view kDiskOpType =
    "enum:read,write,sync,truncate,create,rename,remove,sync_dir";
// What a power loss did to an unsynced piece. dir_entry: a created, renamed or removed name.
enum class LossKind : std::uint8_t { kept, dropped, torn, garbage, dir_entry };
inline constexpr std::string_view kLossKindType = "enum:kept,dropped,torn,garbage,dir_entry";
struct DiskDone {
    NodeId node;
    DiskOp op;
    Label path;
    std::uint64_t off, len;
    std::uint16_t sys;
};  // sys 0: ok
struct DiskLost {
    NodeId node;
    Label path;
    std::uint64_t off, len;
    LossKind how;
};  // at power loss: the bytes of a write that did not survive; of a torn one, from where it is
    // torn
// --- faults: `fault` is the index in the scenario ------------------------------------------------
struct FaultArmed {
    std::uint32_t fault;
    Label what;
};
struct FaultEffect {
    std::uint32_t fault;
    NodeId node;
    Label what;
};  // counted: proves it bit
struct FaultHealed {
    std::uint32_t fault;
};
// --- verdict -------------------------------------------------------------------------------------
struct Violation {
    std::uint32_t invariant;
    Label sentence;
    std::uint64_t fact, other_fact;
};  // the numbers of the two events that contradict each other; 0: not known, or no event
struct Note {
    NodeId node;
    Label text;
};  // for the story

using SimEvent =
    std::variant<NodeStarted, NodeStopped, NodeCrashed, NodePaused, ClockJumped, ConnOpened,
                 ConnClosed, ConnRefused, MessageSent, MessageDelivered, MessageDropped, DiskDone,
                 DiskLost, FaultArmed, FaultEffect, FaultHealed, Violation, Note>;
}  // namespace faultline::sim
