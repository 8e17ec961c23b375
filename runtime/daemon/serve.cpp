#include "runtime/daemon/serve.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/broker/broker.h"
#include "runtime/posix/node.h"

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
    c.quorum_bootstrap = node.quorum_bootstrap;
    c.controller_bind = node.controller_bind;
    c.controller_advertised = node.controller_advertised;
    c.controller_listener = node.controller_listener;
    c.rack = node.rack;
    c.replica_selector = node.replica_selector;
    c.default_replication = node.default_replication;
    c.heartbeat_ms = node.heartbeat_ms;
    c.session_ms = node.session_ms;
    c.replica_lag_ms = node.replica_lag_ms;
    c.replica_fetch_wait_ms = node.replica_fetch_wait_ms;
    c.replica_fetch_backoff_ms = node.replica_fetch_backoff_ms;
    c.quorum_election_ms = node.quorum_election_ms;
    c.quorum_backoff_ms = node.quorum_backoff_ms;
    c.quorum_fetch_ms = node.quorum_fetch_ms;
    c.quorum_request_ms = node.quorum_request_ms;
    c.snapshot_record_bytes = node.snapshot_record_bytes;
    c.snapshot_interval_ms = node.snapshot_interval_ms;
    c.snapshot_part_bytes = node.snapshot_part_bytes;
    c.metadata_retention_bytes = node.metadata_retention_bytes;
    c.metadata_retention_ms = node.metadata_retention_ms;
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
    c.most_connections = posix::most_connections();
    c.max_connections =
        std::min(static_cast<std::size_t>(node.max_connections), c.most_connections);
    c.connections_per_second = static_cast<std::size_t>(node.connections_per_second);
    c.max_connections_per_ip = static_cast<std::size_t>(node.max_connections_per_ip);
    for (const auto& [host, count] : node.max_connections_of)
        c.max_connections_of[host] = static_cast<std::size_t>(count);
    c.queued_max_requests = static_cast<std::size_t>(node.queued_max_requests);
    c.queued_max_request_bytes = node.queued_max_request_bytes;
    c.retention_check_ms = node.retention_check_ms;
    c.checkpoint_ms = node.checkpoint_ms;
    c.flush_check_ms = node.flush_check_ms;
    c.recovery_fibers_per_dir = node.recovery_fibers_per_dir;
    c.cleaner = node.cleaner;
    c.cleaner_backoff_ms = node.cleaner.backoff_ms;
    c.producer_id_expiration_ms = node.producer_id_expiration_ms;
    return c;
}
// A line of the meta.properties of a log directory, without its key; "?" when there is none.
std::string meta_value(const std::string& directory, std::string_view key) {
    std::ifstream file(directory + "/meta.properties");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == '=')
            return line.substr(key.size() + 1);
    }
    return "?";
}

// What a directory is marked with says more than that it does not fit.
std::string explain_by_place(std::string_view where, const std::string& why,
                             const std::string& data, const Configuration& configuration) {
    const auto& dirs = configuration.node.log_dirs;
    if (where == "log_manager.meta") {
        return fmt::format(
            "{}: meta.properties is no such file of Kafka's or ours ({}); restore it, or name "
            "another directory in log.dirs",
            data, why);
    }
    if (where == "log_manager.other_node") {
        const std::string own = std::to_string(configuration.node.node.v);
        for (const std::string& dir : dirs) {
            const std::string found = meta_value(dir, "node.id");
            if (found == own || found == "?") continue;
            return fmt::format(
                "{} belongs to node {}, and this is node {}; set node.id={}, or name another "
                "directory in log.dirs",
                dir, found, own, found);
        }
    }
    if (where == "log_manager.other_cluster") {
        const std::string first = meta_value(dirs.front(), "cluster.id");
        for (const std::string& dir : dirs) {
            const std::string found = meta_value(dir, "cluster.id");
            if (found == first || found == "?") continue;
            return fmt::format(
                "{} belongs to cluster {}, but {} to cluster {}; name directories of one cluster "
                "in log.dirs",
                dir, found, dirs.front(), first);
        }
        return fmt::format("{} belongs to another cluster ({}); name another directory in log.dirs",
                           data, why);
    }
    if (where == "broker.other_cluster") {
        return fmt::format(
            "{} belongs to cluster {}, and the controllers of controller.quorum.voters to another; "
            "name those of its own cluster, or another directory in log.dirs",
            data, meta_value(dirs.front(), "cluster.id"));
    }
    return "";
}

std::string explain_by_cause(int cause, const std::string& why, const std::string& data) {
    switch (cause) {
        case EACCES:
        case EPERM:
        case EROFS:
            return fmt::format(
                "{} may not be read and written by this user ({}); give it the right, or name "
                "another directory in log.dirs",
                data, why);
        case EMFILE:
        case ENFILE:
            return fmt::format(
                "{}: no file descriptors are left ({}); raise the limit (ulimit -n): every "
                "connection needs one, every partition three",
                data, why);
        case ENOTDIR:
            return fmt::format(
                "{}: a part of this path is a file ({}); name a directory in log.dirs", data, why);
        default: return "";
    }
}
}  // namespace

std::string explain_start_failure(const Error& error, const Configuration& configuration) {
    const std::string data = fmt::format("{}", fmt::join(configuration.node.log_dirs, ", "));
    const std::string why = to_string(error);
    const std::string_view where = error.where;
    if (where.starts_with("net") || where.starts_with("listen") || where.starts_with("socket")) {
        const config::NodeSettings& node = configuration.node;
        const Endpoint bind = !node.listeners.empty() ? node.listeners.front().bind
                                                      : node.controller_bind.value_or(Endpoint{});
        return fmt::format(
            "cannot listen on {} ({}): another program may use the port; choose another in "
            "listeners or with --port",
            to_string(bind), why);
    }
    if (where == "broker.unformatted") {
        return fmt::format(
            "{} is not formatted, as controller.quorum.bootstrap.servers requires: faultline "
            "storage format --config FILE --cluster-id ID --standalone (or --initial-controllers, "
            "--no-initial-controllers)",
            data);
    }
    if (auto line = explain_by_place(where, why, data, configuration); !line.empty()) return line;
    if (auto line = explain_by_cause(error.sys, why, data); !line.empty()) return line;
    switch (error.code) {
        case Errc::busy:
            return fmt::format(
                "{} is in use by another process ({}); stop it, or name another directory in "
                "log.dirs",
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
            const config::NodeSettings& node = configuration.node;
            // A controller alone has no listener but that of controllers.
            const config::ListenerSettings l =
                i < node.listeners.size()
                    ? node.listeners[i]
                    : config::ListenerSettings{node.controller_listener, endpoints[i],
                                               node.controller_advertised.value_or(Endpoint{})};
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
