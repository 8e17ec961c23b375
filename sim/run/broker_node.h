// The broker of a simulated node: the production composition root, configured from a scenario.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "core/broker/config.h"
#include "core/env/env.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

inline constexpr std::uint16_t kBrokerPort = 9092;
inline constexpr std::uint16_t kControllerPort = 9093;

// Who votes at first in a cluster of these nodes; empty for one broker alone.
std::vector<broker::VoterConfig> voters_of(const ClusterSpec& cluster);

// A key or value of the scenario's configuration that the broker does not know.
struct BadConfig {
    std::string pointer, what;  // "/cluster/topics/0/config/retention.ms"
};
std::optional<BadConfig> bad_config(const Scenario& scenario);

// A node's main. Parks until `stop`, then shuts the broker down in order.
void run_broker(Env& env, fiber::StopToken stop, const ClusterSpec& cluster,
                const std::string& host);
}  // namespace faultline::sim
