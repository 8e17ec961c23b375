#include "sim/run/injector.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace faultline::sim {
namespace {

DiskOp disk_op_of(const std::string& word) {
    static const std::map<std::string, DiskOp> words = {
        {"create", DiskOp::create}, {"write", DiskOp::write},   {"sync", DiskOp::sync},
        {"rename", DiskOp::rename}, {"remove", DiskOp::remove}, {"sync_dir", DiskOp::sync_dir}};
    return words.at(word);
}

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

Injector::Injector(World& world, const std::vector<FaultSpec>& faults,
                   std::map<std::string, NodeId> nodes)
    : world_(world), faults_(faults), nodes_(std::move(nodes)), active_(faults.size(), false) {}

std::uint64_t Injector::effects(std::size_t fault) const {
    return world_.faults().effects(static_cast<FaultId>(fault));
}

void Injector::arm() {
    for (FaultId id = 0; id < faults_.size(); ++id) {
        const Trigger& when = faults_[id].when;
        world_.at(MonoTime{} + when.at, [this, id] {
            const FaultSpec& f = faults_[id];
            if (over_) return;
            world_.recorder().record(
                world_.now(), FaultArmed{id, world_.recorder().intern(fmt::format(
                                                 "{} {} on {}", f.id, to_string(f.kind), f.node))});
            if (f.when.disk_op.empty()) return strike(id);
            // The operation runs in a fiber of the node that is about to suffer: strike after it.
            world_.disk(node_of(f.node))
                .on_operation(disk_op_of(f.when.disk_op), f.when.disk_path, f.when.nth, [this, id] {
                    world_.at(world_.now(), [this, id] {
                        if (!over_) strike(id);
                    });
                });
        });
    }
}

void Injector::strike(FaultId id) {
    const FaultSpec& f = faults_[id];
    const NodeId node = node_of(f.node);
    FaultLog& log = world_.faults();
    active_[id] = true;
    switch (f.kind) {
        case FaultKind::crash:
            if (world_.running(node)) log.effect(id, node, "killed");
            world_.crash(node);
            break;
        case FaultKind::power_loss:
            if (world_.running(node)) log.effect(id, node, "power was lost");
            world_.lose_power(node, {fate_of(f.unsynced), f.drop_dir_entries, id});
            break;
        case FaultKind::pause:
            if (world_.running(node)) log.effect(id, node, "stopped");
            world_.set_paused(node, true);
            break;
        case FaultKind::clock_jump:
            log.effect(id, node, "the wall clock jumped");
            world_.jump_clock(node, f.by);
            break;
        case FaultKind::cut_each_byte:
            world_.network().cut_each_byte(node, f.from_byte, f.to_byte, id,
                                           f.answers ? Direction::answers : Direction::requests);
            world_.network().reset_all(node,
                                       kNoFault);  // those that are open come back and are cut
            break;
        case FaultKind::drop_response:
            world_.network().drop_responses(node, api_of(f.api), f.times, id);
            break;
        case FaultKind::partition:
            world_.network().block(node, node_of(f.to), id);
            world_.network().block(node_of(f.to), node, id);
            break;
        case FaultKind::short_reads: world_.network().short_reads(node, f.most, id); break;
        case FaultKind::slow_link:
            world_.network().slow_link(node, node_of(f.to), f.by, 0, id);
            break;
        case FaultKind::reset: world_.network().reset_all(node, id); break;
        default: strike_disk(id, f, node);
    }
    if (f.duration) {
        world_.at(world_.now() + *f.duration, [this, id] { heal(id); });
    }
}

void Injector::strike_disk(FaultId id, const FaultSpec& f, NodeId node) {
    SimDisk& disk = world_.disk(node);
    switch (f.kind) {
        case FaultKind::sync_error: disk.fail_syncs(f.path, f.times, id); break;
        case FaultKind::disk_capacity: disk.set_capacity(f.bytes, id); break;
        case FaultKind::bit_rot: disk.flip_bit(f.path, f.at_byte, id); break;
        case FaultKind::slow_disk: disk.set_slow(f.factor, id); break;
        case FaultKind::lying_sync: disk.lie_about_syncs(f.path, id); break;
        case FaultKind::hung_disk: disk.set_hung(true, id); break;
        default: FL_UNREACHABLE();
    }
}

void Injector::heal(FaultId id) {
    if (!active_[id]) return;
    active_[id] = false;
    const FaultSpec& f = faults_[id];
    const NodeId node = node_of(f.node);
    SimDisk& disk = world_.disk(node);
    switch (f.kind) {
        case FaultKind::crash:
        case FaultKind::power_loss: world_.start(node); break;
        case FaultKind::sync_error:  // a failed log directory comes back with a restart
            world_.crash(node);
            world_.start(node);
            break;
        case FaultKind::pause: world_.set_paused(node, false); break;
        case FaultKind::disk_capacity: disk.set_capacity(disk.options().capacity, kNoFault); break;
        case FaultKind::slow_disk: disk.set_slow(1, kNoFault); break;
        case FaultKind::lying_sync: disk.lie_about_syncs("", kNoFault); break;
        case FaultKind::hung_disk: disk.set_hung(false, kNoFault); break;
        case FaultKind::short_reads: world_.network().short_reads(node, 0, kNoFault); break;
        case FaultKind::slow_link:
            world_.network().slow_link(node, node_of(f.to), 0s, 0, kNoFault);
            break;
        case FaultKind::clock_jump: world_.jump_clock(node, -f.by); break;
        case FaultKind::partition:
            world_.network().unblock(node, node_of(f.to));
            world_.network().unblock(node_of(f.to), node);
            break;
        case FaultKind::bit_rot:
        case FaultKind::reset:
        case FaultKind::cut_each_byte:
        case FaultKind::drop_response:
        case FaultKind::count_: return;
    }
    world_.recorder().record(world_.now(), FaultHealed{id});
}

void Injector::heal_all() {
    over_ = true;
    // A crash without restart_after ends here too.
    for (FaultId id = 0; id < faults_.size(); ++id) heal(id);
    world_.network().stop_faults();
}
}  // namespace faultline::sim
