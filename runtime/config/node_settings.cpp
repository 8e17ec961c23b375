#include "runtime/config/node_settings.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "core/broker/config.h"

namespace faultline::config {

std::optional<std::int64_t> own_default(std::string_view key) {
    const broker::BrokerConfig preset;
    const std::pair<std::string_view, std::int64_t> own[] = {
        {"broker.heartbeat.interval.ms", preset.heartbeat_ms},
        {"broker.session.timeout.ms", preset.session_ms},
        {"controller.quorum.fetch.timeout.ms", preset.quorum_fetch_ms},
    };
    for (const auto& [name, value] : own) {
        if (name == key) return value;
    }
    return std::nullopt;
}

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

// The first of ms, minutes and hours that is given counts, as Kafka says; negative is for ever.
std::int64_t millis(const Settings& settings, std::string_view ms, std::string_view minutes,
                    std::string_view hours) {
    if (const auto value = settings.number_if_any(ms)) return *value;
    if (!minutes.empty()) {
        if (const auto value = settings.number_if_any(minutes)) {
            return *value < 0 ? -1 : *value * kMinute;
        }
    }
    const std::int64_t value = settings.number(hours);
    return value < 0 ? -1 : value * kHour;
}

// Reads the settings group by group; each group is one function.
class Reader {
public:
    Reader(const Settings& settings, std::vector<Problem>& problems)
        : settings_(settings), problems_(problems) {}

    NodeSettings run() {
        identity();
        listeners();
        directories();
        metadata_log();
        log();
        topics();
        cluster();
        connections();
        return std::move(out_);
    }

private:
    void wrong(std::string_view key, std::string what, std::string right) {
        problems_.push_back(settings_.problem(key, std::move(what), std::move(right)));
    }

    void identity() {
        const auto node = settings_.number_if_any("node.id");
        if (!node) wrong("node.id", "is missing", "a number from 0, such as node.id=1");
        out_.node = NodeId{static_cast<std::int32_t>(node.value_or(0))};

        const auto roles = settings_.list("process.roles");
        const auto has = [&](std::string_view role) {
            return std::find(roles.begin(), roles.end(), role) != roles.end();
        };
        out_.is_broker = has("broker");
        out_.is_controller = has("controller");
        if (!out_.is_broker && !out_.is_controller)
            wrong("process.roles", "is missing", "broker, controller, or both");
        voters();
        out_.shards =
            static_cast<unsigned>(settings_.number_if_any("faultline.shards").value_or(0));
        out_.events_kept = static_cast<std::uint32_t>(settings_.number("faultline.events.kept"));
    }

    void voters() {
        bool among = false;
        for (const std::string& text : settings_.list("controller.quorum.voters")) {
            const auto at = text.find('@');
            const auto url = at == std::string::npos
                                 ? std::nullopt
                                 : parse_listener("CONTROLLER://" + text.substr(at + 1));
            std::int32_t id = -1;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + std::min(at, text.size()), id);
            if (!url || error != std::errc{} || end != text.data() + at || id < 0) {
                wrong("controller.quorum.voters", fmt::format("\"{}\" is no voter", text),
                      "ID@HOST:PORT, such as 1@localhost:9093");
                continue;
            }
            among = among || NodeId{id} == out_.node;
            out_.voters.push_back({NodeId{id}, url->endpoint});
        }
        for (const std::string& text : settings_.list("controller.quorum.bootstrap.servers")) {
            const auto url = parse_listener("CONTROLLER://" + text);
            if (!url || url->endpoint.host.empty()) {
                wrong("controller.quorum.bootstrap.servers",
                      fmt::format("\"{}\" is no server", text),
                      "HOST:PORT, such as localhost:9093");
                continue;
            }
            out_.quorum_bootstrap.push_back(url->endpoint);
        }
        if (out_.is_controller && !out_.voters.empty() && !among) {
            wrong("controller.quorum.voters", fmt::format("does not name node {}", out_.node.v),
                  "this node's own entry, because process.roles has controller");
        } else if (!out_.is_controller && among) {
            wrong("controller.quorum.voters", fmt::format("names node {}", out_.node.v),
                  "only nodes whose process.roles has controller");
        } else if (!out_.is_controller && out_.voters.empty() && out_.quorum_bootstrap.empty()) {
            wrong("controller.quorum.voters", "is empty",
                  "the controllers, as ID@HOST:PORT, or some of them in "
                  "controller.quorum.bootstrap.servers, as HOST:PORT");
        }
    }

