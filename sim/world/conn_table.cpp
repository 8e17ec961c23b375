// Hosts, links and the connections between them: who is there, and until when.
#include <algorithm>

#include "core/base/assert.h"
#include "sim/world/sim_connection.h"
#include "sim/world/sim_driver.h"

namespace faultline::sim {

// --- hosts and links -----------------------------------------------------------------------------

void SimNetwork::add_host(NodeId node, std::string host) {
    auto fresh = std::make_unique<Host>();
    fresh->node = node;
    fresh->name = host;
    names_[std::move(host)] = fresh.get();
    hosts_[node] = std::move(fresh);
}

Host& SimNetwork::host(NodeId node) {
    const auto it = hosts_.find(node);
    FL_ASSERT(it != hosts_.end());
    return *it->second;
}

Link& SimNetwork::link(NodeId from, NodeId to) {
    std::unique_ptr<Link>& slot = links_[{from, to}];
    if (slot == nullptr) {
        slot = std::make_unique<Link>();
        slot->from = from;
        slot->to = to;
        const auto ends = static_cast<std::uint64_t>(static_cast<std::uint32_t>(from.v)) << 32 |
                          static_cast<std::uint32_t>(to.v);
        slot->key = mix64(seed_ ^ mix64(ends));
        slot->options = by_distance(*slot);
    }
    return *slot;
}

LinkOptions SimNetwork::by_distance(const Link& link) {
    const auto set = set_links_.find({link.from, link.to});
    if (set != set_links_.end()) return set->second;
    const Host &a = host(link.from), &b = host(link.to);
    if (a.dc != b.dc) return options_.distances.between_dcs;
    return a.rack != b.rack ? options_.distances.same_dc : options_.distances.same_rack;
}

void SimNetwork::place(NodeId node, std::string rack, std::string dc) {
    host(node).rack = std::move(rack);
    host(node).dc = std::move(dc);
    for (auto& [ends, link] : links_) {
        if (ends.first == node || ends.second == node) link->options = by_distance(*link);
    }
}

void SimNetwork::set_link(NodeId from, NodeId to, const LinkOptions& options) {
    set_links_[{from, to}] = options;
    link(from, to).options = options;
}

// --- machines ------------------------------------------------------------------------------------

void SimNetwork::process_died(NodeId node) {
    each_conn([&](Conn& conn) {
        for (const int side : {0, 1}) {
            if (conn.nodes[side] != node || !conn.open[side]) continue;
            conn.open[side] = false;
            send(conn, side, {.data = {}, .message = 0, .kind = Pipe::Kind::reset});
        }
    });
}

void SimNetwork::machine_died(NodeId node) {
    host(node).down = true;
    each_conn([&](Conn& conn) {
        for (const int side : {0, 1}) {
            if (conn.nodes[side] != node || conn.black_hole[side]) continue;
            conn.open[side] = false;
            conn.black_hole[side] = true;
            drop_flying(conn, side, true);  // what its network card had not sent
        }
        forget_if_done(conn);
    });
}

// --- connections ---------------------------------------------------------------------------------

SimNetwork::Listening* SimNetwork::find_listening(NodeId node, std::uint16_t port) {
    for (const auto& l : listening_) {
        if (l->node == node && l->port == port && !l->shares.empty()) return l.get();
    }
    return nullptr;
}

// Those of the system come round again, as they do everywhere.
std::uint16_t SimNetwork::next_port() {
    if (next_port_ < 40000) next_port_ = 40000;
    return next_port_++;
}

std::shared_ptr<Conn> SimNetwork::open_conn(std::uint64_t key, NodeId from,
                                            const Endpoint& from_end, Listening& to,
                                            const Endpoint& to_end) {
    auto conn = std::make_shared<Conn>();
    conn->id = next_conn_++;
    conn->key = key;
    conn->nodes[0] = from;
    conn->nodes[1] = to.node;
    conn->ends[0] = from_end;
    conn->ends[1] = to_end;
    for (const int side : {0, 1}) {
        conn->hosts[side] = &host(conn->nodes[side]);
        conn->links[side] = &link(conn->nodes[side], conn->nodes[1 - side]);
    }
    for (Cuts& c : cuts_) {
        if (c.node != to.node || c.next > c.last) continue;
        conn->cut_after = c.next++;
        conn->cut_fault = c.fault;
        conn->cut_side = c.direction == Direction::requests ? 0 : 1;
        break;
    }
    if (free_slots_.empty()) {
        conn->slot = static_cast<std::uint32_t>(table_.size());
        table_.push_back(conn);
    } else {
        conn->slot = free_slots_.back();
        free_slots_.pop_back();
        table_[conn->slot] = conn;
    }
    recorder_.record(driver_.now(), ConnOpened{conn->id, from, to.node});
    return conn;
}

// Both ends are gone and no event of it is to come. Objects of dead incarnations may still hold it.
void SimNetwork::forget_if_done(Conn& conn) {
    if (conn.open[0] || conn.open[1] || conn.events > 0) return;
    if (table_[conn.slot].get() != &conn) return;
    drop_flying(conn, 0, true);
    drop_flying(conn, 1, true);
    free_slots_.push_back(conn.slot);
    const std::shared_ptr<Conn> last = std::move(table_[conn.slot]);
    table_[conn.slot] = nullptr;
}
}  // namespace faultline::sim
