// How the clients of a scenario are configured.
#pragma once
#include "core/client/cluster.h"
#include "sim/workload/workload.h"

namespace faultline::sim {

inline client::ClientConfig client_config(const WorkloadContext& context, const std::string& id) {
    client::ClientConfig config;
    config.bootstrap = context.bootstrap;
    config.client_id = id;
    // Short, so that a scenario of seconds sees retries.
    config.connect_timeout = 2s;
    config.request_timeout = 5s;
    return config;
}
}  // namespace faultline::sim
