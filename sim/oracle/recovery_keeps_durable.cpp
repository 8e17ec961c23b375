// INV-93 recovery-keeps-durable: a log that is opened again ends no earlier than what fsync had
// covered, whoever had been told of it, and a torn end is cut behind that only. Beyond the survival
// budget a shorter end is a reported loss. A directory that failed gives no partition back, empty
// or not, before its broker starts again.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {

class RecoveryKeepsDurable final : public Oracle {
public:
    RecoveryKeepsDurable(Judge& judge, const Cast& cast)
        : Oracle(judge, 93, "recovery-keeps-durable"),
          cast_(cast),
          budget_(cast),
          moves_(std::ranges::find(cast.faults, FaultKind::reassign) != cast.faults.end()) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        budget_.on_probe(event);
        if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
            durable_[{node, f->partition}] = {f->durable_end.v, event_number()};
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            auto& d = durable_[{node, t->partition}];
            d.end = std::min(d.end, t->to.v);
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            // A replica that was moved away and comes back begins anew.
            if (o->log_end.v == 0 && moves_) durable_.erase({node, o->partition});
            const auto before = durable_.find({node, o->partition});
            const auto failed = failed_.find(node);
            if (before != durable_.end() && failed != failed_.end() &&
                o->log_end.v < before->second.end && stays(o->partition)) {
                violate(at,
                        fmt::format("a log directory failed, and {}, durable up to offset {}, was "
                                    "made anew with its end at {} before the broker started again",
                                    partition_name(o->partition), before->second.end, o->log_end.v),
                        failed->second);
            }
            keeps(at, {node, o->partition}, o->log_end.v, "was opened again with its end at");
            durable_[{node, o->partition}] = {o->log_end.v, event_number()};
        } else if (const auto* c = std::get_if<probe::TornTailCut>(&event)) {
            keeps(at, {node, c->partition}, c->log_end.v, "had its torn end cut off at");
        } else if (std::holds_alternative<probe::LogDirFailed>(event)) {
            failed_.try_emplace(node, event_number());
        }
    }
    void on_sim(MonoTime, const SimEvent& event) override {
        budget_.on_sim(event);
        if (const auto* s = std::get_if<NodeStarted>(&event)) failed_.erase(s->node);
    }

private:
    using Replica = std::pair<NodeId, probe::PartitionKey>;
    struct Durable {
        std::int64_t end = 0;
        std::uint64_t number = 0;
    };
    // A topic that comes and goes begins anew under its old name.
    bool stays(probe::PartitionKey key) const {
        const std::string_view name = partition_name(key);
        return cast_.topics.contains(std::string(topic_of(name))) ||
               name.starts_with("__cluster_metadata");
    }
    void keeps(MonoTime at, Replica replica, std::int64_t end, std::string_view how) {
        const auto before = durable_.find(replica);
        if (before == durable_.end() || budget_.beyond() || !stays(replica.second)) return;
        ++premises_;
        if (end >= before->second.end) return;
        violate(at,
                fmt::format("{} was durable up to offset {}, but {} {}",
                            partition_name(replica.second), before->second.end, how, end),
                before->second.number);
    }

    const Cast& cast_;
    SurvivalBudget budget_;
    bool moves_;  // the scenario reassigns replicas
    std::map<Replica, Durable> durable_;
    std::map<NodeId, std::uint64_t> failed_;  // since its start: the number of the event
};
}  // namespace

std::unique_ptr<Oracle> make_recovery_keeps_durable(Judge& judge, const Cast& cast) {
    return std::make_unique<RecoveryKeepsDurable>(judge, cast);
}
}  // namespace faultline::sim
