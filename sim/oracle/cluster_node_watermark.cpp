// INV-145 node-watermark: on each node the high watermark is not beyond the log end, nor beyond
// what leaders have committed, and does not fall while the node keeps its part; nobody is given a
// record at an offset that no leader had committed.
#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class NodeWatermark final : public ClusterOracle {
public:
    NodeWatermark(Judge& judge, const Cast& cast, ClusterLogsRef logs)
        : ClusterOracle(judge, 145, "node-watermark", std::move(logs)), cast_(cast) {}

private:
    using Replica = std::pair<NodeId, probe::PartitionKey>;
    struct Told {
        std::int64_t hw = 0;
        std::uint64_t number = 0;  // of the event
    };

    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            rises(at, node, *h);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            delivered(at, *d);
        } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            told_.erase({node, l->partition});
        } else if (const auto* f = std::get_if<probe::PartitionFollows>(&event)) {
            told_.erase({node, f->partition});
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            told_.erase({node, o->partition});
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            told_.erase({node, t->partition});
        }
    }

    void rises(MonoTime at, NodeId node, const probe::HighWatermark& h) {
        auto* p = logs().find(h.partition);
        if (p == nullptr) return;
        ++premises_;
        const std::string_view name = partition_name(h.partition);
        const auto& r = logs().replica(*p, node);
        Told& told = told_[{node, h.partition}];
        if (h.hw.v > r.end) {
            violate(at, fmt::format("{} raised the high watermark of {} to {}, but its log ends at "
                                    "{}",
                                    node_name(node), name, h.hw.v, r.end));
        } else if (h.hw.v < told.hw) {
            violate(at,
                    fmt::format("{} raised the high watermark of {} to {}, but now it says {}",
                                node_name(node), name, told.hw, h.hw.v),
                    told.number);
        } else if (h.hw.v > p->committed_end && !logs().may_lose(*p)) {
            violate(at, fmt::format("{} follows a high watermark of {} up to {}, but leaders "
                                    "committed only what is below {}",
                                    node_name(node), name, h.hw.v, p->committed_end));
        }
        told = {h.hw.v, event_number()};
    }

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        auto* p = logs().find(d.partition);
        if (p == nullptr || logs().may_lose(*p)) return;
        ++premises_;
        if (d.at.v < p->committed_end) return;
        violate(at, fmt::format("{} got offset {} of {}, but leaders committed only what is below "
                                "{}",
                                cast_.consumer_name(d.consumer), d.at.v,
                                partition_name(d.partition), p->committed_end));
    }

    const Cast& cast_;
    std::map<Replica, Told> told_;  // in its present part
};
}  // namespace

std::unique_ptr<Oracle> make_node_watermark(Judge& judge, const Cast& cast, ClusterLogsRef logs) {
    return std::make_unique<NodeWatermark>(judge, cast, std::move(logs));
}
}  // namespace faultline::sim
