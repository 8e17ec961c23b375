// INV-149 deleted-stays-deleted: once DeleteRecords was answered, nobody begins to lead with a log
// that starts lower. A replica that was down then is bound as soon as it is in the ISR again: as in
// Kafka, the answer waits for live replicas alone (KIP-107).
#include <fmt/format.h>

#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class DeletedStays final : public ClusterOracle {
public:
    DeletedStays(Judge& judge, const Cast& cast, ClusterLogsRef logs)
        : ClusterOracle(judge, 149, "deleted-stays-deleted", std::move(logs)) {
        for (std::int32_t n = 1; n <= cast.brokers; ++n) up_.insert(NodeId{n});
    }

private:
    struct Deleted {
        std::int64_t below = 0;
        std::uint64_t number = 0;  // of the answer
        std::set<NodeId> bound;    // they must not show it again
    };

    void look(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* d = std::get_if<probe::RecordsDeleted>(&event)) {
            answered(*d);
        } else if (const auto* i = std::get_if<probe::IsrChanged>(&event)) {
            const auto it = deleted_.find(i->partition);
            if (it == deleted_.end() || !it->second.bound.contains(node)) return;
            for (std::int32_t n = 0; n < 64; ++n) {
                if ((i->members >> n & 1U) != 0) it->second.bound.insert(NodeId{n});
            }
        } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            leads(at, node, l->partition);
        } else if (const auto* r = std::get_if<probe::LogRemoved>(&event)) {
            const auto it = deleted_.find(r->partition);
            if (it != deleted_.end()) it->second.bound.erase(node);
        }
    }

    void watch(MonoTime, const SimEvent& event) override {
        if (const auto* s = std::get_if<NodeStarted>(&event)) up_.insert(s->node);
        if (const auto* c = std::get_if<NodeCrashed>(&event)) up_.erase(c->node);
        if (const auto* s = std::get_if<NodeStopped>(&event)) up_.erase(s->node);
    }

    void answered(const probe::RecordsDeleted& d) {
        if (logs().find(d.partition) == nullptr) return;
        Deleted& deleted = deleted_[d.partition];
        if (d.low_watermark.v < deleted.below) return;
        deleted = {d.low_watermark.v, event_number(), up_};
    }

    void leads(MonoTime at, NodeId node, probe::PartitionKey key) {
        auto* p = logs().find(key);
        const auto it = deleted_.find(key);
        if (p == nullptr || it == deleted_.end() || !it->second.bound.contains(node)) return;
        if (logs().may_lose(*p)) return;
        ++premises_;
        const std::int64_t start = logs().replica(*p, node).start;
        if (start >= it->second.below) return;
        violate(at,
                fmt::format("what is below offset {} of {} was answered as deleted, but {} begins "
                            "to lead with a log that starts at {}",
                            it->second.below, partition_name(key), node_name(node), start),
                it->second.number);
    }

    std::set<NodeId> up_;
    std::map<probe::PartitionKey, Deleted> deleted_;
};
}  // namespace

std::unique_ptr<Oracle> make_deleted_stays(Judge& judge, const Cast& cast, ClusterLogsRef logs) {
    return std::make_unique<DeletedStays>(judge, cast, std::move(logs));
}
}  // namespace faultline::sim
