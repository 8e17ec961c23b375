// INV-80 acked-is-durable: an acknowledged record stays in the log, at its offset, within the
// contract of its acknowledgement (survival_budget.h):
//   acks=all with flush.before.ack   survives crash and power loss
//   any other acknowledgement        survives a crash; power loss or a failed sync may take a
//   suffix
// Beyond the budget (a lying disk, rot, ...) records may be lost, but as the end of a log that is
// reported to be shorter, or in a partition that is reported as damaged: never silently. Within it
// no partition may be reported as damaged.
#include <algorithm>
#include <deque>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/late_answers.h"
#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {

struct Ack {
    std::int64_t first_offset, last_offset;
    std::int32_t client;
    std::int64_t first_record;
    MonoTime at;
    std::uint64_t number;  // of the event
    bool lost = false;     // within or beyond the budget, and reported
    bool late = false;     // perhaps given before the log was cut, as the budget allowed
};

struct Log {
    std::deque<Ack> acks;  // in order of acknowledgement; not those that retention took
    std::int64_t start = 0;
    bool corrupt = false;
    std::map<std::int64_t, std::pair<std::int32_t, std::int64_t>> audited;  // offset -> record
};

class AckedIsDurable final : public Oracle {
public:
    AckedIsDurable(Judge& judge, const Cast& cast)
        : Oracle(judge, 80, "acked-is-durable"), cast_(cast), budget_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        budget_.on_probe(event);
        answers_.on_probe(event);
        if (const auto* e = std::get_if<probe::ProduceAcked>(&event)) {
            if (e->first.v >= 0 && e->count > 0) acknowledged(at, *e);  // acks=0 promises nothing
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            if (d->consumer == cast_.auditor()) {
                logs_[d->partition].audited[d->at.v] = {d->client, d->record};
            }
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            shortened(at, o->partition, o->log_end.v, "was recovered and ends at");
            budget_.opened(o->partition);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            shortened(at, t->partition, t->to.v, "was truncated to");
        } else if (const auto* s = std::get_if<probe::LogStartMoved>(&event)) {
            Log& log = logs_[s->partition];
            log.start = s->to.v;  // whether it may: INV-86
            while (!log.acks.empty() && log.acks.front().last_offset < log.start)
                log.acks.pop_front();
        } else if (const auto* c = std::get_if<probe::CorruptionFound>(&event)) {
            damaged(at, *c);
            // Without its metadata the broker does not start: everything is out of service.
            if (partition_name(c->partition).starts_with("__cluster_metadata")) all_corrupt_ = true;
        }
    }

    void on_sim(MonoTime, const SimEvent& event) override { budget_.on_sim(event); }

    void finish(MonoTime at) override {
        for (const auto& [key, log] : logs_) {
            if (log.corrupt || all_corrupt_) continue;  // out of service, and said so
            for (const Ack& ack : log.acks) check_audit(at, key, log, ack);
        }
    }

    std::string remark() const override {
        if (lost_within_ + lost_beyond_ == 0) return "";
        return fmt::format(
            "reported losses: {} acknowledged records that promised no durability, "
            "{} beyond what the contract covers",
            lost_within_, lost_beyond_);
    }

private:
    void acknowledged(MonoTime at, const probe::ProduceAcked& e) {
        Ack ack{e.first.v, e.first.v + e.count - 1, e.client, e.first_record, at, event_number()};
        using When = LateAnswers::When;
        const When given =
            answers_.acknowledged(e.partition, ack.last_offset, e.client, e.first_record);
        if (given != When::now && !cast_.promises_durability(e.client)) {
            // What a cut may take it may also take before its client reads of it.
            const auto* cut =
                answers_.since(e.partition, ack.last_offset, e.client, e.first_record);
            ack.late = cut->allowed;
            ack.lost = ack.late && given == When::before;
            if (ack.lost) ++(budget_.beyond() ? lost_beyond_ : lost_within_);
        }
        logs_[e.partition].acks.push_back(ack);
    }

    // A broker that takes its own log for damaged puts acknowledged records out of service.
    void damaged(MonoTime at, const probe::CorruptionFound& found) {
        ++premises_;
        if (!budget_.beyond()) {
            violate(at, fmt::format("offset {} of {} is called damaged, but the disk kept every "
                                    "promise: nothing but the broker can have damaged it",
                                    found.at.v, partition_name(found.partition)));
        }
        logs_[found.partition].corrupt = true;
    }

    void shortened(MonoTime at, probe::PartitionKey key, std::int64_t end, std::string_view how) {
        Log& log = logs_[key];
        const bool at_risk = budget_.beyond() || budget_.unsynced_at_risk(key);
        answers_.cut(key, end, at_risk);
        for (Ack& ack : log.acks) {
            ++premises_;
            if (ack.last_offset < end || ack.lost) continue;
            const bool allowed =
                budget_.beyond() || (at_risk && !cast_.promises_durability(ack.client));
            if (allowed || ack.late) {
                ack.lost = true;
                ++(budget_.beyond() ? lost_beyond_ : lost_within_);
                continue;
            }
            violate(at,
                    fmt::format(
                        "{} acknowledged record {} of {} at offset {} of {} at {}, but "
                        "the log {} offset {} at {}",
                        "the broker",
                        ack.first_record + (end > ack.first_offset ? end - ack.first_offset : 0),
                        cast_.producer_name(ack.client), std::max(ack.first_offset, end),
                        partition_name(key), format_seconds(ack.at - MonoTime{}), how, end,
                        format_seconds(at - MonoTime{})),
                    ack.number);
            return;
        }
    }

    void check_audit(MonoTime at, probe::PartitionKey key, const Log& log, const Ack& ack) {
        if (ack.lost) return;
        for (std::int64_t o = std::max(ack.first_offset, log.start); o <= ack.last_offset; ++o) {
            ++premises_;
            const auto it = log.audited.find(o);
            const std::int64_t record = ack.first_record + (o - ack.first_offset);
            if (it != log.audited.end() && it->second == std::pair{ack.client, record}) continue;
            if (ack.late) return;
            const std::string found = it == log.audited.end()
                                          ? std::string("nothing")
                                          : fmt::format("record {} of {}", it->second.second,
                                                        cast_.producer_name(it->second.first));
            violate(at,
                    fmt::format("the broker acknowledged record {} of {} at offset {} of {} at "
                                "{}, but at the end a reader finds {} there",
                                record, cast_.producer_name(ack.client), o, partition_name(key),
                                format_seconds(ack.at - MonoTime{}), found),
                    ack.number);
            return;
        }
    }

    const Cast& cast_;
    SurvivalBudget budget_;
    LateAnswers answers_;
    bool all_corrupt_ = false;
    std::uint64_t lost_within_ = 0, lost_beyond_ = 0;
    std::map<probe::PartitionKey, Log> logs_;
};
}  // namespace

std::unique_ptr<Oracle> make_acked_is_durable(Judge& judge, const Cast& cast) {
    return std::make_unique<AckedIsDurable>(judge, cast);
}
}  // namespace faultline::sim
