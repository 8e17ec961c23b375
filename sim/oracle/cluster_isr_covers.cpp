// INV-143 isr-covers: when a leader raises its high watermark, each member of the ISR as it
// believes it holds that much of its log, durably where acknowledgements wait for the disk, and
// they are at least min.insync.replicas.
#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class IsrCovers final : public ClusterOracle {
public:
    IsrCovers(Judge& judge, ClusterLogsRef logs)
        : ClusterOracle(judge, 143, "isr-covers", std::move(logs)) {}

private:
    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        const auto* h = std::get_if<probe::HighWatermark>(&event);
        if (h == nullptr) return;
        auto* p = logs().find(h->partition);
        if (p == nullptr) return;
        auto& leader = logs().replica(*p, node);
        if (leader.part != ClusterLogs::Part::leader || logs().beyond()) return;
        ++premises_;
        const int members = std::popcount(leader.isr);
        if (members < std::min(p->min_isr, p->factor)) {
            violate(at, fmt::format("{} raised the high watermark of {} to {} with an ISR of {}, "
                                    "but min.insync.replicas is {}",
                                    node_name(node), partition_name(h->partition), h->hw.v, members,
                                    p->min_isr));
            return;
        }
        for (std::uint64_t rest = leader.isr; rest != 0; rest &= rest - 1)
            covers(at, *p, *h, node, NodeId{std::countr_zero(rest)});
    }

    void covers(MonoTime at, ClusterLogs::Partition& p, const probe::HighWatermark& h,
                NodeId leader, NodeId member) {
        if (logs().may_lack(p, member)) return;  // until it is heard of again
        // By reference after both exist: asking for one may move the others.
        (void)logs().replica(p, member);
        const auto& lead = logs().replica(p, leader);
        const auto& r = logs().replica(p, member);
        // An unclean election began a later reign behind this leader's back.
        if (r.epoch > h.epoch.v && logs().may_lose(p)) return;
        const std::int64_t held = ClusterLogs::holds(p, r);
        if (held < h.hw.v) {
            violate(at,
                    fmt::format("{} raised the high watermark of {} to {}, but {} of its ISR "
                                "holds {} up to {}",
                                node_name(leader), partition_name(h.partition), h.hw.v,
                                node_name(member), p.lazy ? "its log" : "what is durable", held));
            return;
        }
        const auto* mine = ClusterLogs::batch_at(lead, h.hw.v - 1);
        const auto* own = ClusterLogs::batch_at(r, h.hw.v - 1);
        if (mine == nullptr || own == nullptr || !mine->known || !own->known || own->same(*mine))
            return;
        violate(at, fmt::format("{} raised the high watermark of {} to {} over {}, but {} of its "
                                "ISR has {}",
                                node_name(leader), partition_name(h.partition), h.hw.v, show(*mine),
                                node_name(member), show(*own)));
    }
};
}  // namespace

std::unique_ptr<Oracle> make_isr_covers(Judge& judge, const Cast&, ClusterLogsRef logs) {
    return std::make_unique<IsrCovers>(judge, std::move(logs));
}
}  // namespace faultline::sim
