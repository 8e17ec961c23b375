#include "sim/oracle/late_answers.h"

#include <algorithm>
#include <utility>

namespace faultline::sim {

void LateAnswers::without_answers(const probe::Event& event) {
    if (const auto* s = std::get_if<probe::ProduceSent>(&event)) {
        auto& newest = sent_.try_emplace(s->client, -1).first->second;
        newest = std::max(newest, s->first_record + s->count - 1);
    } else if (const auto* b = std::get_if<probe::BatchAppended>(&event)) {
        logs_[b->partition].end = b->last.v + 1;
    }
}

void LateAnswers::on_probe(const probe::Event& event) {
    without_answers(event);
    if (const auto* a = std::get_if<probe::ProduceAnswered>(&event)) {
        if (a->error == 0 && a->first.v >= 0) logs_[a->partition].answered[a->last.v] = a->first.v;
    } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
        Log& log = logs_[m->partition];
        for (Ranges* ranges : {&log.answered, &log.before})
            ranges->erase(ranges->begin(), ranges->lower_bound(m->to.v));
    }
}

void LateAnswers::cut(probe::PartitionKey partition, std::int64_t end, bool allowed) {
    Log& log = logs_[partition];
    std::int64_t old_end = std::exchange(log.end, end);
    if (old_end <= end) return;
    const auto from = log.answered.lower_bound(end);
    log.before.insert(from, log.answered.end());
    log.answered.erase(from, log.answered.end());
    while (!log.cuts.empty() && log.cuts.back().end >= end) {
        allowed = allowed || log.cuts.back().allowed;
        old_end = std::max(old_end, log.cuts.back().old_end);
        log.cuts.pop_back();
    }
    log.cuts.push_back({end, old_end, allowed, sent_});
}

const LateAnswers::Cut* LateAnswers::since(probe::PartitionKey partition, std::int64_t offset,
                                           std::int32_t client, std::int64_t record) const {
    const auto log = logs_.find(partition);
    if (log == logs_.end()) return nullptr;
    const auto& cuts = log->second.cuts;
    for (auto it = std::ranges::upper_bound(cuts, offset, {}, &Cut::end); it != cuts.begin();) {
        const Cut& cut = *--it;
        if (offset >= cut.old_end) continue;
        const auto sent = cut.sent.find(client);
        return sent != cut.sent.end() && record <= sent->second ? &cut : nullptr;
    }
    return nullptr;
}

bool LateAnswers::holds(const Ranges& ranges, std::int64_t offset) {
    const auto it = ranges.lower_bound(offset);
    return it != ranges.end() && it->second <= offset;
}

LateAnswers::When LateAnswers::acknowledged(probe::PartitionKey partition, std::int64_t offset,
                                            std::int32_t client, std::int64_t record) const {
    if (since(partition, offset, client, record) == nullptr) return When::now;
    const Log& log = logs_.at(partition);
    if (!holds(log.before, offset)) return When::now;
    return holds(log.answered, offset) ? When::perhaps_before : When::before;
}
}  // namespace faultline::sim
