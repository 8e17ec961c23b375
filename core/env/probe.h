// What oracles, timeline and metrics see of the core: facts, not prose. The whole vocabulary stands
// here, reviewed like a schema. PODs of ids and numbers: no strings, no formatting, no allocation.
// Emitted only (1) by shells, from differences after a step; (2) by storage, at append, sync,
// truncate, recover; (3) at the client-visible edge.
#pragma once
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/env/sites.h"

#ifndef FL_PROBES
#define FL_PROBES 1  // -DFL_PROBES=0 removes every emission at compile time
#endif

namespace faultline::probe {

// A partition in events: a number that the sink gave to "topic-index". 0 without a sink.
using PartitionKey = std::uint32_t;

// One event per line, as a table.
// clang-format off
// --- storage -------------------------------------------------------------------------------
struct LogOpened       { PartitionKey partition; Offset log_start, log_end; bool clean; };
struct TornTailCut     { PartitionKey partition; Offset log_end; std::uint64_t bytes; };
struct CorruptionFound { PartitionKey partition; Offset at; };
struct BatchAppended   { PartitionKey partition; Epoch epoch; Offset first, last; std::uint32_t crc; };
struct LogFlushed      { PartitionKey partition; Offset durable_end; };
struct LogTruncated    { PartitionKey partition; Offset from, to; };
struct LogStartMoved   { PartitionKey partition; Offset from, to; };
struct SegmentRolled   { PartitionKey partition; Offset base; };
struct SegmentDeleted  { PartitionKey partition; Offset base; };
struct LogDirFailed    { std::uint32_t dir; std::int32_t sys; };  // fatal until restart
struct DiskFull        { std::uint32_t dir; bool full; };         // writes refused, then accepted
struct LogRemoved      { PartitionKey partition; };               // with all that was in it
// --- broker --------------------------------------------------------------------------------
struct BrokerReady     { std::uint32_t port; };
struct BrokerStopped   { bool clean; };
struct HighWatermark   { PartitionKey partition; Epoch epoch; Offset hw; };
struct LeaderChanged   { PartitionKey partition; Epoch epoch; NodeId leader; };
struct IsrChanged      { PartitionKey partition; Epoch epoch; std::int32_t partition_epoch; std::uint64_t members; };  // one bit per broker id
struct FollowerFetched { PartitionKey partition; Epoch epoch; NodeId follower; Offset at; };  // what the leader counts it to hold
struct PartitionFollows { PartitionKey partition; Epoch epoch; NodeId leader; };
struct ReplicaTruncated { PartitionKey partition; Epoch epoch; Offset from, to; };
struct BrokerRegistered { std::int64_t epoch; bool fenced; };
// --- controller ----------------------------------------------------------------------------
struct ControllerActive { Epoch epoch; };
struct MetadataApplied  { Offset end; std::uint64_t digest; };
struct VotersChanged    { PartitionKey partition; Epoch epoch; Offset at; std::uint64_t before, members; };  // in its log; one bit per node id
// By the active controller, once the record at `at` of the metadata log is committed.
struct IsrCommitted    { PartitionKey partition; Epoch epoch; std::int32_t partition_epoch; std::uint64_t members; Offset at; };  // one bit per broker id
struct RegistrationCommitted { NodeId broker; std::int64_t epoch; Offset at; };
struct BrokerFenced    { NodeId broker; std::int64_t epoch; bool fenced; };  // false: unfenced
// --- clients' edge --------------------------------------------------------------------------
struct ProduceAnswered { PartitionKey partition; std::int16_t error; Offset first, last; };
struct RecordsDeleted  { PartitionKey partition; Offset low_watermark; };  // DeleteRecords was answered
struct ConnectionShut  { std::uint32_t reason; };                 // 1: bad frame, 2: over budget, 3: unwritable answer
// --- clients -------------------------------------------------------------------------------
// Records first_record .. first_record + count - 1 of `client`, counted by that client from 0.
struct ProduceSent     { PartitionKey partition; std::int32_t client; std::int64_t first_record; std::int32_t count; };
struct ProduceAcked    { PartitionKey partition; std::int32_t client; std::int64_t first_record; std::int32_t count; Offset first; };
struct ProduceFailed   { PartitionKey partition; std::int32_t client; std::int64_t first_record; std::int32_t count; std::int16_t error; bool maybe_written; };
struct RecordDelivered { PartitionKey partition; std::int32_t consumer; Offset at; std::int32_t client; std::int64_t record; };

// clang-format on

using Event =
    std::variant<LogOpened, TornTailCut, CorruptionFound, BatchAppended, LogFlushed, LogTruncated,
                 LogStartMoved, SegmentRolled, SegmentDeleted, LogDirFailed, DiskFull, BrokerReady,
                 BrokerStopped, HighWatermark, LeaderChanged, IsrChanged, FollowerFetched,
                 PartitionFollows, ReplicaTruncated, BrokerRegistered, ControllerActive,
                 MetadataApplied, ProduceAnswered, ConnectionShut, ProduceSent, ProduceAcked,
                 ProduceFailed, RecordDelivered, LogRemoved, RecordsDeleted, VotersChanged,
                 IsrCommitted, RegistrationCommitted, BrokerFenced>;

class Sink {
public:
    virtual ~Sink() = default;
    virtual void on(MonoTime, NodeId, const Event&) = 0;
    virtual PartitionKey intern(std::string_view topic, PartitionIndex index) = 0;
    virtual void reached(Site) = 0;
    // The simulator may ask for the rare branch.
    virtual bool perturb(Site) = 0;
};

class Probe {
public:
    Probe() = default;  // production: nobody listens
    Probe(Sink* sink, NodeId node, const MonoTime* now) : sink_(sink), node_(node), now_(now) {}

    // probe.emit([&] { return probe::LogFlushed{key, end}; }); the lambda runs only if needed.
    template <class Make>
    void emit([[maybe_unused]] Make&& make) const {
#if FL_PROBES
        if (sink_ != nullptr) [[unlikely]]
            sink_->on(*now_, node_, Event{make()});
#endif
    }
    PartitionKey intern([[maybe_unused]] std::string_view topic,
                        [[maybe_unused]] PartitionIndex index) const {
#if FL_PROBES
        if (sink_ != nullptr) return sink_->intern(topic, index);
#endif
        return 0;
    }
    void reached([[maybe_unused]] Site s) const {
#if FL_PROBES
        if (sink_ != nullptr) [[unlikely]]
            sink_->reached(s);
#endif
    }
    bool perturb([[maybe_unused]] Site s) const {
#if FL_PROBES
        if (sink_ != nullptr) [[unlikely]]
            return sink_->perturb(s);
#endif
        return false;
    }

private:
    Sink* sink_ = nullptr;
    NodeId node_{};
    const MonoTime* now_ = nullptr;
};
}  // namespace faultline::probe
