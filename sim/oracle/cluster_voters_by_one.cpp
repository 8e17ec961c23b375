// INV-156 voters-by-one: the voters of the quorum change by one at a time (KIP-853), and a leader
// changes them only when its change before is committed, and a record of its own epoch: else two
// majorities without a common voter could each commit (Ongaro's note of 2015 on single-server
// changes). This speaks at the change, long before they do.
#include <bit>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"
#include "sim/trace/describe.h"

namespace faultline::sim {
namespace {

class VotersByOne final : public Oracle {
public:
    explicit VotersByOne(Judge& judge) : Oracle(judge, 156, "voters-by-one") {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* v = std::get_if<probe::VotersChanged>(&event)) {
            changes(at, node, *v);
        } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            if (is_quorum(partition_name(l->partition)))
                reigns_[node] = {l->partition, l->epoch, Offset{0}, {}, {}, 0};
        } else if (const auto it = reigns_.find(node); it != reigns_.end()) {
            reigning(it, event);
        }
    }
    void on_sim(MonoTime, const SimEvent& event) override {
        if (const auto* s = std::get_if<NodeStarted>(&event)) reigns_.erase(s->node);
    }

private:
    struct Reign {
        probe::PartitionKey quorum = 0;
        Epoch epoch;
        Offset committed;
        std::optional<Offset> begins;   // its first record
        std::optional<Offset> changed;  // where the voters of its newest change stand
        std::uint64_t number = 0;       // of that event
    };
    using Reigns = std::map<NodeId, Reign>;

    void reigning(Reigns::iterator it, const probe::Event& event) {
        Reign& reign = it->second;
        if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            if (h->partition == reign.quorum) reign.committed = h->hw;
        } else if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
            if (a->partition == reign.quorum && a->epoch == reign.epoch && !reign.begins)
                reign.begins = a->first;
        } else if (const auto* f = std::get_if<probe::PartitionFollows>(&event)) {
            if (f->partition == reign.quorum) reigns_.erase(it);
        }
    }

    void changes(MonoTime at, NodeId node, const probe::VotersChanged& v) {
        ++premises_;
        if (std::popcount(v.before ^ v.members) > 1) {
            return violate(at, fmt::format("the voters {} became {} at offset {} in the log of "
                                           "n{}: more than one comes or goes",
                                           id_set(v.before), id_set(v.members), v.at.v, node.v));
        }
        const auto it = reigns_.find(node);
        if (it == reigns_.end() || it->second.epoch != v.epoch) return;
        Reign& reign = it->second;
        const auto told = fmt::format(
            "n{}, which leads the quorum in epoch {}, changes the voters "
            "at offset {}, but its ",
            node.v, v.epoch.v, v.at.v);
        const auto below =
            fmt::format("is not committed: only what is below {} is", reign.committed.v);
        if (reign.begins && reign.committed <= *reign.begins) {
            violate(at, fmt::format("{}first record at {} {}", told, reign.begins->v, below));
        } else if (reign.changed && reign.committed <= *reign.changed) {
            violate(at, fmt::format("{}change at {} {}", told, reign.changed->v, below),
                    reign.number);
        }
        reign.changed = v.at;
        reign.number = event_number();
    }

    Reigns reigns_;
};
}  // namespace

std::unique_ptr<Oracle> make_voters_by_one(Judge& judge) {
    return std::make_unique<VotersByOne>(judge);
}
}  // namespace faultline::sim
