// Byte streams between nodes, as TCP gives them: in order, reliable while both ends and the way
// between them live, with latency, bounded buffers, resets and half-open ends.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "sim/trace/recorder.h"
#include "sim/world/conn.h"
#include "sim/world/incarnation.h"

namespace faultline::sim {

struct NetworkOptions {
    Distances distances;
    std::uint64_t send_buffer = 256 * 1024;  // bytes under way or unread, one direction
};

enum class Direction : std::uint8_t { requests, answers };  // from, to the side that connected

class SimNetwork {
public:
    SimNetwork(NetworkOptions options, std::uint64_t seed, SimDriver& driver,
               fiber::Scheduler& scheduler, Recorder& recorder, FaultLog& faults);
    ~SimNetwork();

    // --- who is there, and how far away -----------------------------------------------------
    // The node's view of it. Its name is its host name.
    std::unique_ptr<Network> attach(std::shared_ptr<Incarnation> incarnation, std::string host);
    void add_host(NodeId node, std::string host);
    // Where it stands. Equal names are one rack, one data centre; a rack's name counts within its
    // centre. Changes the links of the node that set_link() has not set.
    void place(NodeId node, std::string rack, std::string dc);
    // Of one direction, instead of what the distance gives.
    void set_link(NodeId from, NodeId to, const LinkOptions& options);
    const LinkOptions& link_options(NodeId from, NodeId to) { return link(from, to).options; }

    // --- life of machines -------------------------------------------------------------------
    // The process is gone, the machine answers: every connection is reset.
    void process_died(NodeId node);
    // The machine is gone: peers hear nothing.
    void machine_died(NodeId node);
    // Up again: what still arrives for old connections is answered with a reset.
    void machine_up(NodeId node) { host(node).down = false; }

    // --- what can go wrong: each lasts until end_fault() of its number, unless said otherwise.
    // Several may be on one link or node at a time. `from`, `to`: this direction only.
    // Nothing passes. What would have arrived is sent again by TCP, 200 ms later, then after twice
    // that time and so on up to two minutes; after a quarter of an hour the sender gives up.
    // Attempts to connect are repeated after 1, 2, 4... seconds.
    void partition(NodeId from, NodeId to, FaultId fault);
    // Everything is held, attempts to connect too; at its end all of it arrives at one instant.
    void clog(NodeId from, NodeId to, FaultId fault);
    // What the connections that are open now carry vanishes, for ever, and neither end is told:
    // their writers wait when the send buffer is full. New connections are sound.
    void silent_loss(NodeId from, NodeId to, FaultId fault);
    // The connections between them that are open now: `told` sees a reset, `deaf` never hears of
    // it, and nothing that it sends arrives. One that is so already stays as it is.
    void half_open(NodeId told, NodeId deaf, FaultId fault);
    // It takes so much longer, or has at most so many bytes a second (0: no limit).
    void slow_link(NodeId from, NodeId to, Duration longer, std::uint64_t bytes_per_second,
                   FaultId fault);
    // Messages take longer by anything up to `by`, so that those of different connections overtake
    // each other; inside a connection the order stays. An overtaking is an effect.
    void reorder(NodeId from, NodeId to, Duration by, FaultId fault);
    // `node` takes at most so many bytes a second from all its connections.
    void slow_reader(NodeId node, std::uint64_t bytes_per_second, FaultId fault);
    // A read on `node` returns at most `most` bytes, often fewer.
    void short_reads(NodeId node, std::uint64_t most, FaultId fault);
    // What `node` writes leaves in pieces of at most `most` bytes, often fewer.
    void short_writes(NodeId node, std::uint64_t most, FaultId fault);
    // Attempts to connect to `node` are refused.
    void refuse(NodeId node, FaultId fault);
    // The name of `node` does not resolve; connections that exist go on.
    void dns_failure(NodeId node, FaultId fault);
    // The nth connection accepted by `node` from now on is reset after first + n bytes of its
    // client's stream, or of the answers, until `last`.
    void cut_each_byte(NodeId node, std::uint32_t first, std::uint32_t last, FaultId fault,
                       Direction direction = Direction::requests);
    // The next `times` answers of `node` to this API are lost, with their connections.
    void drop_responses(NodeId node, std::int16_t api, std::uint32_t times, FaultId fault);
    // Once: every connection of the node.
    void reset_all(NodeId node, FaultId fault);

