// INV-81 dense-offsets: a leader gives consecutive offsets, and a consumer with assigned partitions
// sees each offset once, in order. It may jump forward only over what retention deleted, and back
// only when the log was cut behind its position.
#include <set>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class DenseOffsets final : public Oracle {
public:
    DenseOffsets(Judge& judge, const Cast& cast)
        : Oracle(judge, 81, "dense-offsets"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
            appended(at, *a);
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            Log& log = logs_[o->partition];
            log.end = o->log_end.v;
            log.start = o->log_start.v;
            cut(o->partition, o->log_end.v);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            logs_[t->partition].end = t->to.v;
            cut(t->partition, t->to.v);
        } else if (const auto* s = std::get_if<probe::LogStartMoved>(&event)) {
            logs_[s->partition].start = s->to.v;
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            delivered(at, *d);
        }
    }

private:
    struct Log {
        std::int64_t start = 0, end = 0;
    };

    void appended(MonoTime at, const probe::BatchAppended& a) {
        Log& log = logs_[a.partition];
        ++premises_;
        if (a.first.v != log.end || a.last.v < a.first.v) {
            violate(at,
                    fmt::format("the log of {} ended at offset {}, but the next batch got offsets "
                                "{} to {}",
                                partition_name(a.partition), log.end, a.first.v, a.last.v));
        }
        log.end = a.last.v + 1;
    }

    // Positions behind the new end start again there.
    void cut(probe::PartitionKey key, std::int64_t end) {
        for (auto& [who, next] : next_) {
            if (who.second != key || next <= end) continue;
            next = end;
            behind_.insert(who);  // it is told OFFSET_OUT_OF_RANGE, and may begin anew
        }
    }

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        auto [it, first] = next_.try_emplace({d.consumer, d.partition}, d.at.v);
        std::int64_t& next = it->second;
        ++premises_;
        const bool over_deleted = d.at.v > next && d.at.v <= logs_[d.partition].start;
        const bool anew = behind_.erase({d.consumer, d.partition}) > 0 && d.at.v < next;
        if (d.at.v != next && !over_deleted && !anew) {
            violate(at,
                    fmt::format("{} had read {} up to offset {}, but the next record it got is at "
                                "offset {}",
                                cast_.consumer_name(d.consumer), partition_name(d.partition),
                                next - 1, d.at.v));
        }
        next = d.at.v + 1;
    }

    const Cast& cast_;
    std::map<probe::PartitionKey, Log> logs_;
    std::map<std::pair<std::int32_t, probe::PartitionKey>, std::int64_t> next_;
    std::set<std::pair<std::int32_t, probe::PartitionKey>> behind_;
};
}  // namespace

std::unique_ptr<Oracle> make_dense_offsets(Judge& judge, const Cast& cast) {
    return std::make_unique<DenseOffsets>(judge, cast);
}
}  // namespace faultline::sim
