#include "sim/run/broker_node.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/broker/broker.h"
#include "sim/scenario/json_positions.h"

namespace faultline::sim {
namespace {

// Broker keys of a scenario that are not the default of a topic key.
bool set_broker_key(broker::BrokerConfig& c, std::string_view key, std::string_view value,
                    bool& good) {
    const auto number = [&](auto& out) {
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
        good = error == std::errc{} && end == value.data() + value.size();
    };
    for (const broker::BrokerNumber& n : broker::kBrokerNumbers) {
        if (n.name == key) {
            number(c.*n.member);
            return true;
        }
    }
    if (key == "num.partitions")
        number(c.num_partitions);
    else if (key == "fetch.max.bytes")
        number(c.fetch_max_bytes);
    else if (key == "socket.request.max.bytes")
        number(c.limits.max_frame);
    else if (key == "auto.create.topics.enable")
        c.auto_create_topics = value == "true";
    else
        return false;
    return true;
}

// The topic key whose default a broker key is; empty when it is none.
std::string topic_key_of(std::string_view key) {
    if (key == "message.max.bytes") return "max.message.bytes";
    if (key == "log.flush.interval.messages") return "flush.messages";
    if (key == "log.flush.interval.ms") return "flush.ms";
    if (key == "log.roll.ms") return "segment.ms";
    if (key == "log.roll.jitter.ms") return "segment.jitter.ms";
    if (key == "log.index.interval.bytes") return "index.interval.bytes";
    if (key == "log.index.size.max.bytes") return "segment.index.bytes";
    if (key == "min.insync.replicas" || key == "compression.type") return std::string(key);
    if (key.starts_with("log.")) return std::string(key.substr(4));
    return "";
}

// Sets one key; a sentence when that cannot be.
std::optional<std::string> set_key(broker::BrokerConfig& c, const std::string& key,
                                   const std::string& value) {
    if (key == "replica.selector.class") {
        const auto selector = logic::replica_selector(value);
        if (!selector) return fmt::format("\"{}\" is unknown", value);
        c.replica_selector = *selector;
        return std::nullopt;
    }
    bool good = true;
    if (set_broker_key(c, key, value, good)) {
        if (good) return std::nullopt;
        return fmt::format("\"{}\" is not a number", value);
    }
    const std::string topic_key = topic_key_of(key);
    if (model::find_topic_key(topic_key) == nullptr)
        return "is not a broker key that this version acts on";
    return model::set_topic_key(c.topic_defaults, topic_key, value);
}

// Of `at`, the pointer to these keys.
std::optional<BadConfig> configure(broker::BrokerConfig& c, const std::string& at,
                                   const std::map<std::string, std::string>& config) {
    for (const auto& [key, value] : config) {
        if (const auto why = set_key(c, key, value))
            return BadConfig{fmt::format("{}/{}", at, pointer_token(key)), *why};
    }
    return std::nullopt;
}
}  // namespace

std::vector<broker::VoterConfig> voters_of(const ClusterSpec& cluster) {
    std::vector<broker::VoterConfig> voters;
    if (cluster.brokers == 1 && cluster.controllers == 0) return voters;
    const auto add = [&](std::int32_t id, const std::string& host) {
        voters.push_back({NodeId{id}, {host, kControllerPort}});
    };
    // Nodes are numbered in the order in which the run adds them: brokers, then controllers.
    const std::int32_t voting = cluster.voters > 0 ? cluster.voters : cluster.controllers;
    for (std::int32_t i = 1; i <= voting; ++i) add(cluster.brokers + i, fmt::format("c{}", i));
    for (std::int32_t i = 1; cluster.controllers == 0 && i <= std::min(cluster.brokers, 3); ++i)
        add(i, fmt::format("n{}", i));
    return voters;
}

std::optional<BadConfig> bad_config(const Scenario& scenario) {
    broker::BrokerConfig scratch;
    const ClusterSpec& cluster = scenario.cluster;
    if (auto bad = configure(scratch, "/cluster/config", cluster.config)) return bad;
    for (std::size_t i = 0; i < cluster.topics.size(); ++i) {
        model::TopicConfig config = scratch.topic_defaults;
        for (const auto& [key, value] : cluster.topics[i].config) {
            if (const auto why = model::set_topic_key(config, key, value))
                return BadConfig{fmt::format("/cluster/topics/{}/config/{}", i, pointer_token(key)),
                                 *why};
        }
    }
    for (std::size_t i = 0; i < scenario.faults.size(); ++i) {
        broker::BrokerConfig changed = scratch;
        const std::string at = fmt::format("/faults/{}/config", i);
        if (auto bad = configure(changed, at, scenario.faults[i].config)) return bad;
    }
    return std::nullopt;
}

void run_broker(Env& env, fiber::StopToken stop, const ClusterSpec& cluster,
                const std::string& host) {
    broker::BrokerConfig config;
    config.node = env.node;
    config.is_broker = host.starts_with('n');
    config.voters = voters_of(cluster);
    const bool votes =
        std::ranges::any_of(config.voters, [&](const auto& v) { return v.id == env.node; });
    if (votes || !config.is_broker) config.controller_bind = Endpoint{"", kControllerPort};
    // Who may come to vote says where it listens: the voters in the log have addresses.
    if (cluster.voters > 0 && !config.is_broker)
        config.controller_advertised = Endpoint{host, kControllerPort};
    if (config.is_broker)
        config.listeners.push_back({"PLAINTEXT", {"", kBrokerPort}, {host, kBrokerPort}});
    for (const NodeSpec& place : cluster.nodes) {
        if (place.name == host && !place.rack.empty()) config.rack = place.rack;
    }
    config.log_dirs = {"data"};
    config.tiny_segments = true;
    for (std::int32_t i = 2; i <= cluster.log_dirs; ++i)
        config.log_dirs.push_back(fmt::format("data{}", i));
    FL_ASSERT(!configure(config, "", cluster.config));  // bad_config() was asked before
    config.given = {cluster.config.begin(), cluster.config.end()};
    const auto served = broker::run_broker(env, std::move(config), stop);
    if (!served.ok()) env.log.error("the broker stopped: {}", to_string(served.error()));
}
}  // namespace faultline::sim