    void cluster() {
        out_.default_replication = settings_.number("default.replication.factor");
        const auto ours = [&](std::string_view key) {
            const std::int64_t value = settings_.number(key);
            return settings_.given(key) ? value : own_default(key).value_or(value);
        };
        out_.heartbeat_ms = ours("broker.heartbeat.interval.ms");
        out_.session_ms = ours("broker.session.timeout.ms");
        out_.replica_lag_ms = settings_.number("replica.lag.time.max.ms");
        out_.replica_fetch_wait_ms = settings_.number("replica.fetch.wait.max.ms");
        out_.replica_fetch_backoff_ms = settings_.number("replica.fetch.backoff.ms");
        out_.quorum_election_ms = settings_.number("controller.quorum.election.timeout.ms");
        out_.quorum_backoff_ms = settings_.number("controller.quorum.election.backoff.max.ms");
        out_.quorum_fetch_ms = ours("controller.quorum.fetch.timeout.ms");
        out_.quorum_request_ms = settings_.number("controller.quorum.request.timeout.ms");
        out_.balance_leaders = settings_.flag("auto.leader.rebalance.enable");
        out_.balance_check_s = settings_.number("leader.imbalance.check.interval.seconds");
        out_.rack = settings_.text_if_any("broker.rack");
        const std::string selector = settings_.text_if_any("replica.selector.class").value_or("");
        if (const auto known = logic::replica_selector(selector)) {
            out_.replica_selector = *known;
        } else {
            wrong("replica.selector.class", fmt::format("\"{}\" is unknown", selector),
                  "org.apache.kafka.common.replica.RackAwareReplicaSelector or LeaderSelector");
        }
        if (out_.session_ms <= out_.heartbeat_ms)
            wrong("broker.session.timeout.ms", fmt::format("is {}", out_.session_ms),
                  "more than broker.heartbeat.interval.ms");
    }

    void metadata_log() {
        out_.snapshot_record_bytes =
            settings_.number("metadata.log.max.record.bytes.between.snapshots");
        out_.snapshot_interval_ms = settings_.number("metadata.log.max.snapshot.interval.ms");
        out_.snapshot_part_bytes = settings_.number("controller.quorum.fetch.snapshot.max.bytes");
        out_.metadata_retention_bytes = settings_.number("metadata.max.retention.bytes");
        out_.metadata_retention_ms = settings_.number("metadata.max.retention.ms");
    }

    // Listener name -> security protocol; names that are protocols stand for themselves.
    std::map<std::string, std::string> protocols() {
        std::map<std::string, std::string> map;
        for (const auto& entry : settings_.list("listener.security.protocol.map")) {
            const auto colon = entry.find(':');
            if (colon == std::string::npos) {
                wrong("listener.security.protocol.map", fmt::format("\"{}\" has no colon", entry),
                      "NAME:PROTOCOL, such as CLIENT:PLAINTEXT");
                continue;
            }
            map[entry.substr(0, colon)] = entry.substr(colon + 1);
        }
        return map;
    }

