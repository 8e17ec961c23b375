// INV-151 no-stray: when the faults are over and the replicas have come back, a partition has its
// log on the nodes of its ISR alone: what a reassignment left behind, or one that was cancelled, is
// gone.
#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {
constexpr Duration kGone = 12s;  // as INV-148 waits for the ISRs

class NoStray final : public ClusterOracle {
public:
    NoStray(Judge& judge, const Cast& cast, ClusterLogsRef logs)
        : ClusterOracle(judge, 151, "no-stray", std::move(logs)), cast_(cast) {}

    void finish(MonoTime at) override {
        if (cast_.healed == MonoTime::never() || at < cast_.healed + kGone || dir_failed_) return;
        for (const probe::PartitionKey key : partitions_) {
            auto* p = logs().find(key);
            if (p == nullptr || logs().beyond() || p->top_leader.v < 0) continue;
            ++premises_;
            const std::uint64_t isr = logs().replica(*p, p->top_leader).isr;
            for (std::size_t n = 0; n < p->replicas.size() && n < 64; ++n) {
                const NodeId node{static_cast<std::int32_t>(n)};
                if (!p->replicas[n].opened || down_.contains(node) || (isr >> n & 1U) != 0)
                    continue;
                violate(at, fmt::format("the faults were over at {}, but at {} {} still has a log "
                                        "of {}, whose ISR it is not in",
                                        format_seconds(cast_.healed - MonoTime{}),
                                        format_seconds(at - MonoTime{}), node_name(node),
                                        partition_name(key)));
                return;
            }
        }
    }

private:
    void look(MonoTime, NodeId, const probe::Event& event) override {
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            partitions_.insert(l->partition);
        } else if (std::holds_alternative<probe::LogDirFailed>(event)) {
            dir_failed_ = true;
        }
    }

    void watch(MonoTime, const SimEvent& event) override {
        if (const auto* s = std::get_if<NodeStarted>(&event)) down_.erase(s->node);
        if (const auto* c = std::get_if<NodeCrashed>(&event)) down_.insert(c->node);
        if (const auto* s = std::get_if<NodeStopped>(&event)) down_.insert(s->node);
    }

    const Cast& cast_;
    std::set<probe::PartitionKey> partitions_;
    std::set<NodeId> down_;
    bool dir_failed_ = false;
};
}  // namespace

std::unique_ptr<Oracle> make_no_stray(Judge& judge, const Cast& cast, ClusterLogsRef logs) {
    return std::make_unique<NoStray>(judge, cast, std::move(logs));
}
}  // namespace faultline::sim
