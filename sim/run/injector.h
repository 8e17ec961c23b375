// Brings a scenario's faults into a world, heals them in time, and counts what they did.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"
#include "sim/world/world.h"

namespace faultline::sim {

class Injector {
public:
    // `nodes`: every name that a fault may use. Both must outlive the injector.
    Injector(World& world, const std::vector<FaultSpec>& faults,
             std::map<std::string, NodeId> nodes);
    Injector(const Injector&) = delete;
    Injector& operator=(const Injector&) = delete;

    // Schedules everything. Call before the world runs.
    void arm();
    // Ends every fault that still lasts: nodes run, links are open, disks are large and fast. What
    // is not yet triggered stays away. From outside fibers.
    void heal_all();
    std::uint64_t effects(std::size_t fault) const;

private:
    void strike(FaultId id);
    void strike_disk(FaultId id, const FaultSpec& fault, NodeId node);
    void heal(FaultId id);
    NodeId node_of(const std::string& name) const { return nodes_.at(name); }

    World& world_;
    const std::vector<FaultSpec>& faults_;
    std::map<std::string, NodeId> nodes_;
    std::vector<bool> active_;
    bool over_ = false;
};
}  // namespace faultline::sim
