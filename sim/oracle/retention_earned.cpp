// INV-86 retention-earned: a record is deleted by age only when retention.ms has really passed
// since it was sent. A wall clock of the broker that jumps ahead for a moment earns nothing; one
// that drifts is forgiven its drift. Timestamps are the producer's (CreateTime): a producer whose
// wall clock jumped has itself to blame, as with Kafka.
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class RetentionEarned final : public Oracle {
public:
    RetentionEarned(Judge& judge, const Cast& cast)
        : Oracle(judge, 86, "retention-earned"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* p = std::get_if<probe::ProduceSent>(&event)) {
            homes_[node].insert(p->client);
            if (early_.contains(node)) jumped_.insert(p->client);
            sent_[{p->client, p->first_record}] = at;
            return;
        }
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            const auto sent = sent_.find({a->client, a->first_record});
            const MonoTime since = sent == sent_.end() ? at : sent->second;
            if (sent != sent_.end()) sent_.erase(sent);
            if (a->first.v >= 0) acks_[a->partition].push_back({a->first.v, a->client, since});
            return;
        }
        if (const auto* f = std::get_if<probe::ProduceFailed>(&event)) {
            sent_.erase({f->client, f->first_record});
            return;
        }
        if (std::holds_alternative<probe::LogOpened>(event)) {
            // A broker that opens a log has nothing but its wall clock to tell the age of old
            // segments.
            const auto ahead = ahead_ms_.find(node);
            if (ahead != ahead_ms_.end()) forgiven_ms_ = std::max(forgiven_ms_, ahead->second);
            return;
        }
        if (const auto* s = std::get_if<probe::LogStartMoved>(&event)) {
            deleted(at, *s);
            std::erase_if(acks_[s->partition],
                          [&](const Ack& ack) { return ack.offset < s->to.v; });
        }
    }

    void on_sim(MonoTime, const SimEvent& event) override {
        if (const auto* effect = std::get_if<FaultEffect>(&event)) {
            if (effect->fault >= cast_.faults.size()) return;
            // The clocks of a process that stands still may stand too.
            const FaultKind kind = cast_.faults[effect->fault];
            if (info(kind).group == FaultClass::clock || kind == FaultKind::pause)
                distrust(effect->node);
            return;
        }
        const auto* jump = std::get_if<ClockJumped>(&event);
        if (jump == nullptr) return;
        ahead_ms_[jump->node] += jump->by_ms;
        distrust(jump->node);
    }

private:
    // Clients on this node give timestamps that say nothing.
    void distrust(NodeId node) {
        const auto home = homes_.find(node);
        if (home != homes_.end()) jumped_.insert(home->second.begin(), home->second.end());
        early_.insert(node);
    }
    struct Ack {
        std::int64_t offset;
        std::int32_t client;
        MonoTime at;  // when it was sent
    };

    void deleted(MonoTime at, const probe::LogStartMoved& s) {
        const auto limit =
            cast_.retention_ms.find(std::string(topic_of(partition_name(s.partition))));
        if (limit == cast_.retention_ms.end()) return;
        for (const Ack& ack : acks_[s.partition]) {
            if (ack.offset >= s.to.v) continue;
            if (jumped_.contains(ack.client)) continue;
            ++premises_;
            const std::int64_t age_ms = (at - ack.at).count() / 1'000'000;
            const std::int64_t forgiven =
                limit->second * cast_.max_drift_ppm / 1'000'000 * 2 + 1 + forgiven_ms_;
            if (limit->second >= 0 && age_ms + forgiven >= limit->second) continue;
            return violate(at,
                           fmt::format("offset {} of {} was sent at {} and kept for {} ms by "
                                       "retention.ms, but deleted after {} ms",
                                       ack.offset, partition_name(s.partition),
                                       format_seconds(ack.at - MonoTime{}), limit->second, age_ms));
        }
    }

    const Cast& cast_;
    std::map<probe::PartitionKey, std::vector<Ack>> acks_;
    std::map<std::pair<std::int32_t, std::int64_t>, MonoTime> sent_;
    std::map<NodeId, std::set<std::int32_t>> homes_;  // which clients live on a node
    std::set<NodeId> early_;                          // nodes that jumped before they sent anything
    std::set<std::int32_t> jumped_;
    std::map<NodeId, std::int64_t> ahead_ms_;
    std::int64_t forgiven_ms_ = 0;
};
}  // namespace

std::unique_ptr<Oracle> make_retention_earned(Judge& judge, const Cast& cast) {
    return std::make_unique<RetentionEarned>(judge, cast);
}
}  // namespace faultline::sim
