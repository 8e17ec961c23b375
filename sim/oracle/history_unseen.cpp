// INV-98: when everything was read, every acknowledged value was seen.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly unseen(const History& h) {
    Anomaly out;
    const auto all = seen(h);
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || excused(h, s.partition)) continue;
        ++out.checked;
        if (all.contains({s.client, s.record})) continue;
        out.sentence =
            fmt::format("{} was acknowledged, but nobody has seen it when everything was read",
                        show({s.client, s.record}));
        return out;
    }
    return out;
}
}  // namespace faultline::sim
