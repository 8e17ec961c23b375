// INV-95 to INV-102: the black-box checks of history.h, over what the clients of a run were told.
#include <map>
#include <set>
#include <utility>

#include "sim/oracle/history.h"
#include "sim/oracle/oracle.h"
#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {

// Of a longer history the beginning is kept and judged: memory stays flat, and the online oracles
// judge the rest all the same.
constexpr std::size_t kMostOperations = 100'000;

// Gathers one history for all checks.
class Gatherer {
public:
    Gatherer(Judge& judge, const Cast& cast) : judge_(judge), cast_(cast), budget_(cast) {
        for (std::size_t i = 0; i < cast.producers.size(); ++i) {
            if (cast.producers[i].idempotence) h_.exactly_once.insert(static_cast<std::int32_t>(i));
        }
    }

    void on_probe(NodeId node, const probe::Event& event) {
        budget_.on_probe(event);
        if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            std::int64_t& end = ends_.try_emplace({o->partition, node}, 0).first->second;
            if (o->log_end.v < end) {
                lost_.insert(o->partition);
                cut(o->partition);
            }
            end = o->log_end.v;
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            cut(t->partition);
            if (t->to > t->from) h_.begun_anew.insert(t->partition);
        } else if (const auto* c = std::get_if<probe::CorruptionFound>(&event)) {
            h_.shortened.insert(c->partition);
        } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
            h_.trimmed.insert(m->partition);
        } else if (const auto* b = std::get_if<probe::BatchAppended>(&event)) {
            ends_[{b->partition, node}] = b->last.v + 1;
        } else if (complete()) {
            client(event);
        }
    }
    void on_sim(const SimEvent& event) {
        budget_.on_sim(event);
        const auto* crash = std::get_if<NodeCrashed>(&event);
        if (crash == nullptr) return;
        unclean_.insert(crash->node);
        power_lost_ |= crash->power_loss;
        for (const probe::PartitionKey p : lost_) cut(p);
    }

    bool complete() const { return h_.sends.size() + h_.polls.size() < kMostOperations; }
    // Beyond the budget the online oracles say what may be lost; a client cannot know.
    bool judges(const HistoryCheck& check) const {
        return !budget_.beyond() && (complete() || !check.needs_end);
    }
    const History& history() const { return h_; }

private:
    // A log lost its end. It may be the one that all follow, now or when others have gone. One
    // replica's end is its own affair in a cluster: what the in-sync replicas have acknowledged
    // stays, unless the topic elects uncleanly, or acknowledgements do not wait for disks, one lost
    // power and as many stopped uncleanly as it takes to acknowledge: nobody can tell a kill from a
    // power loss then (KIP-966, ClusterLogs::may_lose).
    void cut(probe::PartitionKey partition) {
        const std::string topic(topic_of(judge_.recorder().partition_name(partition)));
        const bool one = cast_.brokers == 1;
        const auto needed = cast_.min_isr.find(topic);
        const bool at_risk = !cast_.flushes(topic) && power_lost_ &&
                             needed != cast_.min_isr.end() &&
                             std::cmp_greater_equal(unclean_.size(), needed->second);
        if (one || at_risk || cast_.unclean_topics.contains(topic)) h_.shortened.insert(partition);
    }

    // Whether the client's acknowledgements say that a record stays.
    bool promises(std::int32_t client) const {
        const Acks acks = cast_.producers[static_cast<std::size_t>(client)].acks;
        return acks == Acks::all || (acks == Acks::leader && cast_.brokers == 1);
    }

    void client(const probe::Event& event) {
        if (const auto* s = std::get_if<probe::ProduceSent>(&event)) {
            for (std::int32_t i = 0; i < s->count; ++i) {
                where_[{s->client, s->first_record + i}] = h_.sends.size();
                h_.sends.push_back({.client = s->client,
                                    .record = s->first_record + i,
                                    .partition = s->partition});
            }
        } else if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            for (std::int32_t i = 0; i < a->count; ++i) {
                SendOp* op = find(a->client, a->first_record + i);
                if (op == nullptr || !promises(a->client)) continue;
                op->outcome = SendOutcome::acked;
                op->offset = a->first.v < 0 ? -1 : a->first.v + i;
            }
        } else if (const auto* f = std::get_if<probe::ProduceFailed>(&event)) {
            for (std::int32_t i = 0; i < f->count; ++i) {
                SendOp* op = find(f->client, f->first_record + i);
                if (op != nullptr && !f->maybe_written) op->outcome = SendOutcome::failed;
            }
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            h_.polls.push_back({.consumer = d->consumer,
                                .partition = d->partition,
                                .offset = d->at.v,
                                .client = d->client,
                                .record = d->record});
        }
    }
    SendOp* find(std::int32_t client, std::int64_t record) {
        const auto it = where_.find({client, record});
        return it == where_.end() ? nullptr : &h_.sends[it->second];
    }

    Judge& judge_;
    const Cast& cast_;
    SurvivalBudget budget_;
    std::set<NodeId> unclean_;  // nodes that were killed or lost power
    bool power_lost_ = false;
    std::set<probe::PartitionKey> lost_;  // a log of theirs was opened with less than it had
    History h_;
    std::map<std::pair<std::int32_t, std::int64_t>, std::size_t> where_;
    std::map<std::pair<probe::PartitionKey, NodeId>, std::int64_t> ends_;  // of each node's log
};

class HistoryOracle final : public Oracle {
public:
    HistoryOracle(Judge& judge, const HistoryCheck& check, std::shared_ptr<Gatherer> gatherer,
                  bool gathers)
        : Oracle(judge, check.invariant, check.name),
          check_(check),
          gatherer_(std::move(gatherer)),
          gathers_(gathers) {}
    bool listens() const override { return gathers_; }
    void on_probe(MonoTime, NodeId node, const probe::Event& event) override {
        gatherer_->on_probe(node, event);
    }
    void on_sim(MonoTime, const SimEvent& event) override { gatherer_->on_sim(event); }
    void finish(MonoTime at) override {
        if (!gatherer_->judges(check_)) return;
        Anomaly found = check_.check(gatherer_->history());
        premises_ += found.checked;
        if (found.found()) violate(at, std::move(found.sentence));
    }

    std::string remark() const override {
        if (!gathers_ || gatherer_->complete()) return "";
        return "history of clients: longer than 100,000 operations; of what came later INV-96 to "
               "INV-102 have judged nothing, INV-95 and INV-98 nothing at all";
    }

private:
    const HistoryCheck& check_;
    std::shared_ptr<Gatherer> gatherer_;
    bool gathers_;  // one of them does, for all
};
}  // namespace

void add_history_oracles(std::vector<std::unique_ptr<Oracle>>& all, Judge& judge,
                         const Cast& cast) {
    const auto gatherer = std::make_shared<Gatherer>(judge, cast);
    for (const HistoryCheck& check : history_checks())
        all.push_back(std::make_unique<HistoryOracle>(judge, check, gatherer,
                                                      &check == history_checks().data()));
}
}  // namespace faultline::sim
