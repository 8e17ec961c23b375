// Who looks at a whole execution from outside: counts, prints or stops it, and changes nothing.
#pragma once
#include <cstdint>

#include "sim/trace/recorder.h"
#include "sim/trace/trace_head.h"
#include "sim/world/world.h"

namespace faultline::sim {

// It hears every event before the oracles do.
class Observer : public Listener {
public:
    // Before the first event. All of them live until the execution has ended.
    virtual void begin(const TraceHead& head, World& world) = 0;
};
}  // namespace faultline::sim
