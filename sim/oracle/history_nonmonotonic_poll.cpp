// INV-100: a consumer is given rising offsets.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly nonmonotonic_poll(const History& h) {
    Anomaly out;
    std::map<std::pair<std::int32_t, std::uint32_t>, std::int64_t> last;
    for (const PollOp& p : h.polls) {
        const auto [it, fresh] = last.try_emplace({p.consumer, p.partition}, p.offset);
        const std::int64_t before = std::exchange(it->second, p.offset);
        if (fresh || h.shortened.contains(p.partition)) continue;
        ++out.checked;
        if (p.offset > before) continue;
        out.sentence = fmt::format("consumer {} got offset {} and then {} of one partition",
                                   p.consumer, before, p.offset);
        return out;
    }
    return out;
}
}  // namespace faultline::sim
