// INV-154 own-epoch: a leader of the quorum commits nothing before a record of its own epoch (Raft,
// 5.4.2). What earlier epochs left may be held by a majority and still be taken away by the next
// election (figure 8): this speaks when it is committed, not when it is lost.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class OwnEpoch final : public Oracle {
public:
    explicit OwnEpoch(Judge& judge) : Oracle(judge, 154, "own-epoch") {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            if (!is_quorum(partition_name(l->partition))) return;
            reigns_[node] = {l->partition, l->epoch, {}, {}, event_number()};
            return;
        }
        const auto it = reigns_.find(node);
        if (it == reigns_.end()) return;
        Reign& reign = it->second;
        if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            if (h->partition != reign.quorum) return;
            if (reign.known) return commits(at, node, reign, h->hw);
            reign.known = h->hw;
        } else if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
            if (a->partition == reign.quorum && a->epoch == reign.epoch && !reign.begins)
                reign.begins = a->first;
        } else if (const auto* f = std::get_if<probe::PartitionFollows>(&event)) {
            if (f->partition == reign.quorum) reigns_.erase(it);
        } else if (const auto* m = std::get_if<probe::MetadataApplied>(&event)) {
            commits(at, node, reign, m->end);
        }
    }
    void on_sim(MonoTime, const SimEvent& event) override {
        if (const auto* s = std::get_if<NodeStarted>(&event)) reigns_.erase(s->node);
    }

private:
    struct Reign {
        probe::PartitionKey quorum = 0;
        Epoch epoch;
        std::optional<Offset> known;   // committed, as it knew when it was elected
        std::optional<Offset> begins;  // its first record
        std::uint64_t number = 0;      // of the event
    };

    void commits(MonoTime at, NodeId node, const Reign& reign, Offset end) {
        if (!reign.known || end <= *reign.known) return;
        ++premises_;
        if (reign.begins && end > *reign.begins) return;
        violate(at,
                fmt::format("n{} leads the quorum in epoch {} and knew what is below {} to be "
                            "committed, but commits up to {} without a record of its own epoch",
                            node.v, reign.epoch.v, reign.known->v, end.v),
                reign.number);
    }

    std::map<NodeId, Reign> reigns_;
};
}  // namespace

std::unique_ptr<Oracle> make_own_epoch(Judge& judge) { return std::make_unique<OwnEpoch>(judge); }
}  // namespace faultline::sim
