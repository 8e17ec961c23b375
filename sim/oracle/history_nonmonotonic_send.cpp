// INV-101: the values of an idempotent producer stand in the order of sending.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly nonmonotonic_send(const History& h) {
    Anomaly out;
    std::map<std::pair<std::int32_t, std::uint32_t>, const SendOp*> last;
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || s.offset < 0 || h.shortened.contains(s.partition))
            continue;
        // Without idempotence a retry may be acknowledged at a later copy.
        if (!h.exactly_once.contains(s.client)) continue;
        const auto [it, fresh] = last.try_emplace({s.client, s.partition}, &s);
        const SendOp* before = std::exchange(it->second, &s);
        if (fresh) continue;
        ++out.checked;
        if (before->offset < s.offset) continue;
        out.sentence = fmt::format("{} was sent before {}, but stands at offset {}, behind {}",
                                   show({before->client, before->record}),
                                   show({s.client, s.record}), before->offset, s.offset);
        return out;
    }
    return out;
}
}  // namespace faultline::sim
