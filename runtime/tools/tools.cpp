#include "runtime/tools/tools.h"

#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/text.h"
#include "runtime/posix/node.h"

namespace faultline::tools {
namespace {

// "host:port", "[::1]:port", "host" (then 9092).
std::optional<Endpoint> parse_endpoint(std::string_view text) {
    Endpoint e{.host = {}, .port = 9092};
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        e.host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        if (text.empty()) return e;
        if (!text.starts_with(':')) return std::nullopt;
        port = text.substr(1);
    } else {
        const auto colon = text.rfind(':');
        e.host = text.substr(0, colon);
        if (colon == std::string_view::npos) {
            if (e.host.empty()) return std::nullopt;
            return e;
        }
        port = text.substr(colon + 1);
    }
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), e.port);
    if (problem != std::errc{} || end != port.data() + port.size()) return std::nullopt;
    if (e.host.empty() || e.port == 0) return std::nullopt;
    return e;
}

std::string_view advice(Errc code) {
    switch (code) {
        case Errc::unreachable:
        case Errc::closed:
        case Errc::timed_out:
            return "is a broker running there? --bootstrap HOST:PORT names another, --timeout "
                   "waits longer";
        case Errc::not_found: return "`faultline topic list` shows what there is";
        case Errc::invalid: return "the broker may be too old, or refuses this request";
        case Errc::corrupt: return "the answer is damaged; `faultline log dump` looks at the files";
        case Errc::cancelled: return "it was interrupted";
        default: return "try again";
    }
}

// What to do about a broker's answer; "" where its own words have to do.
std::string_view advice(wire::KafkaError error) {
    using enum wire::KafkaError;
    switch (error) {
        case unknown_topic_or_partition:
        case unknown_topic_id: return "`faultline topic list` shows what there is";
        case topic_already_exists: return "`faultline topic describe` shows it";
        case invalid_topic_exception:
            return "a name has 1 to 249 of the characters a-z A-Z 0-9 . _ -";
        case invalid_replication_factor:
        case broker_not_available: return "`faultline cluster info` shows the brokers";
        case invalid_partitions: return "partitions can only be added, and there is at least one";
        case invalid_config: return "`faultline config describe KIND NAME` shows keys and values";
        case message_too_large:
        case record_list_too_large: return "make the batch smaller, or raise max.message.bytes";
        case not_enough_replicas:
        case not_enough_replicas_after_append:
            return "`faultline topic describe` shows the replicas in sync; min.insync.replicas "
                   "wants more";
        case offset_out_of_range: return "--from beginning reads what there is";
        case leader_not_available:
        case not_leader_or_follower:
            return "the partition has no leader now; `faultline topic describe` shows it, "
                   "--timeout waits longer";
        case request_timed_out:
        case network_exception: return "--timeout waits longer";
        case unsupported_version: return "the broker is too old for this";
        case cluster_authorization_failed:
        case topic_authorization_failed: return "ask who runs the cluster for the right to do this";
        case kafka_storage_error: return "the broker's log says what is wrong with its disk";
        default: return "";
    }
}
}  // namespace

void add_target(CLI::App& app, Target& target) {
    app.add_option("--bootstrap", target.bootstrap,
                   "brokers to ask first: HOST:PORT[,HOST:PORT]...")
        ->capture_default_str();
    app.add_option("--timeout", target.timeout, "how long to try, as 500ms, 10s, 2m")
        ->capture_default_str();
}

std::optional<client::ClientConfig> client_config(const Target& target) {
    client::ClientConfig config;
    std::string_view rest = target.bootstrap;
    while (true) {
        const auto comma = rest.find(',');
        const auto endpoint = parse_endpoint(rest.substr(0, comma));
        if (!endpoint) {
            bad_input(fmt::format("faultline: --bootstrap {}: not HOST:PORT[,HOST:PORT]...",
                                  target.bootstrap));
            return std::nullopt;
        }
        config.bootstrap.push_back(*endpoint);
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    const auto timeout = parse_duration(target.timeout);
    if (!timeout || timeout->count() <= 0) {
        bad_input(
            fmt::format("faultline: --timeout {}: not a time as 500ms, 10s, 2m", target.timeout));
        return std::nullopt;
    }
    config.request_timeout = std::min(config.request_timeout, *timeout);
    config.connect_timeout = std::min(config.connect_timeout, *timeout);
    return config;
}

Duration timeout_of(const Target& target) { return *parse_duration(target.timeout); }

int complain(const std::string& what, const Error& error, const Target& target) {
    fmt::print(stderr, "faultline: {}: {} ({}); {}\n", what, to_string(error), target.bootstrap,
               advice(error.code));
    return kFailed;
}

int complain(const std::string& what, wire::KafkaError error, const std::string& message) {
    const std::string_view next = advice(error);
    fmt::print(stderr, "faultline: {}: {}{}{}{}{}\n", what, wire::to_string(error),
               message.empty() ? "" : ": ", message, next.empty() ? "" : "; ", next);
    return kFailed;
}

int with_admin(const Target& target,
               const std::function<int(client::Admin&, Deadline, fiber::StopToken)>& body) {
    const auto config = client_config(target);
    if (!config) return kBadInput;
    return posix::run_client([&](Env& env, fiber::StopToken stop) {
        client::Admin admin(env, *config);
        const int code = body(admin, env.clock.in(timeout_of(target)), stop);
        admin.close();
        return code;
    });
}

int settle(const std::string& what, const Result<client::AdminAnswer>& answer,
           const Target& target) {
    if (!answer.ok()) return complain(what, answer.error(), target);
    if (!answer->ok()) return complain(what, answer->error, answer->message);
    return kOk;
}

std::optional<client::ConfigChange> parse_pair(const std::string& flag, const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        bad_input(fmt::format("faultline: {} {}: not KEY=VALUE", flag, text));
        return std::nullopt;
    }
    return client::ConfigChange{text.substr(0, equals), text.substr(equals + 1)};
}

int bad_input(const std::string& line) {
    fmt::print(stderr, "{}\n", line);
    return kBadInput;
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
    return text;
}
}  // namespace faultline::tools
