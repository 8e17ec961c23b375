#include "sim/world/sim_network.h"

#include <algorithm>

#include "core/base/assert.h"
#include "sim/world/sim_connection.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kNoTrack = UINT64_MAX;
constexpr std::uint32_t kMaxFrame = 128U << 20;

std::uint32_t be32(const std::byte* p) {
    return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 |
           static_cast<std::uint32_t>(p[2]) << 8 | static_cast<std::uint32_t>(p[3]);
}
}  // namespace

SimNetwork::SimNetwork(NetworkOptions options, Rng rng, SimDriver& driver,
                       fiber::Scheduler& scheduler, Recorder& recorder, FaultLog& faults)
    : options_(options),
      rng_(rng),
      driver_(driver),
      scheduler_(scheduler),
      recorder_(recorder),
      faults_(faults) {}

SimNetwork::~SimNetwork() = default;

std::unique_ptr<Network> SimNetwork::attach(std::shared_ptr<Incarnation> incarnation,
                                            std::string host) {
    return std::make_unique<AttachedNetwork>(*this, std::move(incarnation), std::move(host));
}

bool SimNetwork::blocked(NodeId from, NodeId to) const {
    return !blocked_.empty() && blocked_.contains({from, to});
}

Duration SimNetwork::latency(NodeId from, NodeId to) {
    auto it = link_rngs_.find({from, to});
    if (it == link_rngs_.end()) {
        const auto label = static_cast<std::uint64_t>(static_cast<std::uint32_t>(from.v)) << 32 |
                           static_cast<std::uint32_t>(to.v);
        it = link_rngs_.emplace(std::pair{from, to}, rng_.fork(label)).first;
    }
    const auto spread =
        static_cast<std::uint64_t>((options_.latency_max - options_.latency_min).count());
    return options_.latency_min + Duration{static_cast<std::int64_t>(it->second.below(spread + 1))};
}

// --- moving bytes ------------------------------------------------------------------------------

void SimNetwork::send(Conn& conn, int side, Pipe::Segment segment) {
    Pipe& pipe = conn.pipes[side];
    const NodeId from = conn.nodes[side], to = conn.nodes[1 - side];
    FL_INVARIANT(72, conn.open[side] || segment.kind == Pipe::Kind::reset);
    MonoTime due = scheduler_.now() + latency(from, to);
    if (!slow_.empty()) due = slowed(from, to, segment.data.size(), due);
    pipe.unread += segment.data.size();
    pipe.flying.push_back(std::move(segment));
    pipe.last_due = std::max(pipe.last_due, due);  // a stream keeps its order
    driver_.at(pipe.last_due, &SimNetwork::deliver_event, this,
               static_cast<std::uint64_t>(conn.id) << 1 | static_cast<unsigned>(side));
}

void SimNetwork::deliver_event(void* self, std::uint64_t pipe) {
    static_cast<SimNetwork*>(self)->deliver(static_cast<std::uint32_t>(pipe >> 1),
                                            static_cast<int>(pipe & 1));
}

void SimNetwork::deliver(std::uint32_t id, int side) {
    Conn& conn = *conns_[id];
    Pipe& pipe = conn.pipes[side];
    if (pipe.head == pipe.flying.size()) return;  // a reset overtook it
    const NodeId from = conn.nodes[side], to = conn.nodes[1 - side];
    if (blocked(from, to)) {
        ++pipe.stalled;
        faults_.effect(blocked_[{from, to}], from, "bytes were held back");
        return;
    }
    Pipe::Segment segment = std::move(pipe.flying[pipe.head++]);
    if (pipe.head == pipe.flying.size()) {
        pipe.flying.clear();
        pipe.head = 0;
    }
    if (conn.black_hole[1 - side]) {
        // The other machine forgot this connection. Down: silence. Up again: it says so.
        if (segment.message != 0) recorder_.record(driver_.now(), MessageDropped{segment.message});
        if (!down_.contains(to) && segment.kind != Pipe::Kind::reset) arrive_reset(conn, side);
        return;
    }
    if (segment.kind == Pipe::Kind::reset) return arrive_reset(conn, 1 - side);
    if (!conn.open[1 - side]) {
        // Nobody reads there any more: the answer is a reset.
        if (segment.message != 0) recorder_.record(driver_.now(), MessageDropped{segment.message});
        if (segment.kind == Pipe::Kind::data) arrive_reset(conn, side);
        return;
    }
    if (segment.kind == Pipe::Kind::end) {
        pipe.ended = true;
    } else {
        const std::uint64_t size = segment.data.size();
        FL_INVARIANT(71, segment.message > pipe.last_message && pipe.passed + size <= pipe.sent);
        pipe.last_message = segment.message;
        if (conn.cut_after && side == conn.cut_side && pipe.passed + size > *conn.cut_after) {
            return cut(conn, side, segment);
        }
        recorder_.record(driver_.now(),
                         MessageDelivered{segment.message, static_cast<std::uint32_t>(size), true});
        pipe.passed += size;
        pipe.arrived.append(std::move(segment.data));
    }
    if (!pipe.readers.empty()) pipe.readers.pop_front().wake();
}

