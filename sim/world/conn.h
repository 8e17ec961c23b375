// What the simulated network is made of: hosts, links between them, connections over the links.
// Faults are lists that are empty as long as nothing is wrong, so that the way of a message asks
// for them with one comparison.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/env/net.h"
#include "core/fiber/sync.h"
#include "sim/world/faults.h"
#include "sim/world/link_model.h"

namespace faultline::sim {

struct HostFault {
    enum class Kind : std::uint8_t { refuse, no_name, slow_reader, short_reads, short_writes };
    Kind kind;
    FaultId fault;
    std::uint64_t amount = 0;  // bytes: a second, or at most
    MonoTime free_at{};        // slow_reader: when it takes the next bytes
};

struct Host {
    NodeId node;
    std::string name, rack, dc;
    bool down = false;  // the machine has no power
    std::vector<HostFault> faults;
};

struct LinkFault {
    enum class Kind : std::uint8_t { partition, clog, slow, reorder };
    Kind kind;
    FaultId fault;
    Duration by{0};
    std::uint64_t bandwidth = 0;
    MonoTime free_at{};  // slow: when it has sent what was given to it
};

// One direction between two nodes.
struct Link {
    NodeId from, to;
    LinkOptions options;
    std::uint64_t key = 0;       // of what is drawn for it
    std::uint64_t attempts = 0;  // to connect, from `from`
    MonoTime free_at{};          // when the way has sent what was given to it: bandwidth
    std::uint64_t queued = 0;    // bytes under way
    MonoTime latest{};           // arrival of the message that arrives last, and whose it is
    std::uint32_t latest_conn = 0;
    fiber::WaitList room, clogged;  // writers for the queue, attempts to connect
    std::vector<LinkFault> faults;
    LinkFault* find(LinkFault::Kind kind) {
        for (LinkFault& f : faults) {
            if (f.kind == kind) return &f;
        }
        return nullptr;
    }
};

// One direction of a connection.
struct Pipe {
    enum class Kind : std::uint8_t { data, end, reset };
    struct Segment {
        IoBuf data;
        std::uint64_t message = 0;
        Kind kind = Kind::data;
        std::uint64_t cause = 0;  // number of the event that sent it
    };
    std::vector<Segment> flying;  // from `head` on, in order
    std::size_t head = 0;
    std::uint64_t segments = 0;      // ever sent: what identifies the next one
    std::uint64_t unread = 0;        // bytes in `flying` and `arrived`
    std::uint64_t passed = 0;        // bytes that have arrived in all
    std::uint64_t last_message = 0;  // that has arrived
    IoBuf arrived;
    bool ended = false, reset = false;  // as the reader sees it
    bool write_shut = false;            // by the writer
    bool broken = false;                // the writer gave up inside a write
    bool lost = false;                  // what is sent vanishes and nobody is told
    FaultId lost_fault = kNoFault;
    std::uint32_t stalled = 0;  // segments that are due, but the way is cut
    Duration backoff{0};        // until the next retransmission; 0: nothing to retransmit
    MonoTime lost_since{};      // of what is retransmitted
    MonoTime last_due{};
    fiber::WaitList readers, writers;
    // Where the next Kafka frame begins, for the labels of messages. Lost track: UINT64_MAX.
    std::uint64_t sent = 0, next_frame = 0;
};

struct Conn {
    std::uint32_t id = 0;    // in the trace
    std::uint32_t slot = 0;  // in the table
    std::uint64_t key = 0;   // of what is drawn for it: who connected to whom, the how manyth time
    NodeId nodes[2];         // 0: who connected, 1: who accepted
    Host* hosts[2] = {};
    Link* links[2] = {};  // links[s]: from side s
    Endpoint ends[2];
    Pipe pipes[2];                        // pipes[s]: written by side s
    bool open[2] = {true, true};          // that side's Connection object exists
    bool black_hole[2] = {false, false};  // that side's machine lost power: what arrives vanishes
    std::uint32_t events = 0;             // of it that the driver still holds
    std::optional<std::uint64_t> cut_after;  // bytes of pipe `cut_side`, then reset
    int cut_side = 0;
    FaultId cut_fault = kNoFault;
    struct Asked {
        std::int32_t correlation;
        std::int16_t api;
    };
    static constexpr std::size_t kMostAsked = 256;  // more than a broker lets wait
    std::vector<Asked> asked;                       // requests without their answer, oldest first
};
}  // namespace faultline::sim
