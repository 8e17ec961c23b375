// INV-97: an offset holds one value, whoever tells of it.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly inconsistent_offsets(const History& h) {
    Anomaly out;
    std::map<Place, Value> first;
    const auto put = [&](Place place, Value v, std::string_view how) {
        if (out.found() || h.shortened.contains(place.first)) return;
        const auto [it, fresh] = first.try_emplace(place, v);
        out.checked += fresh ? 0 : 1;
        if (fresh || it->second == v) return;
        out.sentence = fmt::format("offset {} holds {}, but {} was {} there", place.second,
                                   show(it->second), show(v), how);
    };
    for (const PollOp& p : h.polls) put({p.partition, p.offset}, {p.client, p.record}, "read");
    for (const SendOp& s : h.sends) {
        if (s.outcome == SendOutcome::acked && s.offset >= 0)
            put({s.partition, s.offset}, {s.client, s.record}, "acknowledged");
    }
    return out;
}
}  // namespace faultline::sim
