#include "runtime/faultline/real_faults.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/assert.h"

namespace faultline::binary {
using sim::FaultId;
using sim::FaultKind;
using sim::FaultSpec;
using sim::Hold;
using sim::Trigger;

namespace {
constexpr Duration kGlance = 2ms;

bool kafka_cannot(FaultKind kind) { return kind == FaultKind::power_loss; }

bool possible(FaultKind kind) {
    return kind == FaultKind::crash || kind == FaultKind::pause || kind == FaultKind::restart ||
           kind == FaultKind::partition || kind == FaultKind::power_loss;
}

// What the tool's power cut calls it (tests/support/power_cut).
std::string_view writes_word(sim::Unsynced unsynced) {
    switch (unsynced) {
        case sim::Unsynced::keep: return "keep";
        case sim::Unsynced::drop: return "drop";
        case sim::Unsynced::torn: return "torn";
        default: return "random";
    }
}

// A single client among several: all of them stand in one process and have one address.
bool names_a_client(const sim::Scenario& s, const std::vector<std::string>& selectors) {
    const auto is = [&](const std::string& id) {
        return std::ranges::find(selectors, id) != selectors.end();
    };
    return s.producers.size() + s.consumers.size() + s.admins.size() > 1 &&
           (std::ranges::any_of(s.producers, [&](const auto& p) { return is(p.id); }) ||
            std::ranges::any_of(s.consumers, [&](const auto& c) { return is(c.id); }) ||
            std::ranges::any_of(s.admins, [&](const auto& a) { return is(a.id); }));
}

bool names_the_controller(const FaultSpec& f) {
    const auto names = [](const std::vector<std::string>& selectors) {
        return std::ranges::find(selectors, "controller") != selectors.end();
    };
    return names(f.nodes) || names(f.from) || names(f.to);
}

std::optional<std::string> beyond(const sim::Scenario& s, const FaultSpec& f,
                                  const std::string& world) {
    if (!possible(f.kind) || (world == "kafka" && kafka_cannot(f.kind))) {
        return fmt::format(
            "{} is for the simulated world; --world {} has crash, pause, restart, partition{}",
            to_string(f.kind), world, world == "kafka" ? "" : ", power_loss");
    }
    if (f.when.kind == Trigger::Kind::disk || f.when.kind == Trigger::Kind::event) {
        return fmt::format(
            "it waits for an event inside a node, which nobody sees; --world {} has at, after and "
            "plus",
            world);
    }
    if (f.clock_stands) return "the clock of a stopped process runs on; leave clock_stands out";
    if (names_the_controller(f)) {
        return "clients are not told who the active controller is; name a node, or leader(TOPIC,P)";
    }
    if (names_a_client(s, f.from) || names_a_client(s, f.to)) {
        return "all clients stand at one place; name `clients`, not one of them";
    }
    return std::nullopt;
}
}  // namespace

namespace {
bool is_false(const std::map<std::string, std::string>& config, const std::string& key) {
    const auto it = config.find(key);
    return it != config.end() && it->second == "false";
}

// Is something acknowledged that a power loss may take? Only the simulator sees what it took.
bool promises_less(const sim::Scenario& s) {
    return is_false(s.cluster.config, "log.flush.before.ack") ||
           std::ranges::any_of(
               s.cluster.topics,
               [](const auto& t) { return is_false(t.config, "flush.before.ack"); }) ||
           std::ranges::any_of(s.producers,
                               [](const auto& p) { return p.acks == sim::Acks::leader; });
}
}  // namespace

std::optional<std::string> beyond_real_world(const sim::Scenario& s, const std::string& world) {
    for (std::size_t i = 0; i < s.faults.size(); ++i) {
        if (const auto why = beyond(s, s.faults[i], world))
            return fmt::format("/faults/{} ({}): {}", i, s.faults[i].id, *why);
    }
    if (needs_power_cut(s) && promises_less(s)) {
        return "a power loss may take what was acknowledged without promising to survive it, and "
               "nobody sees here what it "
               "took; leave out acks 1 and flush.before.ack=false, or use sim run";
    }
    if (s.cluster.controllers > 0) {
        return fmt::format(
            "/cluster/controllers: --world {} starts nodes that are both; leave it out", world);
    }
    if (s.liveness.core != sim::LivenessSpec{}.core) {
        return fmt::format("/liveness/core: --world {} heals everything; leave it out", world);
    }
    return std::nullopt;
}

bool needs_power_cut(const sim::Scenario& s) {
    return std::ranges::any_of(s.faults,
                               [](const FaultSpec& f) { return f.kind == FaultKind::power_loss; });
}

RealFaults::RealFaults(const sim::Scenario& scenario, World world)
    : scenario_(scenario), world_(world), states_(scenario.faults.size()) {}

void RealFaults::arm(fiber::Group& group) {
    group_ = &group;
    for (const NodeId node : world_.roles.brokers()) {
        started(node);
        ready(node);
    }
    for (FaultId id = 0; id < states_.size(); ++id) {
        group.spawn({.name = "fault"}, [this, id](fiber::StopToken stop) { run(id, stop); });
    }
}

// False when it never comes.
bool RealFaults::wait(FaultId id, fiber::StopToken stop) {
    const FaultSpec& f = scenario_.faults[id];
    const auto sleep = [&](MonoTime until) {
        return world_.env.fibers.sleep_until({until}, stop) != fiber::Wake::cancelled;
    };
    if (!sleep(world_.start + f.when.at)) return false;
    record(
        sim::FaultArmed{id, world_.recorder.intern(fmt::format("{} {}", f.id, to_string(f.kind)))});
    if (f.when.kind == Trigger::Kind::after) {
        const auto other = std::ranges::find(scenario_.faults, f.when.after, &FaultSpec::id);
        FL_ASSERT(other != scenario_.faults.end());  // the parser has looked
        const State& state = states_[static_cast<std::size_t>(other - scenario_.faults.begin())];
        const bool heals = f.when.stage == Trigger::Stage::heals;
        // To bite is to strike: nothing comes in between that could be seen from here.
        while (heals ? !state.healed : !state.struck) {
            if (!sleep(world_.env.clock.in(kGlance).at)) return false;
        }
    }
    return sleep(world_.env.clock.in(f.when.plus).at);
}

void RealFaults::run(FaultId id, fiber::StopToken stop) {
    if (!wait(id, stop)) return;
    strike(id);
    const FaultSpec& f = scenario_.faults[id];
    if (!f.duration) return;
    const MonoTime over = world_.env.clock.in(*f.duration).at;
    if (world_.env.fibers.sleep_until({over}, stop) != fiber::Wake::cancelled) heal(id);
}

std::vector<NodeId> RealFaults::resolve(FaultId id, const std::vector<std::string>& selectors,
                                        std::string_view what) const {
    return world_.roles.resolve(
        selectors, Rng(world_.seed).fork("fault").fork(scenario_.faults[id].id).fork(what));
}

void RealFaults::strike(FaultId id) {
    const FaultSpec& f = scenario_.faults[id];
    State& state = states_[id];
    if (f.kind == FaultKind::partition) {
        partition(id);
    } else {
        state.nodes = resolve(id, f.nodes, "nodes");
        if (f.kind == FaultKind::power_loss) power_loss(id);
        for (const NodeId node : state.nodes) {
            if (f.kind == FaultKind::crash) crash(id, node);
            if (f.kind == FaultKind::pause) pause(id, node);
            if (f.kind == FaultKind::restart) restart(id, node);
        }
    }
    state.struck = true;
}

void RealFaults::effect(FaultId id, NodeId node, const std::string& what) {
    ++states_[id].effects;
    record(sim::FaultEffect{id, node, world_.recorder.intern(what)});
}

bool RealFaults::ask(NodeId node, const std::string& words) {
    const auto answer = world_.tool.ask(world_.env, words);
    if (!answer.ok())
        record(sim::Note{node, world_.recorder.intern(fmt::format("{}: {}", words, answer.text))});
    return answer.ok();
}

void RealFaults::down(NodeId node, bool power) {
    dead_.insert(node);
    paused_.erase(node);
    holds_.forget(node, Hold::paused);
    record(sim::NodeCrashed{node, power});
}

void RealFaults::started(NodeId node) {
    dead_.erase(node);
    record(sim::NodeStarted{node, incarnations_[node]++});
}

void RealFaults::ready(NodeId node) { world_.recorder.on(now(), node, probe::BrokerReady{0}); }

void RealFaults::launch(NodeId node) {
    if (holds_.any(node, Hold::down) || !ask(node, fmt::format("launch {}", node.v))) return;
    started(node);
    group_->spawn({.name = "node"}, [this, node, life = incarnations_[node]](fiber::StopToken) {
        // Not when another fault was faster.
        const bool answers = world_.tool.ask(world_.env, fmt::format("wait {}", node.v)).ok();
        if (answers && incarnations_[node] == life && !dead_.contains(node)) ready(node);
    });
}

void RealFaults::crash(FaultId id, NodeId node) {
    if (!holds_.take(node, Hold::down, id) || dead_.contains(node)) return;
    if (!ask(node, fmt::format("kill {}", node.v))) return;
    down(node, false);
    effect(id, node, "kill -9");
}

void RealFaults::pause(FaultId id, NodeId node) {
    if (dead_.contains(node) || !holds_.take(node, Hold::paused, id)) return;
    if (!ask(node, fmt::format("pause {}", node.v))) return;
    paused_.insert(node);
    record(sim::NodePaused{node, true});
    effect(id, node, "SIGSTOP");
}

void RealFaults::restart(FaultId id, NodeId node) {
    if (dead_.contains(node) || !ask(node, fmt::format("stop {}", node.v))) return;
    paused_.erase(node);
    dead_.insert(node);
    record(sim::NodeStopped{node, true});
    effect(id, node, "SIGTERM");
    launch(node);
}

// Of all its nodes at once.
void RealFaults::power_loss(FaultId id) {
    const FaultSpec& f = scenario_.faults[id];
    std::vector<int> numbers;
    for (const NodeId node : states_[id].nodes) {
        holds_.take(node, Hold::down, id);
        if (!dead_.contains(node)) numbers.push_back(node.v);
    }
    const std::string names = f.drop_dir_entries                    ? "drop"
                              : f.unsynced == sim::Unsynced::random ? "random"
                                                                    : "keep";
    if (numbers.empty() ||
        !ask(states_[id].nodes.front(),
             fmt::format("power {} --seed {} --writes {} --names {}", fmt::join(numbers, " "),
                         world_.seed % 1'000'000, writes_word(f.unsynced), names))) {
        return;
    }
    for (const int number : numbers) {
        down(NodeId{number}, true);
        effect(id, NodeId{number}, "power was lost");
    }
}

std::int32_t RealFaults::place(NodeId node) const {
    const auto& brokers = world_.roles.brokers();
    return std::ranges::find(brokers, node) == brokers.end() ? 0 : node.v;
}

bool RealFaults::set_drops() {
    std::vector<std::string> pairs;
    for (const auto& [pair, faults] : cuts_) {
        if (faults > 0) pairs.push_back(fmt::format("{}>{}", pair.first, pair.second));
    }
    return ask(NodeId{0}, fmt::format("drop {}", fmt::join(pairs, ",")));
}

void RealFaults::partition(FaultId id) {
    const FaultSpec& f = scenario_.faults[id];
    State& state = states_[id];
    for (const NodeId from : resolve(id, f.from, "from")) {
        for (const NodeId to : resolve(id, f.to, "to")) {
            const Pair pair{place(from), place(to)};
            if (pair.first == pair.second) continue;
            state.pairs.insert(pair);
            if (f.both) state.pairs.insert({pair.second, pair.first});
        }
    }
    for (const Pair& pair : state.pairs) ++cuts_[pair];
    if (!set_drops()) return;
    for (const Pair& pair : state.pairs) {
        effect(id, NodeId{pair.first},
               fmt::format("nothing passes to {}",
                           pair.second == 0 ? "the clients" : fmt::format("n{}", pair.second)));
    }
}

void RealFaults::heal_node(FaultId id, NodeId node) {
    const auto paused = holds_.release(node, Hold::paused, id);
    if (paused.held && !paused.next && paused_.erase(node) > 0 &&
        ask(node, fmt::format("resume {}", node.v))) {
        record(sim::NodePaused{node, false});
    }
    const auto held = holds_.release(node, Hold::down, id);
    if (held.held && dead_.contains(node)) launch(node);
}

void RealFaults::heal(FaultId id) {
    State& state = states_[id];
    for (const NodeId node : state.nodes) heal_node(id, node);
    for (const Pair& pair : state.pairs) --cuts_[pair];
    if (!state.pairs.empty()) (void)set_drops();  // its failure is told in the story
    state.healed = true;
    record(sim::FaultHealed{id});
}

std::optional<std::string> RealFaults::heal_all() {
    const auto answer = world_.tool.ask(world_.env, "heal");
    for (const NodeId node : paused_) record(sim::NodePaused{node, false});
    for (const NodeId node : std::exchange(dead_, {})) {
        started(node);
        if (answer.ok()) ready(node);
    }
    for (FaultId id = 0; id < states_.size(); ++id) {
        if (states_[id].struck && !states_[id].healed) record(sim::FaultHealed{id});
    }
    if (answer.ok()) return std::nullopt;
    return answer.text;
}
}  // namespace faultline::binary
