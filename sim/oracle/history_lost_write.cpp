// INV-95: below the highest offset that anybody read, every acknowledged value was read by
// somebody.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

namespace {

std::map<std::uint32_t, std::int64_t> highest_read(const History& h) {
    std::map<std::uint32_t, std::int64_t> highest;
    for (const PollOp& p : h.polls) {
        auto& top = highest.try_emplace(p.partition, -1).first->second;
        top = std::max(top, p.offset);
    }
    return highest;
}
}  // namespace

Anomaly lost_write(const History& h) {
    Anomaly out;
    const auto highest = highest_read(h);
    const auto all = seen(h);
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || s.offset < 0 || excused(h, s.partition)) continue;
        const auto top = highest.find(s.partition);
        if (top == highest.end() || top->second <= s.offset) continue;
        ++out.checked;
        if (all.contains({s.client, s.record})) continue;
        out.sentence = fmt::format(
            "{} was acknowledged at offset {}, offset {} of that partition was read, but this one "
            "by nobody",
            show({s.client, s.record}), s.offset, top->second);
        return out;
    }
    return out;
}
}  // namespace faultline::sim
