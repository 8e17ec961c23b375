// Faults that overlap do not undo each other: what keeps a node in a state is noted, and the node
// is let go when the last of them ends.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "sim/world/faults.h"

namespace faultline::sim {

enum class Hold : std::uint8_t {
    down,    // it does not run
    paused,  // its process stands still
    drift,   // its clocks run fast or slow
    frozen,  // its wall clock stands still
};

class Holds {
public:
    // True when nobody held it: the state begins now.
    bool take(NodeId node, Hold kind, FaultId fault) {
        auto& all = holders_[{node, kind}];
        std::erase(all, fault);
        all.push_back(fault);
        return all.size() == 1;
    }
    struct Released {
        bool held = false;            // by this fault until now
        std::optional<FaultId> next;  // by whom it still is: of several the one that came last
    };
    Released release(NodeId node, Hold kind, FaultId fault) {
        auto& all = holders_[{node, kind}];
        const bool held = std::erase(all, fault) > 0;
        return {held, all.empty() ? std::nullopt : std::optional(all.back())};
    }
    bool any(NodeId node, Hold kind) const {
        const auto it = holders_.find({node, kind});
        return it != holders_.end() && !it->second.empty();
    }
    // The state is over whoever wanted it: the process that was stopped is dead.
    void forget(NodeId node, Hold kind) { holders_.erase({node, kind}); }

private:
    std::map<std::pair<NodeId, Hold>, std::vector<FaultId>> holders_;
};
}  // namespace faultline::sim
