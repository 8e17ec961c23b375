// One node's life: from an empty or used data directory to an orderly stop.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "runtime/daemon/options.h"

namespace faultline::daemon {

struct Ready {
    std::vector<std::string> listeners;  // "PLAINTEXT://127.0.0.1:9092", with the real port
};

// Main of shard 0. Calls `on_ready` when clients can connect, parks until `stop`, then shuts the
// broker down in order. Returns nothing, or the one line that says why the node cannot run.
std::string serve(Env& env, fiber::StopToken stop, const Configuration& configuration,
                  const std::function<void(const Ready&)>& on_ready);

// What went wrong with the data directories or a port, in a sentence with what to do about it.
std::string explain_start_failure(const Error& error, const Configuration& configuration);
}  // namespace faultline::daemon
