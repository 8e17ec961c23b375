// INV-85 high-watermark: it never exceeds the log end, nor what is durable where acknowledgements
// wait for the disk; it does not fall while the broker lives; nobody reads at or above it. A cut of
// the log takes it down; what was read before may reach its reader afterwards.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/late_answers.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class HighWatermarkOracle final : public Oracle {
public:
    HighWatermarkOracle(Judge& judge, const Cast& cast)
        : Oracle(judge, 85, "high-watermark"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        answers_.without_answers(event);
        if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
            logs_[a->partition].end = a->last.v + 1;
        } else if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
            Log& log = logs_[f->partition];
            log.durable = std::max(log.durable, f->durable_end.v);
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            Log& log = logs_[o->partition];
            log.durable = o->log_end.v;  // recovery syncs what it keeps
            cut(o->partition, log, o->log_end.v);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            Log& log = logs_[t->partition];
            log.durable = std::min(log.durable, t->to.v);
            cut(t->partition, log, t->to.v);
        } else if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            // Of the quorum's log each process learns anew what is committed: INV-121.
            if (!is_quorum(partition_name(h->partition))) moved(at, *h);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            delivered(at, *d);
        }
    }

private:
    struct Log {
        std::int64_t end = 0, durable = 0, hw = 0;
        std::int64_t highest = 0;  // of hw since the log was cut, or the end of what was kept
    };

    void cut(probe::PartitionKey key, Log& log, std::int64_t end) {
        answers_.cut(key, end, false);
        log.end = end;
        log.hw = std::min(log.hw, end);
        log.highest = std::min(log.highest, end);
    }

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        const Log& log = logs_[d.partition];
        ++premises_;
        if (d.at.v < log.highest) return;
        const bool late = d.consumer != cast_.auditor() &&
                          answers_.since(d.partition, d.at.v, d.client, d.record) != nullptr;
        if (late) return;
        violate(at, fmt::format("{} got offset {} of {}, but its high watermark never passed {}",
                                cast_.consumer_name(d.consumer), d.at.v,
                                partition_name(d.partition), log.highest));
    }

    void moved(MonoTime at, const probe::HighWatermark& h) {
        Log& log = logs_[h.partition];
        ++premises_;
        const std::string_view name = partition_name(h.partition);
        if (h.hw.v < log.hw) {
            violate(at, fmt::format("the high watermark of {} was {}, but fell to {}", name, log.hw,
                                    h.hw.v));
        } else if (h.hw.v > log.end) {
            violate(at, fmt::format("the high watermark of {} rose to {}, but its log ends at {}",
                                    name, h.hw.v, log.end));
        } else if (cast_.flushes(std::string(topic_of(name))) && h.hw.v > log.durable) {
            violate(at, fmt::format(
                            "the high watermark of {} rose to {}, but only what lies below {} is "
                            "durable",
                            name, h.hw.v, log.durable));
        }
        log.hw = h.hw.v;
        log.highest = std::max(log.highest, log.hw);
    }

    const Cast& cast_;
    LateAnswers answers_;
    std::map<probe::PartitionKey, Log> logs_;
};
}  // namespace

std::unique_ptr<Oracle> make_high_watermark(Judge& judge, const Cast& cast) {
    return std::make_unique<HighWatermarkOracle>(judge, cast);
}
}  // namespace faultline::sim
