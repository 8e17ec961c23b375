#include "runtime/daemon/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/broker/broker.h"

namespace faultline::daemon {
namespace {

// The only translation of settings into what the core is told.
broker::BrokerConfig broker_config(const Configuration& configuration) {
    const config::NodeSettings& node = configuration.node;
    broker::BrokerConfig c;
    c.given = configuration.settings.all();
    c.node = node.node;
    for (const auto& l : node.listeners) c.listeners.push_back({l.name, l.bind, l.advertised});
    c.is_broker = node.is_broker;
    for (const auto& v : node.voters) c.voters.push_back({v.id, v.endpoint});
    c.controller_bind = node.controller_bind;
    c.rack = node.rack;
    c.default_replication = node.default_replication;
    c.heartbeat_ms = node.heartbeat_ms;
    c.session_ms = node.session_ms;
    c.replica_lag_ms = node.replica_lag_ms;
    c.replica_fetch_wait_ms = node.replica_fetch_wait_ms;
    c.replica_fetch_backoff_ms = node.replica_fetch_backoff_ms;
    c.quorum_election_ms = node.quorum_election_ms;
    c.quorum_fetch_ms = node.quorum_fetch_ms;
    c.quorum_request_ms = node.quorum_request_ms;
    c.balance_leaders = node.balance_leaders;
    c.balance_check_s = node.balance_check_s;
    c.log_dirs = node.log_dirs;
    c.num_partitions = node.num_partitions;
    c.auto_create_topics = node.auto_create_topics;
    c.delete_topics = node.delete_topics;
    c.topic_defaults = node.log;
    c.limits.max_frame = static_cast<std::size_t>(node.request_max_bytes);
    c.limits.idle = std::chrono::milliseconds(node.connections_max_idle_ms);
    c.fetch_max_bytes = node.fetch_max_bytes;
    c.max_request_partitions = node.max_request_partitions;
    c.fetch_session_slots = static_cast<std::size_t>(node.fetch_session_slots);
    c.max_connections = static_cast<std::size_t>(node.max_connections);
    c.retention_check_ms = node.retention_check_ms;
    c.checkpoint_ms = node.checkpoint_ms;
    c.flush_check_ms = node.flush_check_ms;
    c.recovery_fibers_per_dir = node.recovery_fibers_per_dir;
    c.cleaner = node.cleaner;
    c.cleaner_backoff_ms = node.cleaner.backoff_ms;
    c.producer_id_expiration_ms = node.producer_id_expiration_ms;
    return c;
}
}  // namespace

std::string explain_start_failure(const Error& error, const Configuration& configuration) {
    const std::string data = fmt::format("{}", fmt::join(configuration.node.log_dirs, ", "));
    const std::string why = to_string(error);
    const std::string_view where = error.where;
    if (where.starts_with("net") || where.starts_with("listen") || where.starts_with("socket")) {
        const Endpoint& bind = configuration.node.listeners.front().bind;
        return fmt::format(
            "cannot listen on {} ({}): another program may use the port; choose another in "
            "listeners or with --port",
            to_string(bind), why);
    }
    switch (error.code) {
        case Errc::busy:
            return fmt::format(
                "{} is in use by another process ({}); stop it, or name another directory in "
                "log.dirs",
                data, why);
        case Errc::invalid:
            return fmt::format(
                "{} belongs to another node or cluster ({}); see its meta.properties, or name "
                "another directory in log.dirs",
                data, why);
        case Errc::no_space:
            return fmt::format(
                "{}: no space left ({}); free some, or name another directory in log.dirs", data,
                why);
        case Errc::corrupt:
            return fmt::format("{}: the metadata log is damaged ({}); restore the directory", data,
                               why);
        default:
            return fmt::format("{} cannot be used ({}); is it there, readable and writable?", data,
                               why);
    }
}

std::string serve(Env& env, fiber::StopToken stop, const Configuration& configuration,
                  const std::function<void(const Ready&)>& on_ready) {
    broker::BrokerConfig config = broker_config(configuration);
    bool ready = false;
    config.on_ready = [&](const std::vector<Endpoint>& endpoints) {
        Ready now;
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
            const config::ListenerSettings& l = configuration.node.listeners[i];
            Endpoint shown = l.advertised.host.empty() ? endpoints[i] : l.advertised;
            if (shown.port == 0) shown.port = endpoints[i].port;
            now.listeners.push_back(fmt::format("{}://{}", l.name, to_string(shown)));
        }
        ready = true;
        on_ready(now);
    };
    const auto served = broker::run_broker(env, std::move(config), stop);
    if (served.ok()) return "";
    if (!ready) return explain_start_failure(served.error(), configuration);
    return fmt::format("stopped, but not cleanly ({}); the next start recovers",
                       to_string(served.error()));
}
}  // namespace faultline::daemon
