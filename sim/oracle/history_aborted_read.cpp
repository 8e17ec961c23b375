// INV-102: a consumer of committed records is given nothing that was aborted.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly aborted_read(const History& h) {
    Anomaly out;
    std::set<Value> undone;
    for (const SendOp& s : h.sends) {
        if (s.aborted || s.outcome == SendOutcome::failed) undone.insert({s.client, s.record});
    }
    for (const PollOp& p : h.polls) {
        if (!p.read_committed) continue;
        ++out.checked;
        if (!undone.contains({p.client, p.record})) continue;
        out.sentence = fmt::format(
            "consumer {} reads committed records only, but was given {}, which was aborted",
            p.consumer, show({p.client, p.record}));
        return out;
    }
    return out;
}
}  // namespace faultline::sim
