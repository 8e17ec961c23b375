// INV-158 lost-is-silent: a broker that the controller fenced acknowledges no record until it is
// let in again: its lease ended before (docs/DURABILITY.md). Leases are measured with the clocks of
// two nodes, by the same time-outs, and a process whose port is refused is taken for dead. Where a
// fault makes clocks run more than a twentieth apart from the world's, or stand still, refuses
// connections, or changes a node's configuration, nothing is judged.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {
constexpr std::int64_t kMostDrift = 50'000;  // ppm
// What was decided before a process stood still may be told when it goes on.
constexpr Duration kLeftOver = 1ms;

class LostIsSilent final : public Oracle {
public:
    LostIsSilent(Judge& judge, const Cast& cast)
        : Oracle(judge, 158, "lost-is-silent"),
          judges_(cast.max_drift_ppm <= kMostDrift && !cast.clocks_stand &&
                  std::ranges::none_of(cast.faults, [](FaultKind kind) {
                      return kind == FaultKind::refuse || kind == FaultKind::reconfigure;
                  })) {}

    bool listens() const override { return judges_; }

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* r = std::get_if<probe::BrokerRegistered>(&event)) {
            if (registered_[node] != r->epoch || !r->fenced) lost_.erase(node);
            registered_[node] = r->epoch;
        } else if (std::holds_alternative<probe::ControllerActive>(event)) {
            // What it decides is told by it alone: it may let in whom the one before it had lost.
            lost_.clear();
        } else if (const auto* f = std::get_if<probe::BrokerFenced>(&event)) {
            const auto known = registered_.find(f->broker);
            lost_.erase(f->broker);
            if (!f->fenced || known == registered_.end() || known->second != f->epoch) return;
            lost_[f->broker] = {node, event_number()};
            ++premises_;
        } else if (const auto* p = std::get_if<probe::ProduceAnswered>(&event)) {
            if (p->error == 0) acknowledged(at, node, *p);
        }
    }

    void on_sim(MonoTime at, const SimEvent& event) override {
        if (const auto* c = std::get_if<NodeCrashed>(&event)) gone(c->node);
        if (const auto* s = std::get_if<NodeStopped>(&event)) gone(s->node);
        if (const auto* p = std::get_if<NodePaused>(&event); p != nullptr && !p->paused)
            resumed_[p->node] = at;
    }

private:
    struct Lost {
        NodeId controller;
        std::uint64_t number;
    };

    void gone(NodeId node) {
        lost_.erase(node);
        registered_.erase(node);
    }
    void acknowledged(MonoTime at, NodeId node, const probe::ProduceAnswered& p) {
        const auto it = lost_.find(node);
        if (it == lost_.end()) return;
        const auto resumed = resumed_.find(node);
        if (resumed != resumed_.end() && at < resumed->second + kLeftOver) return;
        violate(
            at,
            fmt::format("n{} acknowledges offsets {} to {} of {}, but n{} had fenced it", node.v,
                        p.first.v, p.last.v, partition_name(p.partition), it->second.controller.v),
            it->second.number);
    }

    const bool judges_;
    std::map<NodeId, std::int64_t> registered_;  // the broker epoch of its process
    std::map<NodeId, Lost> lost_;
    std::map<NodeId, MonoTime> resumed_;
};
}  // namespace

std::unique_ptr<Oracle> make_lost_is_silent(Judge& judge, const Cast& cast) {
    return std::make_unique<LostIsSilent>(judge, cast);
}
}  // namespace faultline::sim
