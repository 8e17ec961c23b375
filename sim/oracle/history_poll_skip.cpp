// INV-99: a consumer never jumps over offsets that exist.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly poll_skip(const History& h) {
    Anomaly out;
    const auto log = log_of(h);
    std::map<std::pair<std::int32_t, std::uint32_t>, std::int64_t> last;
    for (const PollOp& p : h.polls) {
        const auto [it, fresh] = last.try_emplace({p.consumer, p.partition}, p.offset);
        const std::int64_t before = std::exchange(it->second, p.offset);
        if (fresh || p.offset <= before || excused(h, p.partition)) continue;
        ++out.checked;
        const auto between = log.upper_bound({p.partition, before});
        if (between == log.end() || between->first.first != p.partition ||
            between->first.second >= p.offset)
            continue;
        out.sentence = fmt::format(
            "consumer {} got offset {} and then {}, but {} stands at offset {} between them",
            p.consumer, before, p.offset, show(between->second), between->first.second);
        return out;
    }
    return out;
}
}  // namespace faultline::sim
