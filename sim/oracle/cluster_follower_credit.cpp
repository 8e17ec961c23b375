// INV-144 follower-credit: a leader counts a follower to hold no more than what is in the
// follower's log, durably where acknowledgements wait for the disk, and only of a log that is a
// beginning of its own, and only in answer to a fetch of its own epoch. A fetch that was under way
// while its sender went on to a later epoch tells of a log that may be cut since: who leads there
// answers for it (INV-140). This holds also where committed records may be lost: whoever lost some
// begins another epoch.
#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class FollowerCredit final : public ClusterOracle {
public:
    FollowerCredit(Judge& judge, ClusterLogsRef logs)
        : ClusterOracle(judge, 144, "follower-credit", std::move(logs)) {}

private:
    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        const auto* f = std::get_if<probe::FollowerFetched>(&event);
        if (f == nullptr) return;
        auto* p = logs().find(f->partition);
        if (p == nullptr || logs().beyond()) return;
        (void)logs().replica(*p, f->follower);
        (void)logs().replica(*p, node);
        const auto& follower = logs().replica(*p, f->follower);
        const auto& leader = logs().replica(*p, node);
        if (follower.epoch > f->epoch.v || logs().may_lack(*p, f->follower)) return;
        ++premises_;
        if (follower.newest_epoch < f->epoch.v && follower.newest_epoch >= 0) {
            violate(at, fmt::format("{} leads {} in epoch {} and counts a fetch of {}, but that "
                                    "one knows no later epoch than {}",
                                    node_name(node), partition_name(f->partition), f->epoch.v,
                                    node_name(f->follower), follower.newest_epoch));
            return;
        }
        if (f->at.v > leader.end) {
            violate(at, fmt::format("{} counts {} to hold {} up to {}, but its own log ends at {}",
                                    node_name(node), node_name(f->follower),
                                    partition_name(f->partition), f->at.v, leader.end));
            return;
        }
        const std::int64_t held = ClusterLogs::holds(*p, follower);
        if (f->at.v > held) {
            violate(at, fmt::format("{} counts {} to hold {} up to {}, but {} is up to {}",
                                    node_name(node), node_name(f->follower),
                                    partition_name(f->partition), f->at.v,
                                    p->lazy ? "its log" : "what is durable there", held));
            return;
        }
        const auto* mine = ClusterLogs::batch_at(leader, f->at.v - 1);
        const auto* own = ClusterLogs::batch_at(follower, f->at.v - 1);
        if (mine == nullptr || own == nullptr || !mine->known || !own->known || own->same(*mine))
            return;
        violate(at, fmt::format("{} counts {} to hold its log of {} up to {}, but has {} there, "
                                "where the follower has {}",
                                node_name(node), node_name(f->follower),
                                partition_name(f->partition), f->at.v, show(*mine), show(*own)));
    }
};
}  // namespace

std::unique_ptr<Oracle> make_follower_credit(Judge& judge, const Cast&, ClusterLogsRef logs) {
    return std::make_unique<FollowerCredit>(judge, std::move(logs));
}
}  // namespace faultline::sim
