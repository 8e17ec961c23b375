// INV-157 isr-complete: when the metadata log takes a broker into the ISR of a partition, the log
// of its process holds every batch that leaders of epochs up to then had committed (KIP-903: it is
// the process that the leader meant, not another with less). Excused: as INV-140.
#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class IsrComplete final : public ClusterOracle {
public:
    IsrComplete(Judge& judge, ClusterLogsRef logs)
        : ClusterOracle(judge, 157, "isr-complete", std::move(logs)) {}

private:
    void look(MonoTime at, NodeId, const probe::Event& event) override {
        const auto* c = std::get_if<probe::IsrCommitted>(&event);
        if (c == nullptr || logs().find(c->partition) == nullptr) return;
        premises_ += logs().let_in();
        const auto& lacking = logs().lacking();
        if (!lacking) return;
        const auto& committed = lacking->what.committed;
        violate(at,
                fmt::format("{} is in the ISR of {} in epoch {}, but {} was committed in epoch {} "
                            "and it {}",
                            node_name(lacking->node), partition_name(c->partition), c->epoch.v,
                            show(committed), committed.reign, show_found(lacking->what)),
                committed.number);
    }
};
}  // namespace

std::unique_ptr<Oracle> make_isr_complete(Judge& judge, const Cast&, ClusterLogsRef logs) {
    return std::make_unique<IsrComplete>(judge, std::move(logs));
}
}  // namespace faultline::sim