    void listeners() {
        const auto map = protocols();
        const auto controllers = settings_.list("controller.listener.names");
        const auto advertised = advertised_listeners();
        for (const auto& text : settings_.list("listeners")) {
            const auto url = parse_listener(text);
            if (!url) {
                wrong("listeners", fmt::format("\"{}\" is no listener", text),
                      "NAME://HOST:PORT, such as PLAINTEXT://0.0.0.0:9092");
                continue;
            }
            if (std::find(controllers.begin(), controllers.end(), url->name) != controllers.end()) {
                // A controller alone in its process needs no port of its own.
                if (out_.is_controller && (!out_.voters.empty() || !out_.quorum_bootstrap.empty()))
                    controller_listener(*url, advertised);
                continue;
            }
            const auto protocol = map.find(url->name);
            if (protocol == map.end()) {
                wrong("listeners", fmt::format("{} has no security protocol", url->name),
                      fmt::format("an entry {}:PLAINTEXT in listener.security.protocol.map",
                                  url->name));
            } else if (protocol->second != "PLAINTEXT") {
                wrong("listeners", fmt::format("{} is {}", url->name, protocol->second),
                      "PLAINTEXT: this version has no TLS and no SASL");
            }
            const auto told = advertised.find(url->name);
            out_.listeners.push_back({url->name, url->endpoint,
                                      told == advertised.end() ? url->endpoint : told->second});
        }
        const bool others = out_.voters.size() > 1 || !out_.quorum_bootstrap.empty();
        if (out_.is_controller && others && !out_.controller_bind)
            wrong("listeners", "has no listener of controller.listener.names",
                  "such as CONTROLLER://:9093");
        if (out_.is_broker && out_.listeners.empty() && problems_.empty()) {
            wrong("listeners", "has no listener for clients", "such as PLAINTEXT://:9092");
        }
    }

    void controller_listener(const ListenerUrl& url,
                             const std::map<std::string, Endpoint>& advertised) {
        if (out_.controller_bind) return;  // the first one counts
        out_.controller_bind = url.endpoint;
        out_.controller_listener = url.name;
        const auto told = advertised.find(url.name);
        if (told != advertised.end()) {
            out_.controller_advertised = told->second;
        } else if (!url.endpoint.host.empty() && url.endpoint.host != "0.0.0.0") {
            out_.controller_advertised = url.endpoint;
        } else if (out_.voters.empty()) {
            wrong("advertised.listeners",
                  fmt::format("does not say where others reach the listener {}", url.name),
                  fmt::format("{}://HOST:{}, or a host in listeners", url.name, url.endpoint.port));
        }
    }

    std::map<std::string, Endpoint> advertised_listeners() {
        std::map<std::string, Endpoint> found;
        for (const auto& text : settings_.list("advertised.listeners")) {
            const auto url = parse_listener(text);
            if (!url || url->endpoint.host == "0.0.0.0") {
                wrong("advertised.listeners",
                      fmt::format("\"{}\" is nothing that a client can connect to", text),
                      "NAME://HOST:PORT with a host that clients reach");
                continue;
            }
            found[url->name] = url->endpoint;
        }
        return found;
    }

    void directories() {
        out_.log_dirs = settings_.list("log.dirs");
        if (out_.log_dirs.empty()) out_.log_dirs = settings_.list("log.dir");
        if (out_.log_dirs.empty()) wrong("log.dirs", "is empty", "at least one directory");
        out_.retention_check_ms = settings_.number("log.retention.check.interval.ms");
        out_.checkpoint_ms = settings_.number("log.flush.offset.checkpoint.interval.ms");
        // Kafka's default is never, because its flush.ms is; ours looks once a second then.
        out_.flush_check_ms =
            std::min<std::int64_t>(settings_.number("log.flush.scheduler.interval.ms"), 1000);
        out_.recovery_fibers_per_dir =
            static_cast<std::uint32_t>(settings_.number("num.recovery.threads.per.data.dir"));
        out_.cleaner.enable = settings_.flag("log.cleaner.enable");
        out_.cleaner.backoff_ms = settings_.number("log.cleaner.backoff.ms");
        out_.cleaner.dedupe_bytes =
            static_cast<std::size_t>(settings_.number("log.cleaner.dedupe.buffer.size"));
        out_.cleaner.io_bytes_per_second = settings_.real("log.cleaner.io.max.bytes.per.second");
    }

