#include "sim/world/sim_network.h"

#include <algorithm>

#include "core/base/assert.h"
#include "sim/world/sim_connection.h"
#include "sim/world/sim_driver.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kNoTrack = UINT64_MAX;
constexpr std::uint32_t kMaxFrame = 128U << 20;

std::uint32_t be32(const std::byte* p) {
    return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 |
           static_cast<std::uint32_t>(p[2]) << 8 | static_cast<std::uint32_t>(p[3]);
}
}  // namespace

SimNetwork::SimNetwork(NetworkOptions options, std::uint64_t seed, SimDriver& driver,
                       fiber::Scheduler& scheduler, Recorder& recorder, FaultLog& faults)
    : options_(options),
      seed_(seed),
      driver_(driver),
      scheduler_(scheduler),
      recorder_(recorder),
      faults_(faults) {}

SimNetwork::~SimNetwork() = default;

std::unique_ptr<Network> SimNetwork::attach(std::shared_ptr<Incarnation> incarnation,
                                            std::string host) {
    return std::make_unique<AttachedNetwork>(*this, std::move(incarnation), std::move(host));
}

// --- moving bytes ------------------------------------------------------------------------------

void SimNetwork::send(Conn& conn, int side, Pipe::Segment segment) {
    Pipe& pipe = conn.pipes[side];
    Link& link = *conn.links[side];
    const std::uint64_t size = segment.data.size();
    FL_INVARIANT(72, conn.open[side] || segment.kind == Pipe::Kind::reset);
    const std::uint64_t draw =
        mix64(conn.key ^ mix64(pipe.segments++ << 1 | static_cast<unsigned>(side)));
    MonoTime leaves = scheduler_.now();
    if (link.options.bandwidth > 0) {
        const auto takes = static_cast<std::int64_t>(size * 1'000'000'000 / link.options.bandwidth);
        leaves = link.free_at = std::max(link.free_at, leaves) + Duration{takes};
    }
    MonoTime due = leaves + link.options.latency.draw(draw);
    if (!link.faults.empty()) due = hindered(conn, side, size, draw, due);
    segment.cause = *scheduler_.context_word();
    pipe.unread += size;
    link.queued += size;
    pipe.flying.push_back(std::move(segment));
    pipe.last_due = std::max(pipe.last_due, driver_.arrival(due));  // a stream keeps its order
    schedule(conn, side, pipe.last_due);
}

// One more segment of the pipe is there at `due`.
void SimNetwork::schedule(Conn& conn, int side, MonoTime due) {
    ++conn.events;
    driver_.at(due, &SimNetwork::deliver_event, this,
               static_cast<std::uint64_t>(conn.slot) << 1 | static_cast<unsigned>(side),
               {conn.key + static_cast<unsigned>(side), conn.pipes[side].segments});
}

void SimNetwork::deliver_event(void* self, std::uint64_t pipe) {
    auto& net = *static_cast<SimNetwork*>(self);
    Conn& conn = *net.table_[pipe >> 1];
    --conn.events;
    net.deliver(conn, static_cast<int>(pipe & 1));
    if (!conn.open[0] && !conn.open[1]) net.forget_if_done(conn);
}

Pipe::Segment SimNetwork::take(Conn& conn, int side) {
    Pipe& pipe = conn.pipes[side];
    Pipe::Segment segment = std::move(pipe.flying[pipe.head++]);
    if (pipe.head == pipe.flying.size()) {
        pipe.flying.clear();
        pipe.head = 0;
    }
    Link& link = *conn.links[side];
    link.queued -= segment.data.size();
    if (!link.room.empty()) link.room.for_each([](fiber::Waiter& w) { w.wake(); });
    return segment;
}

void SimNetwork::deliver(Conn& conn, int side) {
    Pipe& pipe = conn.pipes[side];
    if (pipe.head == pipe.flying.size()) return;  // a reset overtook it
    const bool trouble = pipe.backoff > Duration{0} || !conn.links[side]->faults.empty();
    if (trouble && held_back(conn, side)) return;
    const Pipe::Segment segment = take(conn, side);
    recorder_.caused_by(segment.cause);
    const auto vanishes = [&] {
        if (segment.message != 0) recorder_.record(driver_.now(), MessageDropped{segment.message});
    };
    if (pipe.lost) {
        // Nobody acknowledges it: it stays in the sender's buffer for ever.
        vanishes();
        faults_.effect(pipe.lost_fault, conn.nodes[side], "bytes vanished without a word");
        return;
    }
    if (conn.black_hole[1 - side]) {
        // The other machine forgot this connection. Down: silence. Up again: it says so.
        vanishes();
        if (!conn.hosts[1 - side]->down && segment.kind != Pipe::Kind::reset)
            arrive_reset(conn, side);
        return;
    }
    if (segment.kind == Pipe::Kind::reset) return arrive_reset(conn, 1 - side);
    if (!conn.open[1 - side]) {
        // Nobody reads there any more: the answer is a reset.
        vanishes();
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
        pipe.arrived.append(segment.data);
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

// The reset that side `side` sees: its reads end after what has arrived, its writes fail.
void SimNetwork::arrive_reset(Conn& conn, int side) {
    Pipe& in = conn.pipes[1 - side];
    Pipe& out = conn.pipes[side];
    in.reset = true;
    out.broken = true;
    in.readers.for_each([](fiber::Waiter& w) { w.wake(); });
    out.writers.for_each([](fiber::Waiter& w) { w.wake(); });
}

// What is under way from `side` never arrives.
void SimNetwork::drop_flying(Conn& conn, int side, bool tell) {
    Pipe& pipe = conn.pipes[side];
    pipe.stalled = 0;
    while (pipe.head < pipe.flying.size()) {
        const std::uint64_t message = take(conn, side).message;
        if (tell && message != 0) recorder_.record(driver_.now(), MessageDropped{message});
    }
}

void SimNetwork::reset_both(Conn& conn) {
    drop_flying(conn, 0, true);
    drop_flying(conn, 1, true);
    recorder_.record(driver_.now(), ConnClosed{conn.id, conn.nodes[0], true});
    arrive_reset(conn, 0);
    arrive_reset(conn, 1);
}

// --- labels: which Kafka request or answer a message carries -------------------------------------

// Of the next n bytes of `data`, which is what the writer still has.
bool SimNetwork::label(Conn& conn, int side, const IoBuf& data, std::uint64_t n,
                       MessageSent& sent) {
    Pipe& pipe = conn.pipes[side];
    const std::uint64_t begin = pipe.sent;
    pipe.sent += n;
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
        if (conn.asked.size() == Conn::kMostAsked) {
            // A Produce with acks=0 has no answer, and stays.
            constexpr std::int16_t kProduce = 0;
            const auto unanswered = std::ranges::find(conn.asked, kProduce, &Conn::Asked::api);
            conn.asked.erase(unanswered == conn.asked.end() ? conn.asked.begin() : unanswered);
        }
        conn.asked.push_back({sent.correlation, sent.api_key});
        return true;
    }
    const auto it = std::ranges::find(conn.asked, sent.correlation, &Conn::Asked::correlation);
    if (it != conn.asked.end()) {
        sent.api_key = it->api;
        conn.asked.erase(it);
    }
    return true;
}
}  // namespace faultline::sim
