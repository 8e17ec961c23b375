// INV-91 log-structure: log start <= high watermark <= log end, the log start never falls while a
// log lives, and leader epochs never fall along a log.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class LogStructure final : public Oracle {
public:
    explicit LogStructure(Judge& judge) : Oracle(judge, 91, "log-structure") {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            Log& log = logs_[o->partition];
            log = {o->log_start.v, o->log_end.v, 0, log.epoch};
            if (o->log_end.v == 0) log.epoch = -1;
            check(at, o->partition);
        } else if (const auto* s = std::get_if<probe::LogStartMoved>(&event)) {
            Log& log = logs_[s->partition];
            if (s->to.v < log.start) {
                violate(at,
                        fmt::format(
                            "the log of {} started at offset {}, but its start moved back to {}",
                            partition_name(s->partition), log.start, s->to.v));
            }
            log.start = s->to.v;
            check(at, s->partition);
        } else if (const auto* b = std::get_if<probe::BatchAppended>(&event)) {
            Log& log = logs_[b->partition];
            log.end = b->last.v + 1;
            ++premises_;
            if (b->epoch.v < log.epoch) {
                violate(at, fmt::format("the log of {} had reached leader epoch {}, but a batch of "
                                        "epoch {} was appended",
                                        partition_name(b->partition), log.epoch, b->epoch.v));
            }
            log.epoch = b->epoch.v;
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            logs_[t->partition].end = t->to.v;
            logs_[t->partition].hw = std::min(logs_[t->partition].hw, t->to.v);
        } else if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
            logs_[h->partition].hw = h->hw.v;
            check(at, h->partition);
        }
    }

private:
    struct Log {
        std::int64_t start = 0, end = 0, hw = 0;
        std::int32_t epoch = -1;
    };
    void check(MonoTime at, probe::PartitionKey key) {
        const Log& log = logs_[key];
        ++premises_;
        if (log.start > log.end || log.hw > log.end) {
            violate(at, fmt::format("the log of {} starts at offset {} and ends at {}, but its "
                                    "high watermark is {}",
                                    partition_name(key), log.start, log.end, log.hw));
        }
    }
    std::map<probe::PartitionKey, Log> logs_;
};
}  // namespace

std::unique_ptr<Oracle> make_log_structure(Judge& judge, const Cast&) {
    return std::make_unique<LogStructure>(judge);
}
}  // namespace faultline::sim
