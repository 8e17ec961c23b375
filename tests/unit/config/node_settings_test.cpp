#include "runtime/config/node_settings.h"

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::config;

namespace {

struct Read {
    NodeSettings node;
    std::vector<std::string> problems;
    std::vector<std::string> without_effect;
};

Read read(std::string_view text) {
    int bad_line = 0;
    const auto properties = parse_properties(text, &bad_line);
    REQUIRE(properties.ok());
    Settings settings;
    settings.add("s", *properties);
    auto problems = settings.check();
    Read result;
    if (problems.empty()) result.node = read_node_settings(settings, problems);
    for (const auto& problem : problems) result.problems.push_back(to_string(problem));
    result.without_effect = settings.without_effect();
    return result;
}

const std::string kLone = "process.roles=broker,controller\nnode.id=1\n";
}  // namespace

// The keys of config/kraft/server.properties in Kafka's distribution, with its values.
TEST_CASE("node settings: Kafka's sample for a lone node starts as it is", "[config]") {
    const Read found = read(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n"
        "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n"
        "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
        "controller.listener.names=CONTROLLER\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n"
        "num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n"
        "socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n"
        "log.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n"
        "num.recovery.threads.per.data.dir=1\noffsets.topic.replication.factor=1\n"
        "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
        "log.retention.hours=168\nlog.segment.bytes=1073741824\n"
        "log.retention.check.interval.ms=300000\n");
    CHECK(found.problems == std::vector<std::string>{});
    CHECK(found.node.node == NodeId{1});
    REQUIRE(found.node.listeners.size() == 1);
    CHECK(found.node.listeners[0].bind == Endpoint{"", 9092});
    CHECK(found.node.listeners[0].advertised == Endpoint{"localhost", 9092});
    CHECK(found.node.log_dirs == std::vector<std::string>{"/tmp/kraft-combined-logs"});
    CHECK(found.node.log.retention_ms == 604'800'000);
    CHECK(found.node.log.segment_bytes == 1'073'741'824);
    CHECK(found.node.request_max_bytes == 104'857'600);
    CHECK(found.node.log.flush_before_ack);
    // num.io.threads=8 and its like are what holds without them.
    CHECK(found.without_effect ==
          std::vector<std::string>{"inter.broker.listener.name", "offsets.topic.replication.factor",
                                   "transaction.state.log.min.isr",
                                   "transaction.state.log.replication.factor"});
}

TEST_CASE("node settings: the finest unit of a time counts", "[config]") {
    CHECK(read(kLone + "log.retention.hours=1\nlog.retention.minutes=2\n").node.log.retention_ms ==
          120'000);
    CHECK(read(kLone + "log.retention.hours=1\nlog.retention.ms=5\n").node.log.retention_ms == 5);
    CHECK(read(kLone + "log.retention.hours=-1\n").node.log.retention_ms == -1);
    CHECK(read(kLone + "log.roll.hours=2\n").node.log.segment_ms == 7'200'000);
}

TEST_CASE("node settings: a topic's defaults come from the broker's keys", "[config]") {
    const auto log = read(kLone +
                          "log.message.timestamp.before.max.ms=5\nmessage.max.bytes=6\n"
                          "log.message.timestamp.type=LogAppendTime\n"
                          "log.flush.before.ack=FALSE\nmin.insync.replicas=2\n")
                         .node.log;
    CHECK(log.timestamp_before_max_ms == 5);
    CHECK(log.max_message_bytes == 6);
    CHECK(log.log_append_time);
    CHECK_FALSE(log.flush_before_ack);
    CHECK(log.min_insync_replicas == 2);
    CHECK(
        read(kLone + "log.roll.ms=0\n").problems ==
        std::vector<std::string>{"s:3: log.roll.ms: Invalid value 0 for configuration segment.ms: "
                                 "Value must be at least 1"});
}

TEST_CASE("node settings: the keys that are read are those that the table says act", "[config]") {
    Settings settings;
    settings.set("node.id", "1", {"t", 1});
    settings.set("process.roles", "broker,controller", {"t", 2});
    std::vector<Problem> problems;
    (void)read_node_settings(settings, problems);
    std::set<std::string, std::less<>> acting;
    for (const auto& key : model::broker_keys()) {
        if (key.acts()) acting.emplace(key.name);
    }
    CHECK(settings.asked() == acting);
}

TEST_CASE("node settings: what this version lacks is named with its line", "[config]") {
    const auto first = [](const std::string& text) {
        const auto problems = read(text).problems;
        return problems.empty() ? std::string() : problems.front();
    };
    CHECK(first("process.roles=broker,controller\n") ==
          "s:1: node.id: is missing; a number from 0, such as node.id=1");
    CHECK(first("node.id=1\nprocess.roles=broker\n").find("controller.quorum.voters: is empty") !=
          std::string::npos);
    CHECK(first(kLone + "controller.quorum.voters=2@h:1,3@h:2\n").find("does not name node") !=
          std::string::npos);
    CHECK(first(kLone + "listeners=SSL://:9093\n") ==
          "s:3: listeners: SSL is SSL; PLAINTEXT: this version has no TLS and no SASL");
    CHECK(first(kLone + "listeners=CLIENT://:9093\n").find("CLIENT has no security protocol") !=
          std::string::npos);
    CHECK(first(kLone + "listeners=9092\n").find("\"9092\" is no listener") != std::string::npos);
    CHECK(first(kLone + "log.cleanup.policy=compact\n").empty());
    CHECK(first(kLone + "log.dirs=/a,/b,/a\n").find("must not be duplicated") != std::string::npos);
    CHECK(first(kLone + "broker.session.timeout.ms=1\n").find("more than broker.heartbeat") !=
          std::string::npos);
    CHECK(first(kLone + "advertised.listeners=PLAINTEXT://0.0.0.0:9092\n").find("can connect to") !=
          std::string::npos);
}

TEST_CASE("node settings: limits of connections and of requests' memory", "[config]") {
    const auto good = read(kLone +
                           "max.connections.per.ip.overrides=10.0.0.1:5,::1:7\n"
                           "queued.max.request.bytes=200000000\n");
    CHECK(good.problems.empty());
    CHECK(good.node.max_connections_of ==
          std::map<std::string, std::int32_t>{{"10.0.0.1", 5}, {"::1", 7}});
    CHECK(good.node.queued_max_request_bytes == 200'000'000);
    const auto first = [](const std::string& text) {
        const auto problems = read(text).problems;
        return problems.empty() ? std::string() : problems.front();
    };
    for (const char* bad : {"10.0.0.1", ":5", "h:-1", "h:x", "h:1,,g:2"}) {
        CHECK(first(kLone + "max.connections.per.ip.overrides=" + bad + "\n").find("is no limit") !=
              std::string::npos);
    }
    CHECK(
        first(kLone + "queued.max.request.bytes=1000\n").find("socket.request.max.bytes or more") !=
        std::string::npos);
}

TEST_CASE("node settings: listeners with names, addresses and ports", "[config]") {
    REQUIRE(parse_listener("CLIENT://[::1]:0").has_value());
    CHECK(parse_listener("CLIENT://[::1]:0")->endpoint == Endpoint{"::1", 0});
    CHECK(parse_listener("CLIENT://h:65535")->name == "CLIENT");
    for (const auto* bad : {"h:1", "://h:1", "A://h", "A://h:65536", "A://h:1x", "A://[::1", ""}) {
        INFO(bad);
        CHECK_FALSE(parse_listener(bad).has_value());
    }
}