    // The defaults of topic keys, each from the first of its broker keys.
    void log() {
        for (const model::TopicKey& key : model::topic_keys()) {
            if (!key.key.acts() || key.broker_keys.empty()) continue;
            const auto value = settings_.text_if_any(key.broker_key());
            if (!value) continue;
            if (auto why = model::set_topic_key(out_.log, key.name(), *value))
                wrong(key.broker_key(), *std::move(why), "");
        }
        model::TopicConfig& log = out_.log;
        log.segment_ms = millis(settings_, "log.roll.ms", "", "log.roll.hours");
        log.segment_jitter_ms =
            millis(settings_, "log.roll.jitter.ms", "", "log.roll.jitter.hours");
        log.retention_ms =
            millis(settings_, "log.retention.ms", "log.retention.minutes", "log.retention.hours");
    }

    void topics() {
        out_.num_partitions = static_cast<std::int32_t>(settings_.number("num.partitions"));
        out_.auto_create_topics = settings_.flag("auto.create.topics.enable");
        out_.delete_topics = settings_.flag("delete.topic.enable");
        out_.producer_id_expiration_ms = settings_.number("producer.id.expiration.ms");
    }

    void connections() {
        const auto number = [&](std::string_view key) {
            return static_cast<std::int32_t>(settings_.number(key));
        };
        out_.request_max_bytes = number("socket.request.max.bytes");
        out_.fetch_max_bytes = number("fetch.max.bytes");
        out_.max_request_partitions = number("max.request.partition.size.limit");
        out_.fetch_session_slots = number("max.incremental.fetch.session.cache.slots");
        out_.max_connections = number("max.connections");
        out_.connections_per_second = number("max.connection.creation.rate");
        out_.connections_max_idle_ms = settings_.number("connections.max.idle.ms");
        out_.max_connections_per_ip = number("max.connections.per.ip");
        overrides();
        out_.queued_max_requests = number("queued.max.requests");
        out_.queued_max_request_bytes = settings_.number("queued.max.request.bytes");
        if (out_.queued_max_request_bytes > 0 &&
            out_.queued_max_request_bytes < out_.request_max_bytes) {
            wrong("queued.max.request.bytes", fmt::format("is {}", out_.queued_max_request_bytes),
                  "socket.request.max.bytes or more: a request of that size would never be read");
        }
    }

    // ADDRESS:COUNT, by the last colon: addresses of IPv6 have some of their own.
    void overrides() {
        constexpr std::string_view kKey = "max.connections.per.ip.overrides";
        const std::string text = settings_.text_if_any(kKey).value_or("");
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t comma = std::min(text.find(',', at), text.size());
            const std::string entry = text.substr(at, comma - at);
            at = comma + 1;
            const auto colon = entry.rfind(':');
            std::int32_t count = -1;
            const char* const end = entry.data() + entry.size();
            const char* const first = colon == std::string::npos ? end : entry.data() + colon + 1;
            const auto parsed = std::from_chars(first, end, count);
            if (colon == 0 || parsed.ec != std::errc{} || parsed.ptr != end || count < 0) {
                wrong(kKey, fmt::format("\"{}\" is no limit", entry),
                      "ADDRESS:COUNT[,ADDRESS:COUNT]..., such as 10.0.0.7:200");
                continue;
            }
            out_.max_connections_of[entry.substr(0, colon)] = count;
        }
    }

    const Settings& settings_;
    std::vector<Problem>& problems_;
    NodeSettings out_;
};
}  // namespace

std::optional<ListenerUrl> parse_listener(std::string_view text) {
    const auto sep = text.find("://");
    if (sep == std::string_view::npos || sep == 0) return std::nullopt;
    ListenerUrl url;
    url.name = text.substr(0, sep);
    std::string_view rest = text.substr(sep + 3);
    std::string_view host;
    if (rest.starts_with('[')) {
        const auto close = rest.find("]:");
        if (close == std::string_view::npos) return std::nullopt;
        host = rest.substr(1, close - 1);
        rest.remove_prefix(close + 2);
    } else {
        const auto colon = rest.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        host = rest.substr(0, colon);
        rest.remove_prefix(colon + 1);
    }
    url.endpoint.host = host;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), url.endpoint.port);
    if (error != std::errc{} || end != rest.data() + rest.size()) return std::nullopt;
    return url;
}

NodeSettings read_node_settings(const Settings& settings, std::vector<Problem>& problems) {
    return Reader(settings, problems).run();
}
}  // namespace faultline::config