    void end_fault(FaultId fault);
    // Ends all of them. Connections that wait for their cut are spared; what silent_loss and
    // half_open did to a connection stays.
    void stop_faults();

    // Of connections that anything refers to, for tests.
    std::size_t connections() const { return table_.size() - free_slots_.size(); }

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
    struct Drops {
        NodeId node;
        std::int16_t api;
        std::uint32_t left;
        FaultId fault;
    };
    // sim_network.cpp: moving bytes
    static void deliver_event(void* self, std::uint64_t pipe);
    static void retransmit_event(void* self, std::uint64_t pipe);
    void deliver(Conn& conn, int side);
    void schedule(Conn& conn, int side, MonoTime due);
    void send(Conn& conn, int side, Pipe::Segment segment);
    Pipe::Segment take(Conn& conn, int side);
    void drop_flying(Conn& conn, int side, bool tell);
    void arrive_reset(Conn& conn, int side);
    void reset_both(Conn& conn);
    void cut(Conn& conn, int side, const Pipe::Segment& segment);
    bool label(Conn& conn, int side, const IoBuf& data, std::uint64_t n, MessageSent& sent);
    // conn_table.cpp: hosts, links, connections
    Host& host(NodeId node);
    Link& link(NodeId from, NodeId to);
    LinkOptions by_distance(const Link& link);
    std::shared_ptr<Conn> open_conn(std::uint64_t key, NodeId from, const Endpoint& from_end,
                                    Listening& to, const Endpoint& to_end);
    void forget_if_done(Conn& conn);
    Listening* find_listening(NodeId node, std::uint16_t port);
    std::uint16_t next_port();
    template <class Fn>  // fn(conn) for each connection of the table
    void each_conn(Fn fn) {
        for (std::size_t i = 0; i < table_.size(); ++i) {
            if (const std::shared_ptr<Conn> conn = table_[i]) fn(*conn);
        }
    }
    // network_faults.cpp
    bool held_back(Conn& conn, int side);
    void retransmit(Conn& conn, int side);
    void release(Link& link);
    void hurry(Link& link);
    MonoTime hindered(Conn& conn, int side, std::uint64_t bytes, std::uint64_t draw, MonoTime due);
    std::uint64_t draw(FaultId fault, std::uint64_t who, std::uint64_t what) const;
    // Until when side `side` must wait before its next read: now or earlier if it need not.
    MonoTime may_read_at(Conn& conn, int side);
    std::size_t bytes_of_read(Conn& conn, int side, std::size_t n);
    std::uint64_t bytes_of_write(Conn& conn, int side, std::uint64_t n);
    bool dropped(Conn& conn, const MessageSent& sent);
    HostFault* host_fault(NodeId node, HostFault::Kind kind);
    void replace(NodeId node, HostFault fault);
    void replace(NodeId from, NodeId to, LinkFault fault);

    NetworkOptions options_;
    std::uint64_t seed_;
    SimDriver& driver_;
    fiber::Scheduler& scheduler_;
    Recorder& recorder_;
    FaultLog& faults_;
    std::map<NodeId, std::unique_ptr<Host>> hosts_;
    std::map<std::string, Host*> names_;
    std::map<std::pair<NodeId, NodeId>, std::unique_ptr<Link>> links_;
    std::map<std::pair<NodeId, NodeId>, LinkOptions> set_links_;
    std::vector<std::shared_ptr<Conn>> table_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<std::unique_ptr<Listening>> listening_;
    std::vector<Cuts> cuts_;
    std::vector<Drops> drops_;
    std::uint64_t messages_ = 0;
    std::uint32_t next_conn_ = 0;
    std::uint16_t next_port_ = 40000;
};
}  // namespace faultline::sim
