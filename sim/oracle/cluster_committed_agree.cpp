// INV-141 committed-agree: what was committed at an offset is the same on every node whose high
// watermark passes it, and no replica cuts off a batch that it shares with what was committed.
#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class CommittedAgree final : public ClusterOracle {
public:
    CommittedAgree(Judge& judge, ClusterLogsRef logs)
        : ClusterOracle(judge, 141, "committed-agree", std::move(logs)) {}

private:
    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            ++premises_;
            if (logs().disagreement()) differs(at, node, *h);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            ++premises_;
            if (logs().cut()) cuts(at, node, *t);
        }
    }

    void differs(MonoTime at, NodeId node, const probe::HighWatermark& h) {
        auto& p = *logs().find(h.partition);
        if (logs().may_lose(p)) return;
        const auto& d = *logs().disagreement();
        violate(at,
                fmt::format("{} of {} was committed in epoch {}, but {} says in epoch {} that all "
                            "below {} is committed, and {}",
                            show(d.committed), partition_name(h.partition), d.committed.reign,
                            node_name(node), h.epoch.v, h.hw.v, show_found(d)),
                d.committed.number);
    }

    void cuts(MonoTime at, NodeId node, const probe::LogTruncated& t) {
        auto& p = *logs().find(t.partition);
        if (logs().may_lose(p)) return;
        const auto& gone = *logs().cut();
        violate(at,
                fmt::format("{} of {} was committed in epoch {}, but {}, which had it, cut its log "
                            "from {} to {}",
                            show(gone), partition_name(t.partition), gone.reign, node_name(node),
                            t.from.v, t.to.v),
                gone.number);
    }
};
}  // namespace

std::unique_ptr<Oracle> make_committed_agree(Judge& judge, const Cast&, ClusterLogsRef logs) {
    return std::make_unique<CommittedAgree>(judge, std::move(logs));
}
}  // namespace faultline::sim
