// INV-82 log-prefix: an offset holds one record for ever. Whatever was acknowledged or delivered at
// an offset is what every later reader finds there, unless the log was cut below it in between. An
// answer that may have been given before the cut, and is read after it, settles nothing.
#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/late_answers.h"
#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class LogPrefix final : public Oracle {
public:
    LogPrefix(Judge& judge, const Cast& cast) : Oracle(judge, 82, "log-prefix"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        answers_.on_probe(event);
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            for (std::int32_t i = 0; a->first.v >= 0 && i < a->count; ++i) {
                const std::int64_t offset = a->first.v + i, record = a->first_record + i;
                const bool sure = answers_.acknowledged(a->partition, offset, a->client, record) ==
                                  LateAnswers::When::now;
                hold(at, a->partition, offset, {a->client, sure, record, at, event_number()},
                     "was acknowledged");
            }
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            // The auditor comes when nothing is cut any more.
            const bool sure =
                d->consumer == cast_.auditor() ||
                answers_.since(d->partition, d->at.v, d->client, d->record) == nullptr;
            hold(at, d->partition, d->at.v, {d->client, sure, d->record, at, event_number()},
                 "was delivered");
        } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
            cut(o->partition, o->log_end.v);
        } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
            cut(t->partition, t->to.v);
        } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
            forget(m->partition, m->from.v);
        }
    }

private:
    struct Record {
        std::int32_t client;
        bool sure;  // false: perhaps it stood there before the log was cut
        std::int64_t record;
        MonoTime since;
        std::uint64_t number;  // of the event
    };

    // Of the offsets from `base` on.
    struct Log {
        std::int64_t base = 0;
        std::deque<Record> records;
    };

    void cut(probe::PartitionKey key, std::int64_t end) {
        Log& log = logs_[key];
        answers_.cut(key, end, false);
        if (end < log.base) {
            log = {.base = end, .records = {}};
        } else if (std::cmp_less(end - log.base, log.records.size())) {
            log.records.resize(static_cast<std::size_t>(end - log.base));
        }
    }

    // Called with the start before the newest one: answers under way may bring what is deleted now.
    void forget(probe::PartitionKey key, std::int64_t start) {
        Log& log = logs_[key];
        for (; log.base < start && !log.records.empty(); ++log.base) log.records.pop_front();
        log.base = std::max(log.base, start);
    }

    void hold(MonoTime at, probe::PartitionKey key, std::int64_t offset, Record now,
              std::string_view how) {
        Log& log = logs_[key];
        if (offset < log.base) return;
        const auto i = static_cast<std::size_t>(offset - log.base);
        if (i > log.records.size() + 10'000'000) return;  // no such log: INV-81 says so
        if (i >= log.records.size()) log.records.resize(i + 1, {-1, false, -1, {}, 0});
        Record& before = log.records[i];
        if (before.client < 0) {
            before = now;
            return;
        }
        ++premises_;
        if (before.client == now.client && before.record == now.record) {
            before.sure = before.sure || now.sure;
            return;
        }
        if (!now.sure) return;
        if (!before.sure) {
            before = now;
            return;
        }
        violate(at,
                fmt::format("offset {} of {} held record {} of {} at {}, but record {} of {} {} "
                            "there at {}",
                            offset, partition_name(key), before.record,
                            cast_.producer_name(before.client),
                            format_seconds(before.since - MonoTime{}), now.record,
                            cast_.producer_name(now.client), how, format_seconds(at - MonoTime{})),
                before.number);
    }

    const Cast& cast_;
    LateAnswers answers_;
    std::map<probe::PartitionKey, Log> logs_;
};
}  // namespace

std::unique_ptr<Oracle> make_log_prefix(Judge& judge, const Cast& cast) {
    return std::make_unique<LogPrefix>(judge, cast);
}
}  // namespace faultline::sim
