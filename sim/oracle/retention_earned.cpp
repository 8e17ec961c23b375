// INV-86 retention-earned: a record is deleted by age only when retention.ms has really passed
// since it was acknowledged. A wall clock that jumps ahead for a moment earns nothing.
#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class RetentionEarned final : public Oracle {
public:
    RetentionEarned(Judge& judge, const Cast& cast)
        : Oracle(judge, 86, "retention-earned"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            if (a->first.v >= 0) acks_[a->partition].push_back({a->first.v, at});
            return;
        }
        const auto* s = std::get_if<probe::LogStartMoved>(&event);
        if (s == nullptr) return;
        const auto limit =
            cast_.retention_ms.find(std::string(topic_of(partition_name(s->partition))));
        if (limit == cast_.retention_ms.end()) return;
        for (const Ack& ack : acks_[s->partition]) {
            if (ack.offset >= s->to.v) continue;
            ++premises_;
            const std::int64_t age_ms = (at - ack.at).count() / 1'000'000;
            if (limit->second >= 0 && age_ms >= limit->second) continue;
            return violate(at,
                           fmt::format("offset {} of {} was acknowledged at {} and kept for {} ms "
                                       "by retention.ms, but deleted after {} ms",
                                       ack.offset, partition_name(s->partition),
                                       format_seconds(ack.at - MonoTime{}), limit->second, age_ms));
        }
    }

private:
    struct Ack {
        std::int64_t offset;
        MonoTime at;
    };
    const Cast& cast_;
    std::map<probe::PartitionKey, std::vector<Ack>> acks_;
};
}  // namespace

std::unique_ptr<Oracle> make_retention_earned(Judge& judge, const Cast& cast) {
    return std::make_unique<RetentionEarned>(judge, cast);
}
}  // namespace faultline::sim
