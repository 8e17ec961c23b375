// INV-96: a value of a producer that sends each once stands at one offset.
#include <fmt/format.h>

#include "sim/oracle/history_view.h"

namespace faultline::sim {
using namespace history;

Anomaly duplicate(const History& h) {
    Anomaly out;
    std::map<Value, Place> first;
    for (const auto& [place, v] : log_of(h)) {
        const bool forgets = h.begun_anew.contains(place.first) && h.trimmed.contains(place.first);
        if (!h.exactly_once.contains(v.first) || h.shortened.contains(place.first) || forgets)
            continue;
        ++out.checked;
        const auto [it, fresh] = first.try_emplace(v, place);
        if (fresh) continue;
        out.sentence = fmt::format("{} stands at offset {} and at offset {}", show(v),
                                   it->second.second, place.second);
        return out;
    }
    return out;
}
}  // namespace faultline::sim
