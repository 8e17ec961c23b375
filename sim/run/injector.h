// Brings a scenario's faults into a world when their triggers say so, heals them in time, and lets
// the world count what they did.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "sim/run/holds.h"
#include "sim/run/roles.h"
#include "sim/scenario/scenario.h"
#include "sim/world/world.h"

namespace faultline::sim {

class Injector final : public Listener {
public:
    // All must outlive the injector. `reconfigure` changes what a broker's next start reads.
    using Reconfigure = std::function<void(NodeId, const std::map<std::string, std::string>&)>;
    // `operate` lets an operator do what the fault of that number says, to these nodes.
    using Operate = std::function<void(FaultId, const std::vector<NodeId>&)>;
    Injector(World& world, const Scenario& scenario, const Roles& roles, Reconfigure reconfigure,
             Operate operate);
    Injector(const Injector&) = delete;
    Injector& operator=(const Injector&) = delete;

    // Schedules everything. Call before the world runs.
    void arm();
    // Ends every fault that still lasts: nodes of `core` run, links are open, disks are large and
    // fast. Brokers outside `core` are killed and stay dead. What is not yet triggered stays away.
    // From outside fibers.
    void heal_all(const std::vector<NodeId>& core);
    std::uint64_t effects(std::size_t fault) const;
    // False for a fault whose trigger never came.
    bool struck(std::size_t fault) const { return states_[fault].struck; }

    void on_probe(MonoTime, NodeId node, const probe::Event& event) override;
    void on_sim(MonoTime, const SimEvent& event) override;

private:
    struct State {
        bool waiting = false;  // for its trigger
        bool struck = false, active = false;
        std::size_t event = SIZE_MAX;  // place in the table of events, for event triggers
        std::uint32_t left = 0;        // events of the trigger still to come
        std::vector<NodeId> nodes, from, to;
    };
    void begin_waiting(FaultId id);
    void trigger(FaultId id);
    void seen(std::size_t event, NodeId node, probe::PartitionKey partition);
    void other_fault(FaultId id, Trigger::Stage stage);
    void strike(FaultId id);
    void strike_process(FaultId id);
    void strike_network(FaultId id);
    void strike_links(FaultId id);
    void strike_disk(FaultId id, NodeId node);
    void strike_clock(FaultId id, NodeId node);
    void heal(FaultId id);
    void heal_node(FaultId id, NodeId node);
    void restart(NodeId node);
    void power_loss(FaultId id, std::size_t index);
    void start(NodeId node);
    void takes_over(FaultId id, NodeId node, std::string_view what);
    void let_run(FaultId id, NodeId node);
    void pause(FaultId id, NodeId node);
    void resume(FaultId id, NodeId node);
    void thaw(FaultId id, NodeId node);
    void end_drift(FaultId id, NodeId node);
    template <class Fn>
    void each_link(FaultId id, Fn fn);
    Rng draw(FaultId id, std::string_view what) const;

    World& world_;
    const Scenario& scenario_;
    const std::vector<FaultSpec>& faults_;
    const Roles& roles_;
    Reconfigure reconfigure_;
    Operate operate_;
    std::vector<State> states_;
    Holds holds_;
    std::map<NodeId, std::int32_t> lives_;  // the newest incarnation of each node
    std::size_t waiting_events_ = 0;        // faults that wait for an event
    bool over_ = false;
};
}  // namespace faultline::sim
