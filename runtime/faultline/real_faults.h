// The faults of a scenario in a real world: verbs of the cluster tool, at the times of the
// scenario.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/faultline/cluster_tool.h"
#include "sim/run/holds.h"
#include "sim/run/roles.h"
#include "sim/scenario/scenario.h"
#include "sim/trace/recorder.h"

namespace faultline::binary {

// What a real world cannot do, as one line for a person; nothing when it can do all of the
// scenario.
std::optional<std::string> beyond_real_world(const sim::Scenario& scenario,
                                             const std::string& world);
// Does any fault take the power away? Then the daemons need the library that remembers.
bool needs_power_cut(const sim::Scenario& scenario);

// One fiber per fault. For the one shard of the clients.
class RealFaults {
public:
    struct World {
        Env& env;
        ClusterTool& tool;
        sim::Recorder& recorder;
        const sim::Roles& roles;
        std::uint64_t seed;
        MonoTime start;  // of the scenario's times, by env.clock
    };
    RealFaults(const sim::Scenario& scenario, World world);

    // Tells that every node runs, and starts the fibers in `group`, which must outlive this and
    // whose stop ends them; then call heal_all().
    void arm(fiber::Group& group);
    // Everything runs and is connected again. Parks. A line when that does not succeed.
    std::optional<std::string> heal_all();
    std::uint64_t effects(std::size_t fault) const { return states_[fault].effects; }
    MonoTime now() const { return MonoTime{} + (world_.env.clock.now() - world_.start); }

private:
    using Pair = std::pair<std::int32_t, std::int32_t>;  // nothing passes from first to second
    struct State {
        bool struck = false, healed = false;
        std::uint64_t effects = 0;
        std::vector<NodeId> nodes;
        std::set<Pair> pairs;  // that it cuts
    };
    void run(sim::FaultId id, fiber::StopToken stop);
    bool wait(sim::FaultId id, fiber::StopToken stop);
    void strike(sim::FaultId id);
    void crash(sim::FaultId id, NodeId node);
    void pause(sim::FaultId id, NodeId node);
    void restart(sim::FaultId id, NodeId node);
    void power_loss(sim::FaultId id);
    void partition(sim::FaultId id);
    void heal(sim::FaultId id);
    void heal_node(sim::FaultId id, NodeId node);
    // A node that does not do it is told in the story.
    bool ask(NodeId node, const std::string& words);
    bool set_drops();
    void down(NodeId node, bool power);
    void launch(NodeId node);
    void started(NodeId node);
    void ready(NodeId node);
    void effect(sim::FaultId id, NodeId node, const std::string& what);
    std::vector<NodeId> resolve(sim::FaultId id, const std::vector<std::string>& selectors,
                                std::string_view what) const;
    std::int32_t place(NodeId node) const;
    template <class Event>
    void record(const Event& event) {
        world_.recorder.record(now(), sim::SimEvent{event});
    }

    const sim::Scenario& scenario_;
    World world_;
    fiber::Group* group_ = nullptr;
    std::vector<State> states_;
    std::map<Pair, int> cuts_;  // by how many faults
    sim::Holds holds_;          // faults that keep a node down or paused
    std::map<NodeId, int> incarnations_;
    std::set<NodeId> dead_, paused_;
};
}  // namespace faultline::binary
