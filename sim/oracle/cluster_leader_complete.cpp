// INV-140 leader-complete: when a node begins to lead a partition, its log holds every batch that a
// leader of an epoch up to its own had committed; and what such a leader commits later, unaware of
// its successor, is in the successor's log too. Excused, counted and remarked: an unclean election,
// a power loss where acknowledgements do not wait for the disk, wiped disks of too many, a fault
// beyond the survival budget.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class LeaderComplete final : public ClusterOracle {
public:
    LeaderComplete(Judge& judge, ClusterLogsRef logs)
        : ClusterOracle(judge, 140, "leader-complete", std::move(logs)) {}

    std::string remark() const override {
        if (excused_ == 0) return "";
        return fmt::format(
            "leaders without committed records, as the configuration permits: {} partitions, {} "
            "offsets",
            excused_, logs().forgiven_records());
    }

private:
    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            begins(at, node, *l);
        } else if (logs().overtaken()) {
            const auto& h = std::get<probe::HighWatermark>(event);
            auto& p = *logs().find(h.partition);
            ++premises_;
            if (logs().may_lose(p)) return excuse(p, *logs().overtaken());
            violate(at, fmt::format("{} committed {} of {} as leader of epoch {}, but {} leads in "
                                    "epoch {} since, and {} there",
                                    node_name(node), show(logs().overtaken()->committed),
                                    partition_name(h.partition), h.epoch.v, node_name(p.top_leader),
                                    p.top_epoch, show_found(*logs().overtaken())));
        }
    }

    void begins(MonoTime at, NodeId node, const probe::LeaderChanged& l) {
        auto* p = logs().find(l.partition);
        if (p == nullptr || p->forgiven) return;
        premises_ += p->committed_end > 0;
        auto& r = logs().replica(*p, node);
        const auto missing = logs().compare(*p, r, p->committed_end, l.epoch.v);
        if (!missing) return;
        if (logs().may_lose(*p)) return excuse(*p, *missing);
        violate(
            at,
            fmt::format("{} of {} was committed in epoch {}, but {} begins to lead in epoch {} "
                        "and {}",
                        show(missing->committed), partition_name(l.partition),
                        missing->committed.reign, node_name(node), l.epoch.v, show_found(*missing)),
            missing->committed.number);
    }

    void excuse(ClusterLogs::Partition& p, const ClusterLogs::Difference& missing) {
        ++excused_;
        logs().forgive(p, p.committed_end - missing.committed.first);
    }

    std::uint64_t excused_ = 0;
};
}  // namespace

std::unique_ptr<Oracle> make_leader_complete(Judge& judge, const Cast&, ClusterLogsRef logs) {
    return std::make_unique<LeaderComplete>(judge, std::move(logs));
}
}  // namespace faultline::sim
