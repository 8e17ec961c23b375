// One life of a node, from start to stop or crash. What the world handed to it asks here whether it
// still lives; after its death nothing that it holds has any effect.
#pragma once
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/result.h"

namespace faultline::sim {

struct Incarnation {
    NodeId node;
    std::int32_t number = 0;
    bool alive = true;
};

inline Error dead(const char* where) { return {Errc::cancelled, 0, where}; }
}  // namespace faultline::sim
