// INV-155 resigns: who leads the quorum ceases to when no majority fetches from it any more (M2). A
// later active controller shows that the majority is elsewhere; the old one has then a time of its
// own to notice, which begins anew while it is paused and when a fault heals, because what was held
// back arrives then. A node whose disk is disturbed may be unable to do anything, and is left out.
#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {
// Beside twice the fetch time-out, of which a leader waits one and a half: what slow links hold.
constexpr Duration kLate = 2500ms;

class Resigns final : public Oracle {
public:
    Resigns(Judge& judge, const Cast& cast) : Oracle(judge, 155, "resigns"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        check(at);
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            if (!is_quorum(partition_name(l->partition))) return;
            leaders_[node] = {l->epoch, at, event_number(), false};
        } else if (const auto* f = std::get_if<probe::PartitionFollows>(&event)) {
            if (is_quorum(partition_name(f->partition))) leaders_.erase(node);
        } else if (const auto* c = std::get_if<probe::ControllerActive>(&event)) {
            if (c->epoch <= newest_) return;
            newest_ = c->epoch;
            newest_node_ = node;
            active_at_ = at;
            wait_anew(at);
        }
    }

    void on_sim(MonoTime at, const SimEvent& event) override {
        if (const auto* c = std::get_if<NodeCrashed>(&event)) leaders_.erase(c->node);
        if (const auto* s = std::get_if<NodeStopped>(&event)) leaders_.erase(s->node);
        if (std::holds_alternative<FaultHealed>(event)) wait_anew(at);
        if (const auto* p = std::get_if<NodePaused>(&event)) {
            const auto it = leaders_.find(p->node);
            if (it == leaders_.end()) return;
            it->second.paused = p->paused;
            it->second.since = at;
        }
        if (const auto* e = std::get_if<FaultEffect>(&event)) {
            const bool known = e->fault < cast_.faults.size();
            if (known && info(cast_.faults[e->fault]).group == FaultClass::disk)
                disturbed_.insert(e->node);
        }
    }

    void finish(MonoTime at) override { check(at); }

private:
    struct Leader {
        Epoch epoch;
        MonoTime since;  // from when on its time counts
        std::uint64_t number = 0;
        bool paused = false;
    };

    void wait_anew(MonoTime at) {
        for (auto& [node, leader] : leaders_) leader.since = at;
    }
    void check(MonoTime at) {
        if (leaders_.size() < 2 || cast_.healed == MonoTime::never()) return;
        for (const auto& [node, leader] : leaders_) {
            if (leader.epoch >= newest_ || leader.paused || disturbed_.contains(node)) continue;
            ++premises_;
            if (at < leader.since + cast_.quorum_fetch_timeout * 2 + kLate) continue;
            return violate(
                at,
                fmt::format("n{} is the active controller of epoch {} since {}, but n{}, which led "
                            "in epoch {}, has not resigned",
                            newest_node_.v, newest_.v, format_seconds(active_at_ - MonoTime{}),
                            node.v, leader.epoch.v),
                leader.number);
        }
    }

    const Cast& cast_;
    std::map<NodeId, Leader> leaders_;  // of the quorum, as each believes of itself
    std::set<NodeId> disturbed_;
    Epoch newest_{-1};
    NodeId newest_node_;
    MonoTime active_at_{};
};
}  // namespace

std::unique_ptr<Oracle> make_resigns(Judge& judge, const Cast& cast) {
    return std::make_unique<Resigns>(judge, cast);
}
}  // namespace faultline::sim
