// INV-142 one-leader: an epoch of a partition has one leader, an epoch of the quorum one active
// controller.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class OneLeader final : public Oracle {
public:
    OneLeader(Judge& judge, const Cast& cast) : Oracle(judge, 142, "one-leader"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            const std::string_view name = partition_name(l->partition);
            if (is_quorum(name)) return leads(at, node, 0, l->epoch.v, "the quorum");
            // A topic that comes again under its name begins its epochs anew.
            if (!cast_.topics.contains(std::string(topic_of(name)))) return;
            leads(at, node, l->partition, l->epoch.v, name);
        } else if (const auto* c = std::get_if<probe::ControllerActive>(&event)) {
            leads(at, node, 0, c->epoch.v, "the quorum");
        }
    }

private:
    struct Leader {
        NodeId node;
        std::uint64_t number;
    };
    void leads(MonoTime at, NodeId node, probe::PartitionKey key, std::int32_t epoch,
               std::string_view what) {
        ++premises_;
        const auto [it, first] = leaders_.try_emplace({key, epoch}, Leader{node, event_number()});
        if (first || it->second.node == node) return;
        violate(at,
                fmt::format("n{} led {} in epoch {}, but n{} leads it in the same epoch",
                            it->second.node.v, what, epoch, node.v),
                it->second.number);
    }

    const Cast& cast_;
    std::map<std::pair<probe::PartitionKey, std::int32_t>, Leader> leaders_;  // 0: the quorum
};
}  // namespace

std::unique_ptr<Oracle> make_one_leader(Judge& judge, const Cast& cast) {
    return std::make_unique<OneLeader>(judge, cast);
}
}  // namespace faultline::sim
