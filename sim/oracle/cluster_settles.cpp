// INV-148 cluster-settles: when the faults are over and all nodes run on a LAN, each partition has
// a leader within kLed, nobody else begins to lead after kQuiet, and after kRefilled each ISR has
// all replicas again. A node whose log directory failed is not well again: then only leaders are
// asked for. A run that ends earlier settles nothing.
#include <bit>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {
constexpr Duration kLed = 2s, kQuiet = 12s, kRefilled = 12s;

class ClusterSettles final : public Oracle {
public:
    ClusterSettles(Judge& judge, const Cast& cast)
        : Oracle(judge, 148, "cluster-settles"), cast_(cast), budget_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        check_time(at);
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            leads(at, node, *l);
        } else if (const auto* i = std::get_if<probe::IsrChanged>(&event)) {
            const auto p = partitions_.find(i->partition);
            if (p != partitions_.end() && p->second.epoch == i->epoch.v) p->second.isr = i->members;
        } else if (std::holds_alternative<probe::LogDirFailed>(event)) {
            dir_failed_ = true;
        }
    }

    void on_sim(MonoTime at, const SimEvent& event) override {
        budget_.on_sim(event);
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
            const auto topic =
                cast_.cluster_topics.find(std::string(topic_of(partition_name(key))));
            ++premises_;
            const int members = std::popcount(p.isr);
            if (dir_failed_ || members >= topic->second.replicas) continue;
            violate(at, fmt::format("the faults were over at {}, but at {} the ISR of {} has {} of "
                                    "its {} replicas",
                                    format_seconds(cast_.healed - MonoTime{}),
                                    format_seconds(at - MonoTime{}), partition_name(key), members,
                                    topic->second.replicas));
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

    bool judges() const { return cast_.healed != MonoTime::never() && !budget_.beyond(); }
    MonoTime refilled() const { return after(kRefilled); }
    MonoTime after(Duration d) const {
        return cast_.healed == MonoTime::never() ? MonoTime::never() : cast_.healed + d;
    }

    // Told with whatever comes first when the time is over.
    void check_time(MonoTime at) {
        if (checked_ || at < after(kLed)) return;
        checked_ = true;
        if (!judges()) return;
        for (const auto& [key, p] : partitions_) {
            ++premises_;
            if (p.leads) continue;
            violate(at,
                    fmt::format("the faults were over at {}, but {} later nobody leads {}",
                                format_seconds(cast_.healed - MonoTime{}), format_seconds(kLed),
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
        if (!known || at < after(kQuiet) || !judges()) return;
        violate(at, fmt::format("the faults were over at {}, but at {} n{} begins to lead {} in "
                                "epoch {}",
                                format_seconds(cast_.healed - MonoTime{}),
                                format_seconds(at - MonoTime{}), node.v,
                                partition_name(l.partition), l.epoch.v));
    }

    const Cast& cast_;
    SurvivalBudget budget_;
    bool checked_ = false, dir_failed_ = false;
    std::map<probe::PartitionKey, Partition> partitions_;
};
}  // namespace

std::unique_ptr<Oracle> make_cluster_settles(Judge& judge, const Cast& cast) {
    return std::make_unique<ClusterSettles>(judge, cast);
}
}  // namespace faultline::sim
