#include "sim/oracle/history_view.h"

#include <fmt/format.h>

namespace faultline::sim::history {

std::string show(const Value& v) {
    return fmt::format("record {} of client {}", v.second, v.first);
}

std::map<Place, Value> log_of(const History& h) {
    std::map<Place, Value> log;
    for (const PollOp& p : h.polls)
        log.try_emplace({p.partition, p.offset}, Value{p.client, p.record});
    for (const SendOp& s : h.sends) {
        if (s.outcome == SendOutcome::acked && s.offset >= 0)
            log.try_emplace({s.partition, s.offset}, Value{s.client, s.record});
    }
    return log;
}

std::set<Value> seen(const History& h) {
    std::set<Value> all;
    for (const PollOp& p : h.polls) all.insert({p.client, p.record});
    return all;
}

bool excused(const History& h, std::uint32_t partition) {
    return h.shortened.contains(partition) || h.trimmed.contains(partition);
}
}  // namespace faultline::sim::history