// Only what comes before the cut arrives of this message.
void SimNetwork::cut(Conn& conn, int side, const Pipe::Segment& segment) {
    Pipe& pipe = conn.pipes[side];
    const std::uint64_t size = *conn.cut_after - pipe.passed;
    pipe.arrived.append(segment.data.sub(0, size));
    pipe.passed += size;
    recorder_.record(driver_.now(),
                     MessageDelivered{segment.message, static_cast<std::uint32_t>(size), false});
    faults_.effect(conn.cut_fault, conn.nodes[1 - side], "a connection was cut inside a frame");
    conn.cut_after.reset();
    reset_both(conn);
}

MonoTime SimNetwork::slowed(NodeId from, NodeId to, std::uint64_t bytes, MonoTime due) {
    const auto it = slow_.find({from, to});
    if (it == slow_.end()) return due;
    Slow& slow = it->second;
    faults_.effect(slow.fault, from, "bytes took longer");
    if (slow.bytes_per_second > 0) {
        const auto takes = static_cast<std::int64_t>(bytes * 1'000'000'000 / slow.bytes_per_second);
        const MonoTime begin = std::max(slow.free_at, scheduler_.now());
        slow.free_at = begin + Duration{takes};
        due = due + (slow.free_at - scheduler_.now());
    }
    return due + slow.longer;
}

// How many of the n bytes that are there a read of side `side` gets.
std::size_t SimNetwork::shortened(const Conn& conn, int side, std::size_t n) {
    const auto it = short_.find(conn.nodes[side]);
    if (it == short_.end() || n <= 1) return n;
    const Pipe& pipe = conn.pipes[1 - side];
    // Keyed by the place in the stream.
    const std::uint64_t place = pipe.passed - pipe.arrived.size();
    const std::uint64_t draw = mix64(place ^ mix64(std::uint64_t{conn.id} << 1 | (side & 1)));
    const std::size_t got = std::min<std::size_t>(n, 1 + draw % it->second.most);
    if (got < n) faults_.effect(it->second.fault, conn.nodes[side], "a read was short");
    return got;
}

// The reset that side `side` sees: its reads end after what has arrived, its writes fail.
void SimNetwork::arrive_reset(Conn& conn, int side) {
    Pipe& in = conn.pipes[1 - side];
    Pipe& out = conn.pipes[side];
    in.reset = true;
    out.broken = true;
    in.readers.for_each([](fiber::Waiter& w) { w.wake(); });
    out.writers.for_each([](fiber::Waiter& w) { w.wake(); });
}

void SimNetwork::reset_both(Conn& conn) {
    for (Pipe& pipe : conn.pipes) {
        for (std::size_t i = pipe.head; i < pipe.flying.size(); ++i) {
            if (pipe.flying[i].message == 0) continue;
            recorder_.record(driver_.now(), MessageDropped{pipe.flying[i].message});
        }
        pipe.flying.clear();
        pipe.head = 0;
        pipe.stalled = 0;
    }
    recorder_.record(driver_.now(), ConnClosed{conn.id, conn.nodes[0], true});
    arrive_reset(conn, 0);
    arrive_reset(conn, 1);
}

// --- labels: which Kafka request or answer a message carries -------------------------------------

bool SimNetwork::label(Conn& conn, int side, const IoBuf& data, MessageSent& sent) {
    Pipe& pipe = conn.pipes[side];
    const std::uint64_t begin = pipe.sent;
    pipe.sent += data.size();
    if (pipe.next_frame != begin) {
        if (pipe.next_frame < pipe.sent) pipe.next_frame = kNoTrack;  // a frame begins inside
        return false;
    }
    std::byte head[12];
    const std::size_t need = side == 0 ? 12 : 8;
    if (data.size() < need) {
        pipe.next_frame = kNoTrack;
        return false;
    }
    data.copy_out(0, {head, need});
    const std::uint32_t size = be32(head);
    if (size < need - 4 || size > kMaxFrame) {
        pipe.next_frame = kNoTrack;
        return false;
    }
    pipe.next_frame = begin + 4 + size;
    if (pipe.next_frame < pipe.sent) pipe.next_frame = kNoTrack;
    sent.response = side == 1;
    sent.correlation = static_cast<std::int32_t>(be32(head + need - 4));
    if (side == 0) {
        sent.api_key = static_cast<std::int16_t>(be32(head + 4) >> 16);
        if (conn.asked.size() < 64) conn.asked.push_back({sent.correlation, sent.api_key});
        return true;
    }
    const auto it = std::ranges::find(conn.asked, sent.correlation, &Conn::Asked::correlation);
    if (it != conn.asked.end()) {
        sent.api_key = it->api;
        conn.asked.erase(it);
    }
    return true;
}

bool SimNetwork::dropped(Conn& conn, const MessageSent& sent) {
    if (!sent.response) return false;
    for (Drops& d : drops_) {
        if (d.left == 0 || d.node != conn.nodes[1] || d.api != sent.api_key) continue;
        --d.left;
        faults_.effect(d.fault, d.node, "an answer was lost with its connection");
        return true;
    }
    return false;
}

// --- faults ------------------------------------------------------------------------------------

void SimNetwork::process_died(NodeId node) {
    for (const auto& conn : conns_) {
        for (const int side : {0, 1}) {
            if (conn->nodes[side] != node || !conn->open[side]) continue;
            conn->open[side] = false;
            send(*conn, side, {.data = {}, .message = 0, .kind = Pipe::Kind::reset});
        }
    }
}

void SimNetwork::machine_died(NodeId node) {
    down_[node] = true;
    for (const auto& conn : conns_) {
        for (const int side : {0, 1}) {
            if (conn->nodes[side] != node || conn->black_hole[side]) continue;
            conn->open[side] = false;
            conn->black_hole[side] = true;
            conn->pipes[side].flying.clear();  // what its network card had not sent
            conn->pipes[side].head = 0;
            conn->pipes[side].stalled = 0;
        }
    }
}

void SimNetwork::block(NodeId from, NodeId to, FaultId fault) { blocked_[{from, to}] = fault; }

void SimNetwork::unblock(NodeId from, NodeId to) {
    blocked_.erase({from, to});
    for (const auto& conn : conns_) {
        for (const int side : {0, 1}) {
            if (conn->nodes[side] != from || conn->nodes[1 - side] != to) continue;
            const MonoTime due = scheduler_.now() + latency(from, to);
            for (; conn->pipes[side].stalled > 0; --conn->pipes[side].stalled) {
                driver_.at(due, &SimNetwork::deliver_event, this,
                           static_cast<std::uint64_t>(conn->id) << 1 | static_cast<unsigned>(side));
            }
        }
    }
}

void SimNetwork::cut_each_byte(NodeId node, std::uint32_t first, std::uint32_t last, FaultId fault,
                               Direction direction) {
    cuts_.push_back({node, first, last, fault, direction});
}

void SimNetwork::short_reads(NodeId node, std::uint32_t most, FaultId fault) {
    if (most == 0) {
        short_.erase(node);
    } else {
        short_[node] = {most, fault};
    }
}

void SimNetwork::slow_link(NodeId from, NodeId to, Duration longer, std::uint64_t bytes_per_second,
                           FaultId fault) {
    if (longer == Duration{0} && bytes_per_second == 0) {
        slow_.erase({from, to});
    } else {
        slow_[{from, to}] = {longer, bytes_per_second, fault, {}};
    }
}

void SimNetwork::refuse(NodeId node, bool on, FaultId fault) {
    if (on) {
        refusing_[node] = fault;
    } else {
        refusing_.erase(node);
    }
}

void SimNetwork::drop_responses(NodeId node, std::int16_t api, std::uint32_t times, FaultId fault) {
    drops_.push_back({node, api, times, fault});
}

void SimNetwork::reset_all(NodeId node, FaultId fault) {
    for (const auto& conn : conns_) {
        const bool ours = conn->nodes[0] == node || conn->nodes[1] == node;
        if (!ours || !conn->open[0] || !conn->open[1]) continue;
        faults_.effect(fault, node, "a connection was reset");
        reset_both(*conn);
    }
}

void SimNetwork::stop_faults() {
    cuts_.clear();
    drops_.clear();
    short_.clear();
    slow_.clear();
    refusing_.clear();
    for (const auto& conn : conns_) conn->cut_after.reset();
}

// --- opening -----------------------------------------------------------------------------------

SimNetwork::Listening* SimNetwork::find_listening(NodeId node, std::uint16_t port) {
    for (const auto& l : listening_) {
        if (l->node == node && l->port == port && !l->shares.empty()) return l.get();
    }
    return nullptr;
}

Conn& SimNetwork::open_conn(NodeId from, const Endpoint& from_end, Listening& to,
                            const Endpoint& to_end) {
    auto conn = std::make_unique<Conn>();
    conn->id = static_cast<std::uint32_t>(conns_.size());
    conn->nodes[0] = from;
    conn->nodes[1] = to.node;
    conn->ends[0] = from_end;
    conn->ends[1] = to_end;
    for (Cuts& c : cuts_) {
        if (c.node != to.node || c.next > c.last) continue;
        conn->cut_after = c.next++;
        conn->cut_fault = c.fault;
        conn->cut_side = c.direction == Direction::requests ? 0 : 1;
        break;
    }
    conns_.push_back(std::move(conn));
    recorder_.record(driver_.now(), ConnOpened{conns_.back()->id, from, to.node});
    return *conns_.back();
}
}  // namespace faultline::sim
