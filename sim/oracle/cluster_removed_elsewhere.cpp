// INV-150 removed-is-elsewhere: when a node removes its log of a partition that stays, at least
// min.insync.replicas other nodes hold everything that was committed: a reassignment takes the old
// replicas away only when the new ones are complete.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class RemovedElsewhere final : public ClusterOracle {
public:
    RemovedElsewhere(Judge& judge, const Cast&, ClusterLogsRef logs)
        : ClusterOracle(judge, 150, "removed-is-elsewhere", std::move(logs)) {}

private:
    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        const auto* r = std::get_if<probe::LogRemoved>(&event);
        if (r == nullptr) return;
        auto* p = logs().find(r->partition);
        if (p == nullptr || logs().may_lose(*p)) return;
        ++premises_;
        const auto complete = std::ranges::count_if(p->replicas, [&](const auto& replica) {
            return replica.opened && ClusterLogs::holds(*p, replica) >= p->committed_end;
        });
        if (complete >= std::min(p->min_isr, p->factor)) return;
        violate(at, fmt::format("{} removes its log of {}, but of the other nodes only {} hold all "
                                "that is committed, up to {}",
                                node_name(node), partition_name(r->partition), complete,
                                p->committed_end));
    }
};
}  // namespace

std::unique_ptr<Oracle> make_removed_elsewhere(Judge& judge, const Cast& cast,
                                               ClusterLogsRef logs) {
    return std::make_unique<RemovedElsewhere>(judge, cast, std::move(logs));
}
}  // namespace faultline::sim
