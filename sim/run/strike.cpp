// What each kind of fault does to the world, and how it is undone.
#include <algorithm>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "sim/run/injector.h"

namespace faultline::sim {
namespace {

std::int16_t api_of(const std::string& word) {
    static const std::map<std::string, std::int16_t> words = {
        {"produce", 0}, {"fetch", 1}, {"list_offsets", 2}, {"metadata", 3}, {"create_topics", 19}};
    return words.at(word);
}

Fate fate_of(Unsynced unsynced) {
    switch (unsynced) {
        case Unsynced::keep: return Fate::kept;
        case Unsynced::drop: return Fate::dropped;
        case Unsynced::torn: return Fate::torn;
        case Unsynced::garbage: return Fate::garbage;
        case Unsynced::random: return Fate::random;
        case Unsynced::holes: return Fate::holes;
    }
    FL_UNREACHABLE();
}
}  // namespace

void Injector::strike(FaultId id) {
    const FaultSpec& f = faults_[id];
    State& state = states_[id];
    state.struck = state.active = true;
    state.nodes = roles_.resolve(f.nodes, draw(id, "nodes"));
    if (!f.to.empty()) {
        state.from = roles_.resolve(f.from, draw(id, "from"));
        state.to = roles_.resolve(f.to, draw(id, "to"));
    }
    switch (info(f.kind).group) {
        case FaultClass::process: strike_process(id); break;
        case FaultClass::network: strike_network(id); break;
        case FaultClass::disk:
            for (const NodeId node : state.nodes) strike_disk(id, node);
            break;
        case FaultClass::clock:
            for (const NodeId node : state.nodes) strike_clock(id, node);
            break;
        case FaultClass::operation: operate_(id, state.nodes); break;
        case FaultClass::count_: FL_UNREACHABLE();
    }
    other_fault(id, Trigger::Stage::strikes);
    if (f.duration) {
        world_.at(world_.now() + *f.duration, [this, id] { heal(id); });
    }
}

// --- who keeps a node as it is: sim/run/holds.h -------------------------------------------------

void Injector::start(NodeId node) {
    if (!holds_.any(node, Hold::down)) world_.start(node);
}

// Of a fault that came when another had done its work, and goes on when that one ends.
void Injector::takes_over(FaultId id, NodeId node, std::string_view what) {
    if (id != kNoFault && effects(id) == 0) world_.faults().effect(id, node, what);
}

void Injector::let_run(FaultId id, NodeId node) {
    const auto released = holds_.release(node, Hold::down, id);
    if (released.next) {
        takes_over(*released.next, node, "kept down");
    } else if (released.held) {
        world_.start(node);
    }
}

void Injector::pause(FaultId id, NodeId node) {
    if (!world_.running(node) || !holds_.take(node, Hold::paused, id)) return;
    world_.faults().effect(id, node, "stopped");
    world_.pause(node, faults_[id].clock_stands);
}

void Injector::resume(FaultId id, NodeId node) {
    const auto released = holds_.release(node, Hold::paused, id);
    if (!released.held) return;
    if (!released.next) return world_.resume(node);
    const FaultId next = *released.next;
    takes_over(next, node, "kept stopped");
    if (faults_[next].clock_stands == faults_[id].clock_stands) return;
    world_.resume(node);  // nothing runs in between
    world_.pause(node, faults_[next].clock_stands);
}

void Injector::thaw(FaultId id, NodeId node) {
    const auto released = holds_.release(node, Hold::frozen, id);
    if (released.next) {
        takes_over(*released.next, node, "the wall clock still stands");
    } else {
        world_.freeze_clock(node, false);
    }
}

// The drift that came last of those that last, or what the clock has of its own.
void Injector::end_drift(FaultId id, NodeId node) {
    const auto released = holds_.release(node, Hold::drift, id);
    std::int64_t ppm = 0;
    for (const NodeSpec& n : scenario_.cluster.nodes) {
        if (n.name == world_.name(node)) ppm = n.clock_drift_ppm;
    }
    world_.set_drift(node, released.next ? faults_[*released.next].ppm : ppm);
}

// An orderly stop; the node is started again when it has stopped, or killed when it does not.
// Unless another fault does so first.
void Injector::restart(NodeId node) {
    static constexpr Duration kStep = 10ms;
    constexpr int kPatience = 1000;
    world_.stop(node);
    const auto look = [this, node, life = lives_[node]](auto self, int left) -> void {
        if (lives_[node] != life) return;
        if (world_.running(node) && left > 0) {
            world_.at(world_.now() + kStep, [self, left] { self(self, left - 1); });
            return;
        }
        world_.crash(node);
        start(node);
    };
    look(look, kPatience);
}

void Injector::power_loss(FaultId id, std::size_t index) {
    const FaultSpec& f = faults_[id];
    const NodeId node = states_[id].nodes[index];
    holds_.take(node, Hold::down, id);
    if (world_.running(node)) world_.faults().effect(id, node, "power was lost");
    world_.lose_power(node, {fate_of(f.unsynced), f.drop_dir_entries, id});
}

void Injector::strike_process(FaultId id) {
    const FaultSpec& f = faults_[id];
    FaultLog& log = world_.faults();
    Rng times = draw(id, "within");
    for (std::size_t i = 0; i < states_[id].nodes.size(); ++i) {
        const NodeId node = states_[id].nodes[i];
        const bool ran = world_.running(node);
        switch (f.kind) {
            case FaultKind::crash:
                holds_.take(node, Hold::down, id);
                if (ran) log.effect(id, node, "killed");
                world_.crash(node);
                break;
            case FaultKind::wipe:
                holds_.take(node, Hold::down, id);
                if (ran || !world_.disk(node).names().empty())
                    log.effect(id, node, "killed, its disk emptied");
                world_.crash(node);
                world_.wipe_disk(node);
                break;
            case FaultKind::power_loss: {
                const Duration later =
                    f.within > 0ns ? Duration{static_cast<std::int64_t>(
                                         times.below(static_cast<std::uint64_t>(f.within.count())))}
                                   : 0ns;
                if (i == 0 || later == 0ns) {
                    power_loss(id, i);
                } else {
                    world_.at(world_.now() + later, [this, id, i] {
                        if (states_[id].active) power_loss(id, i);
                    });
                }
                break;
            }
            case FaultKind::pause: pause(id, node); break;
            default:  // restart, reconfigure
                if (ran) log.effect(id, node, "asked to stop and started again");
                if (f.kind == FaultKind::reconfigure) reconfigure_(node, f.config);
                restart(node);
        }
    }
}

template <class Fn>
void Injector::each_link(FaultId id, Fn fn) {
    const FaultSpec& f = faults_[id];
    // The others have no member `both`: they mean what goes from one side to the other.
    const bool both = f.both && f.kind != FaultKind::slow_link && f.kind != FaultKind::half_open;
    for (const NodeId a : states_[id].from) {
        for (const NodeId b : states_[id].to) {
            if (a == b) continue;
            fn(a, b);
            if (both) fn(b, a);
        }
    }
}

void Injector::strike_links(FaultId id) {
    const FaultSpec& f = faults_[id];
    SimNetwork& net = world_.network();
    each_link(id, [&](NodeId a, NodeId b) {
        switch (f.kind) {
            case FaultKind::partition: net.partition(a, b, id); break;
            case FaultKind::clog: net.clog(a, b, id); break;
            case FaultKind::silent_loss: net.silent_loss(a, b, id); break;
            case FaultKind::half_open: net.half_open(a, b, id); break;
            case FaultKind::slow_link: net.slow_link(a, b, f.by, f.bandwidth, id); break;
            case FaultKind::reorder: net.reorder(a, b, f.by, id); break;
            default: FL_UNREACHABLE();
        }
    });
}

void Injector::strike_network(FaultId id) {
    const FaultSpec& f = faults_[id];
    SimNetwork& net = world_.network();
    if (!f.to.empty()) return strike_links(id);
    for (const NodeId node : states_[id].nodes) {
        switch (f.kind) {
            case FaultKind::cut_each_byte:
                net.cut_each_byte(node, f.from_byte, f.to_byte, id,
                                  f.answers ? Direction::answers : Direction::requests);
                net.reset_all(node, kNoFault);  // those that are open come back and are cut
                break;
            case FaultKind::drop_response:
                net.drop_responses(node, api_of(f.api), f.times, id);
                break;
            case FaultKind::short_reads: net.short_reads(node, f.most, id); break;
            case FaultKind::short_writes: net.short_writes(node, f.most, id); break;
            case FaultKind::slow_reader: net.slow_reader(node, f.bandwidth, id); break;
            case FaultKind::reset: net.reset_all(node, id); break;
            case FaultKind::refuse: net.refuse(node, id); break;
            case FaultKind::dns_failure: net.dns_failure(node, id); break;
            default: FL_UNREACHABLE();
        }
    }
}

void Injector::strike_disk(FaultId id, NodeId node) {
    const FaultSpec& f = faults_[id];
    SimDisk& disk = world_.disk(node);
    switch (f.kind) {
        case FaultKind::sync_error: disk.fail_syncs(f.path, f.times, id); break;
        case FaultKind::read_error:
            disk.fail_io(DiskOp::read, f.path, 0, UINT64_MAX, f.times, id);
            break;
        case FaultKind::write_error:
            disk.fail_io(DiskOp::write, f.path, 0, UINT64_MAX, f.times, id);
            break;
        case FaultKind::disk_capacity: disk.set_capacity(f.bytes, id); break;
        case FaultKind::bit_rot: disk.flip_bit(f.path, f.at_byte, id, !world_.running(node)); break;
        case FaultKind::latent_sector: disk.break_sector(f.path, f.at_byte, id); break;
        case FaultKind::misdirected_write:
            disk.misdirect_writes(f.path, f.path_to, f.shift, f.times, id);
            break;
        case FaultKind::slow_disk: disk.set_slow(f.factor, id); break;
        case FaultKind::lying_sync: disk.lie_about_syncs(f.path, id); break;
        case FaultKind::hung_disk: disk.set_hung(id); break;
        case FaultKind::lose_log_dir: disk.lose_dir(f.path, id); break;
        default: FL_UNREACHABLE();
    }
}

void Injector::strike_clock(FaultId id, NodeId node) {
    const FaultSpec& f = faults_[id];
    switch (f.kind) {
        case FaultKind::clock_jump:
            world_.faults().effect(id, node, "the wall clock jumped");
            world_.jump_clock(node, f.by);
            break;
        case FaultKind::clock_drift:
            world_.faults().effect(id, node, "the clocks drift");
            holds_.take(node, Hold::drift, id);
            world_.set_drift(node, f.ppm);
            break;
        case FaultKind::clock_freeze:
            if (!holds_.take(node, Hold::frozen, id)) break;
            world_.faults().effect(id, node, "the wall clock stands");
            world_.freeze_clock(node, true);
            break;
        default: FL_UNREACHABLE();
    }
}

void Injector::heal(FaultId id) {
    if (!states_[id].active) return;
    states_[id].active = false;
    world_.network().end_fault(id);
    for (const NodeId node : states_[id].nodes) heal_node(id, node);
    world_.recorder().record(world_.now(), FaultHealed{id});
    other_fault(id, Trigger::Stage::heals);
}

void Injector::heal_node(FaultId id, NodeId node) {
    const FaultSpec& f = faults_[id];
    world_.disk(node).end_fault(id);
    switch (f.kind) {
        case FaultKind::crash:
        case FaultKind::wipe:
        case FaultKind::power_loss: let_run(id, node); break;
        case FaultKind::sync_error:  // a failed log directory comes back with a restart
        case FaultKind::read_error:
        case FaultKind::write_error:
        case FaultKind::latent_sector:
        case FaultKind::lose_log_dir:
            world_.crash(node);
            start(node);
            break;
        case FaultKind::pause: resume(id, node); break;
        case FaultKind::clock_jump: world_.jump_clock(node, -f.by); break;
        case FaultKind::clock_drift: end_drift(id, node); break;
        case FaultKind::clock_freeze: thaw(id, node); break;
        default: break;
    }
}
}  // namespace faultline::sim
