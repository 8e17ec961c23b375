// INV-148 cluster-settles: when the faults are over and all nodes run on a LAN, each partition has
// a leader within kLed, and after kRefilled each ISR has all replicas again. From the moment at
// which all that is so it is quiet: nobody else begins to lead, but where the controller is told to
// bring preferred leaders back every few seconds. A node that is still being restarted when the
// faults are over is the last of them: then all counts from its start. A node whose log directory
// failed is not well again: then only leaders are asked for. A run that ends earlier settles
// nothing.
#include <algorithm>
#include <bit>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {
constexpr Duration kLed = 2s, kRefilled = 12s;

class ClusterSettles final : public Oracle {
public:
    ClusterSettles(Judge& judge, const Cast& cast)
        : Oracle(judge, 148, "cluster-settles"), cast_(cast), budget_(cast), over_(cast.healed) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        check_time(at);
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            leads(at, node, *l);
        } else if (const auto* i = std::get_if<probe::IsrChanged>(&event)) {
            const auto p = partitions_.find(i->partition);
            if (p != partitions_.end() && p->second.epoch == i->epoch.v) p->second.isr = i->members;
            note_quiet(at);
        } else if (std::holds_alternative<probe::LogDirFailed>(event)) {
            dir_failed_ = true;
        }
    }

    void on_sim(MonoTime at, const SimEvent& event) override {
        budget_.on_sim(event);
        restarted(at, event);
        const auto* crash = std::get_if<NodeCrashed>(&event);
        const auto* stop = std::get_if<NodeStopped>(&event);
        if (crash == nullptr && stop == nullptr) return;
        check_time(at);
        const NodeId node = crash != nullptr ? crash->node : stop->node;
        for (auto& [key, p] : partitions_) {
            if (p.leader == node) p.leads = false;
        }
    }

    void finish(MonoTime at) override {
        check_time(at);
        if (at < refilled() || !judges()) return;
        for (const auto& [key, p] : partitions_) {
            ++premises_;
            if (dir_failed_ || complete(key, p)) continue;
            const auto topic =
                cast_.cluster_topics.find(std::string(topic_of(partition_name(key))));
            violate(at,
                    fmt::format("the faults were over at {}, but at {} the ISR of {} has {} of "
                                "its {} replicas",
                                format_seconds(over_ - MonoTime{}), format_seconds(at - MonoTime{}),
                                partition_name(key), std::popcount(p.isr), topic->second.replicas));
        }
    }

private:
    struct Partition {
        std::int32_t epoch = -1;
        NodeId leader{-1};
        bool leads = false;  // its process lives
        std::uint64_t isr = 0;
        std::uint64_t number = 0;
    };

    bool judges() const { return over_ != MonoTime::never() && !budget_.beyond(); }
    MonoTime refilled() const { return after(kRefilled); }
    MonoTime after(Duration d) const {
        return over_ == MonoTime::never() ? MonoTime::never() : over_ + d;
    }

    // A restart that was asked for: the node stops, or is killed when that takes too long, and is
    // started.
    void restarted(MonoTime at, const SimEvent& event) {
        if (const auto* effect = std::get_if<FaultEffect>(&event)) {
            const bool known = effect->fault < cast_.faults.size();
            const FaultKind kind = known ? cast_.faults[effect->fault] : FaultKind::crash;
            if (kind == FaultKind::restart || kind == FaultKind::reconfigure)
                asked_.insert(effect->node);
            return;
        }
        const auto* stop = std::get_if<NodeStopped>(&event);
        const auto* crash = std::get_if<NodeCrashed>(&event);
        const NodeId gone = stop != nullptr    ? stop->node
                            : crash != nullptr ? crash->node
                                               : NodeId{};
        const bool late = cast_.healed != MonoTime::never() && at >= cast_.healed;
        if (late && asked_.contains(gone)) {
            check_time(at);
            away_.insert(gone);
            over_ = quiet_from_ = MonoTime::never();
        }
        const auto* start = std::get_if<NodeStarted>(&event);
        if (start == nullptr) return;
        asked_.erase(start->node);
        if (away_.erase(start->node) == 0 || !away_.empty()) return;
        over_ = at;
        checked_ = false;
    }

    bool complete(probe::PartitionKey key, const Partition& p) const {
        const auto topic = cast_.cluster_topics.find(std::string(topic_of(partition_name(key))));
        return std::popcount(p.isr) >= topic->second.replicas;
    }

    void note_quiet(MonoTime at) {
        if (quiet_from_ != MonoTime::never() || at < after(kLed)) return;
        for (const auto& [key, p] : partitions_) {
            if (!p.leads || !complete(key, p)) return;
        }
        quiet_from_ = at;
    }

    // Told with whatever comes first when the time is over.
    void check_time(MonoTime at) {
        if (at >= refilled()) quiet_from_ = std::min(quiet_from_, refilled());
        if (checked_ || at < after(kLed)) return;
        checked_ = true;
        note_quiet(at);
        if (!judges()) return;
        for (const auto& [key, p] : partitions_) {
            ++premises_;
            if (p.leads) continue;
            violate(at,
                    fmt::format("the faults were over at {}, but {} later nobody leads {}",
                                format_seconds(over_ - MonoTime{}), format_seconds(kLed),
                                partition_name(key)),
                    p.number);
        }
    }

    void leads(MonoTime at, NodeId node, const probe::LeaderChanged& l) {
        const std::string topic(topic_of(partition_name(l.partition)));
        if (!cast_.cluster_topics.contains(topic)) return;
        Partition& p = partitions_[l.partition];
        if (l.epoch.v < p.epoch) return;
        const bool known = p.number != 0;
        p = {l.epoch.v, node, true, 0, event_number()};
        if (!known || at < quiet_from_ || !judges()) return;
        // Two rounds of the controller are enough to bring the preferred leaders back.
        const bool undisturbed = at < MonoTime{} + cast_.balance_every ||
                                 at >= quiet_from_ + 2 * cast_.balance_every + 1s;
        if (!undisturbed) return;
        violate(at, fmt::format("the faults were over at {}, but at {} n{} begins to lead {} in "
                                "epoch {}",
                                format_seconds(over_ - MonoTime{}), format_seconds(at - MonoTime{}),
                                node.v, partition_name(l.partition), l.epoch.v));
    }

    const Cast& cast_;
    SurvivalBudget budget_;
    MonoTime over_;                  // the faults
    std::set<NodeId> asked_, away_;  // to be restarted; and stopped since the faults are over
    bool checked_ = false, dir_failed_ = false;
    MonoTime quiet_from_ = MonoTime::never();
    std::map<probe::PartitionKey, Partition> partitions_;
};
}  // namespace

std::unique_ptr<Oracle> make_cluster_settles(Judge& judge, const Cast& cast) {
    return std::make_unique<ClusterSettles>(judge, cast);
}
}  // namespace faultline::sim
