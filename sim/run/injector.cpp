#include "sim/run/injector.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "sim/trace/fields.h"

namespace faultline::sim {
namespace {

// Place of an event's type in the table of a trace: core events first.
std::size_t event_place(const std::string& word) {
    std::size_t place = 0, found = SIZE_MAX;
    const auto look = [&]<class E>(std::type_identity<E>) {
        std::string dotted;
        for (const char c : EventInfo<E>::name) {
            const bool upper = c >= 'A' && c <= 'Z';
            if (upper && !dotted.empty()) dotted += '.';
            dotted += upper ? static_cast<char>(c - 'A' + 'a') : c;
        }
        if (dotted == word) found = place;
        ++place;
    };
    for_each_core_event(look);
    for_each_world_event(look);
    FL_ASSERT(found != SIZE_MAX);  // the parser knows the words
    return found;
}

DiskOp disk_op_of(const std::string& word) {
    static const std::map<std::string, DiskOp> words = {
        {"create", DiskOp::create}, {"write", DiskOp::write},   {"sync", DiskOp::sync},
        {"rename", DiskOp::rename}, {"remove", DiskOp::remove}, {"sync_dir", DiskOp::sync_dir}};
    return words.at(word);
}

bool is_in(const std::vector<NodeId>& nodes, NodeId node) {
    return std::ranges::find(nodes, node) != nodes.end();
}

// "orders-0" of "orders/0".
std::string dashed(std::string partition) {
    std::ranges::replace(partition, '/', '-');
    return partition;
}
}  // namespace

Injector::Injector(World& world, const Scenario& scenario, const Roles& roles,
                   Reconfigure reconfigure, Operate operate)
    : world_(world),
      scenario_(scenario),
      faults_(scenario.faults),
      roles_(roles),
      reconfigure_(std::move(reconfigure)),
      operate_(std::move(operate)),
      states_(scenario.faults.size()) {}

std::uint64_t Injector::effects(std::size_t fault) const {
    return world_.faults().effects(static_cast<FaultId>(fault));
}

// What a fault draws depends on its own id alone, so that taking away another changes nothing.
Rng Injector::draw(FaultId id, std::string_view what) const {
    return world_.rng("fault").fork(faults_[id].id).fork(what);
}

void Injector::arm() {
    for (FaultId id = 0; id < faults_.size(); ++id) {
        world_.faults().set_key(id, draw(id, "effects").next());
        world_.at(MonoTime{} + faults_[id].when.at, [this, id] { begin_waiting(id); });
    }
}

void Injector::begin_waiting(FaultId id) {
    if (over_) return;
    const FaultSpec& f = faults_[id];
    State& state = states_[id];
    world_.recorder().record(
        world_.now(),
        FaultArmed{id, world_.recorder().intern(fmt::format("{} {}", f.id, to_string(f.kind)))});
    switch (f.when.kind) {
        case Trigger::Kind::time: return trigger(id);
        case Trigger::Kind::disk:
            for (const NodeId node : roles_.resolve(f.nodes, draw(id, "nodes"))) {
                world_.disk(node).on_operation(disk_op_of(f.when.disk_op), f.when.disk_path,
                                               f.when.nth, [this, id] { trigger(id); });
            }
            return;
        case Trigger::Kind::event:
            state.event = event_place(f.when.event);
            state.left = f.when.nth;
            state.waiting = true;
            ++waiting_events_;
            return;
        case Trigger::Kind::after:
            state.left = f.when.nth;
            state.waiting = true;
            for (FaultId other = 0; other < faults_.size(); ++other) {  // may have been already
                if (faults_[other].id == f.when.after && f.when.stage == Trigger::Stage::strikes &&
                    states_[other].struck) {
                    other_fault(other, Trigger::Stage::strikes);
                }
            }
            return;
    }
}

// The trigger may come from a fiber of a node that is about to suffer: strike after it.
void Injector::trigger(FaultId id) {
    world_.at(world_.now() + faults_[id].when.plus, [this, id] {
        if (!over_ && !states_[id].struck) strike(id);
    });
}

void Injector::seen(std::size_t event, NodeId node, probe::PartitionKey partition) {
    for (FaultId id = 0; id < faults_.size(); ++id) {
        State& state = states_[id];
        if (!state.waiting || state.event != event) continue;
        const Trigger& when = faults_[id].when;
        if (!when.on.empty() && !is_in(roles_.resolve(when.on, draw(id, "on")), node)) {
            continue;
        }
        if (!when.partition.empty() &&
            world_.recorder().partition_name(partition) != dashed(when.partition)) {
            continue;
        }
        if (--state.left > 0) continue;
        state.waiting = false;
        --waiting_events_;
        trigger(id);
    }
}

void Injector::other_fault(FaultId other, Trigger::Stage stage) {
    for (FaultId id = 0; id < faults_.size(); ++id) {
        State& state = states_[id];
        const Trigger& when = faults_[id].when;
        if (!state.waiting || when.kind != Trigger::Kind::after || when.stage != stage) continue;
        if (when.after != faults_[other].id || --state.left > 0) continue;
        state.waiting = false;
        trigger(id);
    }
}

void Injector::on_probe(MonoTime, NodeId node, const probe::Event& event) {
    if (waiting_events_ == 0) return;
    probe::PartitionKey partition = 0;
    std::visit(
        [&](const auto& e) {
            if constexpr (requires { e.partition; }) partition = e.partition;
        },
        event);
    seen(event.index(), node, partition);
}

void Injector::on_sim(MonoTime, const SimEvent& event) {
    if (const auto* effect = std::get_if<FaultEffect>(&event)) {
        other_fault(effect->fault, Trigger::Stage::bites);
    } else if (const auto* started = std::get_if<NodeStarted>(&event)) {
        lives_[started->node] = started->incarnation;
        holds_.forget(started->node, Hold::paused);  // who was stopped is dead
    }
    if (waiting_events_ == 0) return;
    NodeId node{0};
    std::visit(
        [&](const auto& e) {
            if constexpr (requires { e.node; }) node = e.node;
        },
        event);
    seen(std::variant_size_v<probe::Event> + event.index(), node, 0);
}

void Injector::heal_all(const std::vector<NodeId>& core) {
    over_ = true;
    // A crash without restart_after ends here too.
    for (FaultId id = 0; id < faults_.size(); ++id) heal(id);
    world_.network().stop_faults();
    for (const NodeId node : roles_.controllers()) world_.start(node);
    for (const NodeId node : roles_.brokers()) {
        if (is_in(core, node)) {
            world_.start(node);
        } else {
            holds_.take(node, Hold::down, kNoFault);
            world_.crash(node);
        }
    }
}
}  // namespace faultline::sim
