// INV-81 dense-offsets: a leader gives consecutive offsets, and a consumer with assigned partitions
// sees each offset once, in order, from the log start on. It may jump forward only over what
// retention deleted, and back only when the log was cut behind its position; until then it may
// still be given what was under way.
#include <fmt/format.h>

#include "sim/oracle/late_answers.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class DenseOffsets final : public Oracle {
public:
    DenseOffsets(Judge& judge, const Cast& cast)
        : Oracle(judge, 81, "dense-offsets"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        answers_.without_answers(event);
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
        answers_.cut(key, end, false);
        for (auto& [who, next] : next_) {
            if (who.second != key || next <= end) continue;
            behind_.try_emplace(who, next);  // it is told of the cut, and may begin anew
            next = end;
        }
    }

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        const auto who = std::pair{d.consumer, d.partition};
        const std::int64_t start = logs_[d.partition].start;
        auto [it, first] = next_.try_emplace(who, start);
        std::int64_t& next = it->second;
        ++premises_;
        const auto behind = behind_.find(who);
        const bool late = d.consumer != cast_.auditor() &&
                          answers_.since(d.partition, d.at.v, d.client, d.record) != nullptr;
        if (behind != behind_.end() && late && d.at.v == behind->second && d.at.v != next) {
            ++behind->second;
            return;
        }
        // The start may have moved while the first records were under way.
        const bool over_deleted = d.at.v <= start && (first || d.at.v > next);
        const bool anew = behind != behind_.end() && d.at.v < next;
        if (late) {
            behind_.try_emplace(who, d.at.v + 1);
        } else if (behind != behind_.end()) {
            behind_.erase(behind);
        }
        if (d.at.v != next && !over_deleted && !anew) {
            const std::string name(cast_.consumer_name(d.consumer));
            const std::string_view log = partition_name(d.partition);
            violate(at, first ? fmt::format("{} began to read {} at offset {}, but it starts at {}",
                                            name, log, d.at.v, start)
                              : fmt::format("{} had read {} up to offset {}, but the next record "
                                            "it got is at offset {}",
                                            name, log, next - 1, d.at.v));
        }
        next = d.at.v + 1;
    }

    const Cast& cast_;
    LateAnswers answers_;
    std::map<probe::PartitionKey, Log> logs_;
    using Reader = std::pair<std::int32_t, probe::PartitionKey>;
    std::map<Reader, std::int64_t> next_;
    std::map<Reader, std::int64_t> behind_;  // next_ as it was before the log was cut
};
}  // namespace

std::unique_ptr<Oracle> make_dense_offsets(Judge& judge, const Cast& cast) {
    return std::make_unique<DenseOffsets>(judge, cast);
}
}  // namespace faultline::sim
