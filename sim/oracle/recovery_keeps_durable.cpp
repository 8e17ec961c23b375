// INV-93 recovery-keeps-durable: a log that is opened again ends no earlier than what fsync had
// covered, whoever had been told of it. Beyond the survival budget a shorter end is a reported
// loss.
#include <fmt/format.h>

#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {

class RecoveryKeepsDurable final : public Oracle {
public:
    RecoveryKeepsDurable(Judge& judge, const Cast& cast)
        : Oracle(judge, 93, "recovery-keeps-durable"), cast_(cast), budget_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        budget_.on_probe(event);
        if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
            durable_[f->partition] = {f->durable_end.v, event_number()};
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            auto& d = durable_[t->partition];
            d.end = std::min(d.end, t->to.v);
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            // A topic that comes and goes begins anew under its old name.
            const std::string topic(topic_of(partition_name(o->partition)));
            const Durable before = durable_[o->partition];
            durable_[o->partition] = {o->log_end.v, event_number()};
            if (!cast_.topics.contains(topic) || budget_.beyond()) return;
            ++premises_;
            if (o->log_end.v >= before.end) return;
            violate(at,
                    fmt::format(
                        "{} was durable up to offset {}, but was opened again with its end at {}",
                        partition_name(o->partition), before.end, o->log_end.v),
                    before.number);
        }
    }
    void on_sim(MonoTime, const SimEvent& event) override { budget_.on_sim(event); }

private:
    struct Durable {
        std::int64_t end = 0;
        std::uint64_t number = 0;
    };
    const Cast& cast_;
    SurvivalBudget budget_;
    std::map<probe::PartitionKey, Durable> durable_;
};
}  // namespace

std::unique_ptr<Oracle> make_recovery_keeps_durable(Judge& judge, const Cast& cast) {
    return std::make_unique<RecoveryKeepsDurable>(judge, cast);
}
}  // namespace faultline::sim
