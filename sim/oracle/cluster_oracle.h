// What the oracles over ClusterLogs have in common: they tell it every event, and ask afterwards.
#pragma once
#include "sim/oracle/cluster_logs.h"

namespace faultline::sim {

class ClusterOracle : public Oracle {
public:
    ClusterOracle(Judge& judge, std::int32_t invariant, std::string_view name, ClusterLogsRef logs)
        : Oracle(judge, invariant, name), logs_(std::move(logs)) {}
    void on_probe(MonoTime at, NodeId node, const probe::Event& event) final {
        logs_->on_probe(node, event);
        look(at, node, event);
    }
    void on_sim(MonoTime at, const SimEvent& event) final {
        logs_->on_sim(event);
        watch(at, event);
    }

protected:
    virtual void look(MonoTime at, NodeId node, const probe::Event& event) = 0;
    virtual void watch(MonoTime, const SimEvent&) {}
    ClusterLogs& logs() { return *logs_; }
    const ClusterLogs& logs() const { return *logs_; }

private:
    ClusterLogsRef logs_;
};
}  // namespace faultline::sim
