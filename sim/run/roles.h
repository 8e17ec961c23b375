// Who plays which part at this moment: resolves the selectors of a scenario.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/selector.h"
#include "sim/trace/recorder.h"

namespace faultline::sim {

class Roles final : public Listener {
public:
    // `nodes`: every broker and client by its name. The recorder must outlive this.
    Roles(const Scenario& scenario, std::map<std::string, NodeId> nodes, const Recorder& recorder);
    void on_probe(MonoTime, NodeId, const probe::Event& event) override;

    // In ascending order, each once. Empty when nobody plays the part now (no leader is known).
    // `draw` decides for `any`, `majority` and `minority`. The texts were checked by the parser.
    std::vector<NodeId> resolve(const std::vector<std::string>& selectors, Rng draw) const;
    const std::vector<NodeId>& brokers() const noexcept { return brokers_; }
    const std::vector<NodeId>& controllers() const noexcept { return controllers_; }
    const std::vector<NodeId>& clients() const noexcept { return clients_; }

private:
    void add(const Selector& selector, Rng& draw, std::vector<NodeId>& out) const;
    void add_standby(const Selector& selector, std::vector<NodeId>& out) const;
    void add_place(const Selector& selector, std::vector<NodeId>& out) const;
    void add_partition(const Selector& selector, std::vector<NodeId>& out) const;

    const Recorder& recorder_;
    std::map<std::string, NodeId> nodes_;
    std::map<std::string, NodeSpec> places_;
    std::vector<NodeId> brokers_, controllers_, clients_;
    NodeId controller_;  // the active one
    Epoch reign_{-1};
    std::map<probe::PartitionKey, NodeId> leaders_;
};
}  // namespace faultline::sim
