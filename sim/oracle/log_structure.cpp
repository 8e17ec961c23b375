// INV-91 log-structure: what a log says of itself fits together, at every moment.
//   epochs do not decrease from batch to batch
//   the log start moves forward only, from where it was, and not beyond the log end
//   log start <= high watermark <= log end
//   only what is in the log is called durable, and durability is not taken back
//   a new segment begins at the log end, when everything before it is durable
//   segments are deleted oldest first; a durable deletion stays: the log start never falls below it
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/survival_budget.h"

namespace faultline::sim {
namespace {

class LogStructure final : public Oracle {
public:
    LogStructure(Judge& judge, const Cast& cast)
        : Oracle(judge, 91, "log-structure"), budget_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        node_ = node;
        if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
            appended(at, *a);
        } else if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
            flushed(at, *f);
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            opened(at, *o);
        } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
            moved(at, *m);
        } else if (const auto* r = std::get_if<probe::SegmentRolled>(&event)) {
            rolled(at, *r);
        } else if (const auto* d = std::get_if<probe::SegmentDeleted>(&event)) {
            deleted(at, *d);
        } else if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            visible(at, *h);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            Log& log = logs_[{node_, t->partition}];
            log.end = t->to.v;
            log.durable = std::min(log.durable, log.end);
            log.start = std::min(log.start, log.end);
            log.cut_to = t->to.v;
            cut_epochs(log);
            // A follower whose leader deleted all that it had: it begins again above its end.
            if (t->to > t->from) log.start = log.durable = log.end;
        }
    }
    void on_sim(MonoTime, const SimEvent& event) override { budget_.on_sim(event); }

private:
    struct Log {
        bool known = false;
        std::int64_t start = 0, end = 0, durable = 0;
        std::int64_t cut_to = -1;       // where it was cut last
        std::int64_t gone = 0;          // below this a durable deletion took everything
        std::int64_t newest_gone = -1;  // base of the segment that retention deleted last
        struct Reign {
            std::int32_t epoch;
            std::int64_t first;      // offset of its first batch
            std::uint64_t appended;  // number of that event
        };
        std::vector<Reign> reigns;                // in order
        std::uint64_t start_at = 0, gone_at = 0;  // numbers of events
    };

    // What was cut off takes its epochs with it.
    static void cut_epochs(Log& log) {
        while (!log.reigns.empty() && log.reigns.back().first >= log.end) log.reigns.pop_back();
    }

    void appended(MonoTime at, const probe::BatchAppended& a) {
        Log& log = logs_[{node_, a.partition}];
        ++premises_;
        const std::int32_t newest = log.reigns.empty() ? -1 : log.reigns.back().epoch;
        if (a.epoch.v < newest) {
            violate(at,
                    fmt::format("the log of {} held a batch of epoch {}, but the batch appended at "
                                "offset {} is of epoch {}",
                                partition_name(a.partition), newest, a.first.v, a.epoch.v),
                    log.reigns.back().appended);
        }
        if (a.epoch.v > newest) log.reigns.push_back({a.epoch.v, a.first.v, event_number()});
        log.end = a.last.v + 1;
    }

    void flushed(MonoTime at, const probe::LogFlushed& f) {
        Log& log = logs_[{node_, f.partition}];
        if (log.known && (f.durable_end.v > log.end || f.durable_end.v < log.durable)) {
            violate(at, fmt::format("the log of {} ends at offset {} and was durable up to {}, but "
                                    "now it is called durable up to {}",
                                    partition_name(f.partition), log.end, log.durable,
                                    f.durable_end.v));
        }
        log.durable = f.durable_end.v;
    }

    void visible(MonoTime at, const probe::HighWatermark& h) {
        const Log& log = logs_[{node_, h.partition}];
        if (!log.known) return;
        ++premises_;
        if (h.hw.v >= log.start && h.hw.v <= log.end) return;
        violate(at,
                fmt::format("the log of {} starts at offset {} and ends at {}, but its high "
                            "watermark is {}",
                            partition_name(h.partition), log.start, log.end, h.hw.v),
                log.start_at);
    }

    void opened(MonoTime at, const probe::LogOpened& o) {
        Log& log = logs_[{node_, o.partition}];
        const std::string_view name = partition_name(o.partition);
        if (o.log_start > o.log_end) {
            violate(at, fmt::format("{} was opened with its start at offset {}, but its end at {}",
                                    name, o.log_start.v, o.log_end.v));
        }
        // Empty from the beginning: perhaps another topic of this name.
        if (o.log_end.v == 0) log = {};
        if (o.log_start.v < log.gone && !budget_.beyond()) {
            violate(at,
                    fmt::format("the deletion of what lies below offset {} of {} was durable, but "
                                "the log was opened with its start at {}",
                                log.gone, name, o.log_start.v),
                    log.gone_at);
        }
        log.known = true;
        log.start = o.log_start.v;
        log.start_at = event_number();
        log.end = log.durable = o.log_end.v;
        cut_epochs(log);
        log.newest_gone = -1;
    }

    void moved(MonoTime at, const probe::LogStartMoved& m) {
        Log& log = logs_[{node_, m.partition}];
        if (!log.known) return;
        ++premises_;
        // Begun anew with nothing in it, as by a snapshot: it starts where it was cut to.
        if (m.from.v == log.cut_to && m.from.v > log.start) log.start = m.from.v;
        if (m.from.v != log.start || m.to <= m.from || m.to.v > log.end) {
            violate(at,
                    fmt::format("the log of {} started at offset {} and ended at {}, but its start "
                                "was moved from {} to {}",
                                partition_name(m.partition), log.start, log.end, m.from.v, m.to.v),
                    log.start_at);
        }
        log.start = m.to.v;
        log.start_at = event_number();
    }

    void rolled(MonoTime at, const probe::SegmentRolled& r) {
        Log& log = logs_[{node_, r.partition}];
        if (!log.known) return;
        ++premises_;
        if (r.base.v != log.end || log.durable < log.end) {
            violate(at, fmt::format("the log of {} ended at offset {} and was durable up to {}, "
                                    "but a new segment was begun at {}",
                                    partition_name(r.partition), log.end, log.durable, r.base.v));
        }
    }

    void deleted(MonoTime at, const probe::SegmentDeleted& d) {
        Log& log = logs_[{node_, d.partition}];
        if (!log.known || d.base.v >= log.start) return;  // cut off at the end, not retention
        ++premises_;
        if (d.base.v <= log.newest_gone) {
            violate(at,
                    fmt::format("the segment at offset {} of {} was deleted, but after it the one "
                                "at {}",
                                log.newest_gone, partition_name(d.partition), d.base.v),
                    log.gone_at);
        }
        log.newest_gone = d.base.v;
        // The start stands at the next segment's base: it moves before each deletion.
        log.gone = std::max(log.gone, log.start);
        log.gone_at = event_number();
    }

    SurvivalBudget budget_;
    NodeId node_;                                                 // of the event that is being told
    std::map<std::pair<NodeId, probe::PartitionKey>, Log> logs_;  // replicas
};
}  // namespace

std::unique_ptr<Oracle> make_log_structure(Judge& judge, const Cast& cast) {
    return std::make_unique<LogStructure>(judge, cast);
}
}  // namespace faultline::sim
