// Byte streams between nodes, as TCP gives them: in order, reliable while both ends and the way
// between them live, with latency, bounded buffers, resets and half-open ends.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/env/net.h"
#include "core/fiber/sync.h"
#include "sim/trace/recorder.h"
#include "sim/world/faults.h"
#include "sim/world/incarnation.h"

namespace faultline::sim {

struct NetworkOptions {
    Duration latency_min = 200us, latency_max = 800us;  // one way
    std::uint64_t send_buffer = 256 * 1024;             // bytes under way or unread, one direction
};

// One direction of a connection.
struct Pipe {
    enum class Kind : std::uint8_t { data, end, reset };
    struct Segment {
        IoBuf data;
        std::uint64_t message = 0;
        Kind kind = Kind::data;
    };
    std::vector<Segment> flying;  // from `head` on, in order
    std::size_t head = 0;
    std::uint64_t unread = 0;        // bytes in `flying` and `arrived`
    std::uint64_t passed = 0;        // bytes that have arrived in all
    std::uint64_t last_message = 0;  // that has arrived
    IoBuf arrived;
    bool ended = false, reset = false;  // as the reader sees it
    bool write_shut = false;            // by the writer
    bool broken = false;                // the writer gave up inside a write
    std::uint32_t stalled = 0;          // segments that are due, but the way is cut
    MonoTime last_due{};
    fiber::WaitList readers, writers;
    // Where the next Kafka frame begins, for the labels of messages. Lost track: UINT64_MAX.
    std::uint64_t sent = 0, next_frame = 0;
};

struct Conn {
    std::uint32_t id = 0;
    NodeId nodes[2];  // 0: who connected, 1: who accepted
    Endpoint ends[2];
    Pipe pipes[2];                        // pipes[s]: written by side s
    bool open[2] = {true, true};          // that side's Connection object exists
    bool black_hole[2] = {false, false};  // that side's machine lost power: what arrives vanishes
    std::optional<std::uint64_t> cut_after;  // bytes of pipe `cut_side`, then reset
    int cut_side = 0;
    FaultId cut_fault = kNoFault;
    struct Asked {
        std::int32_t correlation;
        std::int16_t api;
    };
    std::vector<Asked> asked;  // requests without their answer
};

enum class Direction : std::uint8_t { requests, answers };  // from, to the side that connected

class SimNetwork {
public:
    SimNetwork(NetworkOptions options, Rng rng, SimDriver& driver, fiber::Scheduler& scheduler,
               Recorder& recorder, FaultLog& faults);
    ~SimNetwork();

    // The node's view of it. Its name is its host name.
    std::unique_ptr<Network> attach(std::shared_ptr<Incarnation> incarnation, std::string host);
    void add_host(NodeId node, std::string host) { hosts_[std::move(host)] = node; }

    // --- what can go wrong ------------------------------------------------------------------
    // The process is gone, the machine answers: every connection is reset.
    void process_died(NodeId node);
    // The machine is gone: peers hear nothing.
    void machine_died(NodeId node);
    // Up again: what still arrives for old connections is answered with a reset.
    void machine_up(NodeId node) { down_.erase(node); }
    // Nothing passes from `from` to `to` while blocked; it waits, as TCP would retransmit.
    void block(NodeId from, NodeId to, FaultId fault);
    void unblock(NodeId from, NodeId to);
    // The nth connection accepted by `node` from now on is reset after first + n bytes of its
    // client's stream, or of the answers, until `last`.
    void cut_each_byte(NodeId node, std::uint32_t first, std::uint32_t last, FaultId fault,
                       Direction direction = Direction::requests);
    // A read on `node` returns at most `most` bytes, often fewer. 0 ends it.
    void short_reads(NodeId node, std::uint32_t most, FaultId fault);
    // What goes from `from` to `to` takes so much longer, at most so many bytes a second (0: no
    // limit). Zero and zero end it.
    void slow_link(NodeId from, NodeId to, Duration longer, std::uint64_t bytes_per_second,
                   FaultId fault);
    // Attempts to connect to `node` are refused while on.
    void refuse(NodeId node, bool on, FaultId fault);
    // The next `times` answers of `node` to this API are lost, with their connections.
    void drop_responses(NodeId node, std::int16_t api, std::uint32_t times, FaultId fault);
    void reset_all(NodeId node, FaultId fault);
    // No more cuts and lost answers from now on. Connections that wait for their cut are spared.
    void stop_faults();

private:
    friend class SimConnection;
    friend class SimListener;
    friend class AttachedNetwork;
    struct Listening {
        NodeId node;
        std::uint16_t port;
        std::vector<class SimListener*> shares;  // one per shard; connections go round
        std::size_t turn = 0;
    };
    struct Cuts {
        NodeId node;
        std::uint32_t next, last;
        FaultId fault;
        Direction direction;
    };
    struct Slow {
        Duration longer;
        std::uint64_t bytes_per_second;
        FaultId fault;
        MonoTime free_at;  // when the link has sent what was given to it
    };
    struct Short {
        std::uint32_t most;
        FaultId fault;
    };
    struct Drops {
        NodeId node;
        std::int16_t api;
        std::uint32_t left;
        FaultId fault;
    };
    static void deliver_event(void* self, std::uint64_t pipe);
    void deliver(std::uint32_t conn, int side);
    void send(Conn& conn, int side, Pipe::Segment segment);
    void arrive_reset(Conn& conn, int side);
    void reset_both(Conn& conn);
    void cut(Conn& conn, int side, const Pipe::Segment& segment);
    MonoTime slowed(NodeId from, NodeId to, std::uint64_t bytes, MonoTime due);
    std::size_t shortened(const Conn& conn, int side, std::size_t n);
    bool label(Conn& conn, int side, const IoBuf& data, MessageSent& sent);
    bool dropped(Conn& conn, const MessageSent& sent);
    Duration latency(NodeId from, NodeId to);
    bool blocked(NodeId from, NodeId to) const;
    Conn& open_conn(NodeId from, const Endpoint& from_end, Listening& to, const Endpoint& to_end);
    Listening* find_listening(NodeId node, std::uint16_t port);

    NetworkOptions options_;
    Rng rng_;
    SimDriver& driver_;
    fiber::Scheduler& scheduler_;
    Recorder& recorder_;
    FaultLog& faults_;
    std::map<std::string, NodeId> hosts_;
    std::map<NodeId, bool> down_;
    std::vector<std::unique_ptr<Conn>> conns_;
    std::vector<std::unique_ptr<Listening>> listening_;
    std::map<std::pair<NodeId, NodeId>, FaultId> blocked_;
    std::map<std::pair<NodeId, NodeId>, Rng> link_rngs_;
    std::map<std::pair<NodeId, NodeId>, Slow> slow_;
    std::map<NodeId, Short> short_;
    std::map<NodeId, FaultId> refusing_;
    std::vector<Cuts> cuts_;
    std::vector<Drops> drops_;
    std::uint64_t messages_ = 0;
    std::uint16_t next_port_ = 40000;
};
}  // namespace faultline::sim
