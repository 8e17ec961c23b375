// What can go wrong between nodes: where it is noted, and what it does to what is on its way.
#include <algorithm>

#include "core/base/assert.h"
#include "sim/world/sim_driver.h"
#include "sim/world/sim_network.h"

namespace faultline::sim {
namespace {
constexpr Duration kFirstRetransmission = 200ms, kLongestBackoff = 120s, kGiveUp = 15min;
}

// A draw of a fault for one event of one connection: whatever else happens, it is the same.
std::uint64_t SimNetwork::draw(FaultId fault, std::uint64_t who, std::uint64_t what) const {
    return mix64(seed_ ^ mix64(faults_.key(fault) ^ mix64(who ^ mix64(what))));
}

// --- messages ------------------------------------------------------------------------------------

// A segment is due; true when it does not arrive now.
bool SimNetwork::held_back(Conn& conn, int side) {
    Pipe& pipe = conn.pipes[side];
    Link& link = *conn.links[side];
    if (const LinkFault* clog = link.find(LinkFault::Kind::clog)) {
        ++pipe.stalled;
        faults_.effect(clog->fault, link.from, "bytes were held back");
        return true;
    }
    if (pipe.backoff > Duration{0}) {  // behind what is still to be sent again
        ++pipe.stalled;
        return true;
    }
    const LinkFault* partition = link.find(LinkFault::Kind::partition);
    if (partition == nullptr) return false;
    faults_.effect(partition->fault, link.from, "bytes were lost on the way");
    if (pipe.flying[pipe.head].kind == Pipe::Kind::reset) {
        (void)take(conn, side);  // TCP does not send a reset again
        return true;
    }
    ++pipe.stalled;
    pipe.backoff = kFirstRetransmission;
    pipe.lost_since = scheduler_.now();
    retransmit(conn, side);
    return true;
}

void SimNetwork::retransmit(Conn& conn, int side) {
    ++conn.events;
    driver_.at(scheduler_.now() + conn.pipes[side].backoff, &SimNetwork::retransmit_event, this,
               static_cast<std::uint64_t>(conn.slot) << 1 | static_cast<unsigned>(side),
               {conn.key + static_cast<unsigned>(side), conn.pipes[side].segments});
}

void SimNetwork::retransmit_event(void* self, std::uint64_t which) {
    auto& net = *static_cast<SimNetwork*>(self);
    Conn& conn = *net.table_[which >> 1];
    const int side = static_cast<int>(which & 1);
    Pipe& pipe = conn.pipes[side];
    --conn.events;
    const LinkFault* partition = conn.links[side]->find(LinkFault::Kind::partition);
    if (partition != nullptr && pipe.stalled > 0) {
        if (net.scheduler_.now() - pipe.lost_since >= kGiveUp) {
            net.faults_.effect(partition->fault, conn.nodes[side], "a sender gave up");
            pipe.backoff = Duration{0};
            net.drop_flying(conn, side, true);
            net.arrive_reset(conn, side);
        } else {
            pipe.backoff = std::min(pipe.backoff * 2, kLongestBackoff);
            net.retransmit(conn, side);
        }
    } else {
        pipe.backoff = Duration{0};
        for (std::uint32_t n = std::exchange(pipe.stalled, 0); n > 0; --n) net.deliver(conn, side);
    }
    if (!conn.open[0] && !conn.open[1]) net.forget_if_done(conn);
}

// A clog has ended: what it held arrives at one instant.
void SimNetwork::release(Link& link) {
    each_conn([&](Conn& conn) {
        for (const int side : {0, 1}) {
            Pipe& pipe = conn.pipes[side];
            if (conn.links[side] != &link || pipe.backoff > Duration{0}) continue;
            for (; pipe.stalled > 0; --pipe.stalled) schedule(conn, side, scheduler_.now());
        }
    });
    link.clogged.for_each([](fiber::Waiter& w) { w.wake(); });
}

// A slow link is fast again: what crawls along it arrives at once. The events of before find
// nothing, or what was sent since, a latency early.
void SimNetwork::hurry(Link& link) {
    each_conn([&](Conn& conn) {
        for (const int side : {0, 1}) {
            Pipe& pipe = conn.pipes[side];
            const MonoTime soon =
                driver_.arrival(scheduler_.now() + link.options.latency.draw(mix64(conn.key)));
            if (conn.links[side] != &link || pipe.last_due <= soon) continue;
            pipe.last_due = soon;
            const std::size_t flying = pipe.flying.size() - pipe.head;
            pipe.stalled = std::min(pipe.stalled, static_cast<std::uint32_t>(flying));
            for (std::size_t n = flying; n > pipe.stalled; --n) schedule(conn, side, soon);
        }
    });
}

MonoTime SimNetwork::hindered(Conn& conn, int side, std::uint64_t bytes, std::uint64_t drawn,
                              MonoTime due) {
    Link& link = *conn.links[side];
    bool reorders = false;
    FaultId reordering = kNoFault;
    for (LinkFault& f : link.faults) {
        if (f.kind == LinkFault::Kind::slow) {
            faults_.effect(f.fault, link.from, "bytes took longer");
            if (f.bandwidth > 0) {
                const auto takes = static_cast<std::int64_t>(bytes * 1'000'000'000 / f.bandwidth);
                f.free_at = std::max(f.free_at, scheduler_.now()) + Duration{takes};
                due = due + (f.free_at - scheduler_.now());
            }
            due = due + f.by;
        } else if (f.kind == LinkFault::Kind::reorder) {
            const auto span = static_cast<std::uint64_t>(f.by.count()) + 1;
            due = due + Duration{static_cast<std::int64_t>(draw(f.fault, drawn, 0) % span)};
            reorders = true;
            reordering = f.fault;
        }
    }
    if (!reorders) return due;
    const MonoTime arrives = std::max(due, conn.pipes[side].last_due);
    if (arrives < link.latest && link.latest_conn != conn.id)
        faults_.effect(reordering, link.from, "a message overtook one of another connection");
    if (arrives > link.latest) {
        link.latest = arrives;
        link.latest_conn = conn.id;
    }
    return due;
}

MonoTime SimNetwork::may_read_at(Conn& conn, int side) {
    MonoTime when{};
    for (const HostFault& f : conn.hosts[side]->faults) {
        if (f.kind != HostFault::Kind::slow_reader || f.free_at <= scheduler_.now()) continue;
        faults_.effect(f.fault, conn.nodes[side], "a reader was slow");
        when = std::max(when, f.free_at);
    }
    return when;
}

// How many of the n bytes that are there a read of side `side` gets.
std::size_t SimNetwork::bytes_of_read(Conn& conn, int side, std::size_t n) {
    // Keyed by the place in the stream.
    const Pipe& pipe = conn.pipes[1 - side];
    const std::uint64_t place = pipe.passed - pipe.arrived.size();
    for (HostFault& f : conn.hosts[side]->faults) {
        if (f.kind == HostFault::Kind::short_reads && n > 1) {
            const std::uint64_t drawn =
                draw(f.fault, conn.key + static_cast<unsigned>(side), place);
            const std::size_t got = std::min<std::size_t>(n, 1 + drawn % f.amount);
            if (got < n) faults_.effect(f.fault, conn.nodes[side], "a read was short");
            n = got;
        } else if (f.kind == HostFault::Kind::slow_reader) {
            n = std::min<std::size_t>(n, std::max<std::uint64_t>(1, f.amount / 10));
        }
    }
    for (HostFault& f : conn.hosts[side]->faults) {
        if (f.kind != HostFault::Kind::slow_reader) continue;
        const auto takes = static_cast<std::int64_t>(n * 1'000'000'000 / f.amount);
        f.free_at = std::max(f.free_at, scheduler_.now()) + Duration{takes};
    }
    return n;
}

// How many of n bytes leave as the next message.
std::uint64_t SimNetwork::bytes_of_write(Conn& conn, int side, std::uint64_t n) {
    for (const HostFault& f : conn.hosts[side]->faults) {
        if (f.kind != HostFault::Kind::short_writes || n <= 1) continue;
        const std::uint64_t drawn =
            draw(f.fault, conn.key + static_cast<unsigned>(side), conn.pipes[side].sent);
        const std::uint64_t piece = std::min(n, 1 + drawn % f.amount);
        if (piece < n) faults_.effect(f.fault, conn.nodes[side], "a write left in pieces");
        n = piece;
    }
    return n;
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

// --- what begins ---------------------------------------------------------------------------------

HostFault* SimNetwork::host_fault(NodeId node, HostFault::Kind kind) {
    for (HostFault& f : host(node).faults) {
        if (f.kind == kind) return &f;
    }
    return nullptr;
}

// A fault that strikes again at the same place takes the place of its former self.
void SimNetwork::replace(NodeId node, HostFault fault) {
    auto& faults = host(node).faults;
    std::erase_if(
        faults, [&](const HostFault& f) { return f.kind == fault.kind && f.fault == fault.fault; });
    faults.push_back(fault);
}

void SimNetwork::replace(NodeId from, NodeId to, LinkFault fault) {
    auto& faults = link(from, to).faults;
    std::erase_if(
        faults, [&](const LinkFault& f) { return f.kind == fault.kind && f.fault == fault.fault; });
    faults.push_back(fault);
}

void SimNetwork::partition(NodeId from, NodeId to, FaultId fault) {
    replace(from, to, {.kind = LinkFault::Kind::partition, .fault = fault});
}

void SimNetwork::clog(NodeId from, NodeId to, FaultId fault) {
    replace(from, to, {.kind = LinkFault::Kind::clog, .fault = fault});
}

void SimNetwork::slow_link(NodeId from, NodeId to, Duration longer, std::uint64_t bytes_per_second,
                           FaultId fault) {
    replace(from, to,
            {.kind = LinkFault::Kind::slow,
             .fault = fault,
             .by = longer,
             .bandwidth = bytes_per_second});
}

void SimNetwork::reorder(NodeId from, NodeId to, Duration by, FaultId fault) {
    replace(from, to, {.kind = LinkFault::Kind::reorder, .fault = fault, .by = by});
}

void SimNetwork::silent_loss(NodeId from, NodeId to, FaultId fault) {
    each_conn([&](Conn& conn) {
        for (const int side : {0, 1}) {
            Pipe& pipe = conn.pipes[side];
            if (conn.nodes[side] != from || conn.nodes[1 - side] != to || pipe.lost) continue;
            pipe.lost = true;
            pipe.lost_fault = fault;
        }
    });
}

void SimNetwork::half_open(NodeId told, NodeId deaf, FaultId fault) {
    each_conn([&](Conn& conn) {
        const int side = conn.nodes[0] == told ? 0 : 1;
        if (conn.nodes[side] != told || conn.nodes[1 - side] != deaf) return;
        if (!conn.open[0] || !conn.open[1] || conn.pipes[0].lost || conn.pipes[1].lost) return;
        for (Pipe& pipe : conn.pipes) {
            pipe.lost = true;
            pipe.lost_fault = fault;
        }
        faults_.effect(fault, told, "one end saw a reset, the other did not");
        recorder_.record(driver_.now(), ConnClosed{conn.id, told, true});
        arrive_reset(conn, side);
    });
}

void SimNetwork::slow_reader(NodeId node, std::uint64_t bytes_per_second, FaultId fault) {
    replace(node,
            {HostFault::Kind::slow_reader, fault, std::max<std::uint64_t>(1, bytes_per_second)});
}

void SimNetwork::short_reads(NodeId node, std::uint64_t most, FaultId fault) {
    FL_ASSERT(most > 0);
    replace(node, {HostFault::Kind::short_reads, fault, most});
}

void SimNetwork::short_writes(NodeId node, std::uint64_t most, FaultId fault) {
    FL_ASSERT(most > 0);
    replace(node, {HostFault::Kind::short_writes, fault, most});
}

void SimNetwork::refuse(NodeId node, FaultId fault) {
    replace(node, {HostFault::Kind::refuse, fault});
}

void SimNetwork::dns_failure(NodeId node, FaultId fault) {
    replace(node, {HostFault::Kind::no_name, fault});
}

void SimNetwork::cut_each_byte(NodeId node, std::uint32_t first, std::uint32_t last, FaultId fault,
                               Direction direction) {
    cuts_.push_back({node, first, last, fault, direction});
}

void SimNetwork::drop_responses(NodeId node, std::int16_t api, std::uint32_t times, FaultId fault) {
    drops_.push_back({node, api, times, fault});
}

void SimNetwork::reset_all(NodeId node, FaultId fault) {
    each_conn([&](Conn& conn) {
        const bool ours = conn.nodes[0] == node || conn.nodes[1] == node;
        if (!ours || !conn.open[0] || !conn.open[1]) return;
        faults_.effect(fault, node, "a connection was reset");
        reset_both(conn);
    });
}

// --- and ends ------------------------------------------------------------------------------------

void SimNetwork::end_fault(FaultId fault) {
    for (auto& [node, host] : hosts_)
        std::erase_if(host->faults, [&](const HostFault& f) { return f.fault == fault; });
    std::erase_if(cuts_, [&](const Cuts& c) { return c.fault == fault; });
    std::erase_if(drops_, [&](const Drops& d) { return d.fault == fault; });
    each_conn([&](Conn& conn) {
        if (conn.cut_fault == fault) conn.cut_after.reset();
    });
    for (auto& [ends, link] : links_) {
        const bool clogged = link->find(LinkFault::Kind::clog) != nullptr;
        const bool slow = link->find(LinkFault::Kind::slow) != nullptr;
        std::erase_if(link->faults, [&](const LinkFault& f) { return f.fault == fault; });
        if (clogged && link->find(LinkFault::Kind::clog) == nullptr) release(*link);
        if (slow && link->find(LinkFault::Kind::slow) == nullptr) hurry(*link);
    }
}

void SimNetwork::stop_faults() {
    for (auto& [node, host] : hosts_) host->faults.clear();
    cuts_.clear();
    drops_.clear();
    each_conn([](Conn& conn) { conn.cut_after.reset(); });
    for (auto& [ends, link] : links_) {
        const bool slow = link->find(LinkFault::Kind::slow) != nullptr;
        link->faults.clear();
        release(*link);
        if (slow) hurry(*link);
    }
}
}  // namespace faultline::sim
