// The head of a trace file: what a reader must know before the first event.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"

namespace faultline::sim {

enum class NodeRole : std::uint8_t { broker, controller, producer, consumer, client };
std::string_view to_string(NodeRole) noexcept;

struct NodeInfo {
    NodeId id;
    std::string name;  // short: "n1", "p1"
    NodeRole role;
};

struct TraceHead {
    std::string scenario;
    std::uint64_t seed = 0;
    // Of a run in the real world: its name for pictures ("3 daemons"), and the wall clock at time
    // 0.
    std::string world, began;
    std::vector<NodeInfo> nodes;                  // in the order of the lanes of a picture
    std::map<std::int16_t, std::string> apis;     // api_key -> "Produce"
    std::map<std::string, std::string> versions;  // library -> version

    // The node's name, "node 7" when it is not listed.
    std::string name_of(NodeId) const;
};

// docs/formats/trace.md
std::string to_json(const TraceHead&);
}  // namespace faultline::sim
