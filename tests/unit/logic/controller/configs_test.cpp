// Every error text and code here is Apache Kafka 4.3.1's answer to the same request.
#include "core/logic/controller/configs.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::IncrementalAlterConfigsRequest;
using wire::KafkaError;
using Resource = IncrementalAlterConfigsRequest::AlterConfigsResource;
constexpr std::int8_t kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3;

struct Op {
    std::string name;
    std::int8_t operation;
    std::optional<std::string> value;
};

Resource resource(std::int8_t type, std::string name, std::vector<Op> ops) {
    Resource r;
    r.resource_type = type;
    r.resource_name = std::move(name);
    for (auto& op : ops) r.configs.push_back({op.name, op.operation, op.value, {}});
    return r;
}

struct Desk {
    model::MetadataImage image;
    TopicDefaults defaults;

    Desk() {
        image.brokers.insert(0, {NodeId{1}, "host", 9092});
        topic("t");
    }
    Uuid topic(const std::string& name, std::vector<std::int32_t> replicas = {1}) {
        wire::TopicRecord t;
        t.name = name;
        t.topic_id = {.hi = 1, .lo = image.topics.size() + 1};
        image.apply(t);
        wire::PartitionRecord p;
        p.topic_id = t.topic_id;
        p.partition_id = 0;
        p.replicas = replicas;
        p.isr = replicas;
        p.leader = replicas.front();
        image.apply(p);
        return t.topic_id;
    }
    // As a broker and then the controller answer it, and what follows is applied.
    ConfigRefusal ask(Resource r, bool validate_only = false) {
        IncrementalAlterConfigsRequest q;
        q.resources.push_back(std::move(r));
        q.validate_only = validate_only;
        if (const auto early = judge_early(q, image, NodeId{1}).at(0)) return *early;
        const auto d = incremental_alter_configs(image, q, defaults);
        for (const auto& record : d.records) image.apply(record);
        const auto& a = d.response.responses.at(0);
        CHECK(a.resource_type == q.resources[0].resource_type);
        CHECK(a.resource_name == q.resources[0].resource_name);
        return {a.error_code, a.error_message.value_or("")};
    }
    ConfigRefusal on_t(std::vector<Op> ops) { return ask(resource(2, "t", std::move(ops))); }
    ConfigRefusal on_broker(std::string name, std::vector<Op> ops) {
        return ask(resource(4, std::move(name), std::move(ops)));
    }
    const model::ConfigMap& of_t() const { return image.find("t")->config; }
};

void check(const ConfigRefusal& got, KafkaError error, const std::string& message = "") {
    CHECK(got.error == error);
    CHECK(got.message == message);
}
}  // namespace

TEST_CASE("alter configs: keys of a topic are set, deleted and, where they are lists, changed") {
    Desk d;
    check(d.on_t({{"retention.ms", kSet, "1000"}, {"segment.bytes", kSet, "2000000"}}),
          KafkaError::none);
    CHECK(d.of_t() == model::ConfigMap{{"retention.ms", "1000"}, {"segment.bytes", "2000000"}});
    check(d.on_t({{"retention.ms", kDelete, {}}, {"no.such.key", kDelete, {}}}), KafkaError::none);
    CHECK(d.of_t() == model::ConfigMap{{"segment.bytes", "2000000"}});
    check(d.on_t({{"cleanup.policy", kAppend, "compact"}}), KafkaError::none);
    check(d.on_t({{"cleanup.policy", kAppend, "compact"}}), KafkaError::none);
    CHECK(d.of_t().at("cleanup.policy") == "delete,compact");
    check(d.on_t({{"cleanup.policy", kSubtract, "delete"}}), KafkaError::none);
    CHECK(d.of_t().at("cleanup.policy") == "compact");
    check(d.on_t({{"cleanup.policy", kSubtract, "compact"}}), KafkaError::none);
    CHECK(d.of_t().at("cleanup.policy").empty());
    check(d.ask(resource(2, "t", {{"retention.ms", kSet, "5"}}), true), KafkaError::none);
    CHECK(!d.of_t().contains("retention.ms"));
}

TEST_CASE("alter configs: what is wrong with a topic's keys is said as Kafka says it") {
    Desk d;
    const auto before = d.image.digest();
    check(d.on_t({{"nix", kSet, "1"}}), KafkaError::invalid_config,
          "Unknown topic config name: nix");
    check(d.on_t({{"retention.ms", kSet, "x"}}), KafkaError::invalid_config,
          "Invalid value x for configuration retention.ms: Not a number of type LONG");
    check(d.on_t({{"retention.ms", kSet, {}}}), KafkaError::invalid_request,
          "Null value not supported for : retention.ms");
    check(d.on_t({{"flush.ms", kSet, "1"}, {"flush.ms", kDelete, {}}}), KafkaError::invalid_request,
          "Error due to duplicate config keys");
    check(d.on_t({{"retention.ms", kAppend, "1"}}), KafkaError::invalid_config,
          "Can't APPEND to key retention.ms because its type is not LIST.");
    check(d.on_t({{"retention.ms", 9, "1"}}), KafkaError::invalid_request,
          "Unknown operations type 9");
    check(
        d.on_t({{"min.compaction.lag.ms", kSet, "500"}, {"max.compaction.lag.ms", kSet, "100"}}),
        KafkaError::invalid_config,
        "conflict topic config setting min.compaction.lag.ms (500) > max.compaction.lag.ms (100)");
    check(d.ask(resource(2, "nope", {{"retention.ms", kSet, "1"}})),
          KafkaError::unknown_topic_or_partition, "The topic 'nope' does not exist.");
    check(d.ask(resource(2, "", {})), KafkaError::invalid_request,
          "Default topic resources are not allowed.");
    CHECK(d.ask(resource(2, "a b", {})).error == KafkaError::invalid_topic_exception);
    check(d.ask(resource(77, "t", {})), KafkaError::invalid_request, "Unknown resource type 77");
    CHECK(d.image.digest() == before);
}

TEST_CASE("alter configs: a list that grows by appending is no longer than a value can be") {
    Desk desk;
    const auto list = [](int from, int to) {
        std::string text;
        for (int i = from; i < to; ++i) text += (i > from ? "," : "") + std::to_string(i) + ":1";
        return text;
    };
    const std::string key = "leader.replication.throttled.replicas";
    const std::string most(32'764, '0');
    check(desk.on_t({{key, kSet, list(0, 3000)}}), KafkaError::none);
    const ConfigRefusal refusal{KafkaError::invalid_config,
                                "The configuration value cannot be added because it exceeds the "
                                "maximum value size of 32767 bytes."};
    check(desk.on_t({{key, kAppend, list(3000, 6000)}}), refusal.error, refusal.message);
    CHECK(desk.of_t().at(key) == list(0, 3000));
    check(desk.on_t({{key, kSet, most + ":1"}}), KafkaError::none);  // 32766
    check(desk.on_t({{key, kAppend, "1:1"}}), refusal.error, refusal.message);
    check(desk.on_t({{key, kSubtract, most + ":1"}}), KafkaError::none);
}

TEST_CASE("alter configs: a resource that stands twice is refused, the others are decided") {
    Desk d;
    IncrementalAlterConfigsRequest q;
    q.resources = {resource(2, "t", {}), resource(2, "u", {}), resource(2, "t", {})};
    const auto early = judge_early(q, d.image, NodeId{1});
    CHECK(early.at(0)->message == "Each resource must appear at most once.");
    CHECK(!early.at(1));
    CHECK(early.at(2)->error == KafkaError::invalid_request);
}

TEST_CASE("alter configs: a broker's keys, its own and those of all") {
    Desk d;
    check(d.on_broker("1", {{"log.retention.ms", kSet, "7777"}}), KafkaError::none);
    check(d.on_broker("", {{"log.retention.ms", kSet, "888"}, {"nix", kSet, "3"}}),
          KafkaError::none);
    CHECK(d.image.broker_configs.at(1) == model::ConfigMap{{"log.retention.ms", "7777"}});
    CHECK(d.image.broker_defaults == model::ConfigMap{{"log.retention.ms", "888"}, {"nix", "3"}});
    check(d.on_broker("1", {{"log.retention.ms", kDelete, {}}}), KafkaError::none);
    CHECK(!d.image.broker_configs.contains(1));
    check(d.on_broker("1", {{"log.cleanup.policy", kAppend, "compact"}}), KafkaError::none);
    CHECK(d.image.broker_configs.at(1).at("log.cleanup.policy") == "delete,compact");
    check(d.on_broker("1", {{"leader.replication.throttled.rate", kSet, "100"}}), KafkaError::none);
    check(d.on_broker("1", {{"listener.name.a.ssl.key.password", kSet, "x"}}), KafkaError::none);
    check(d.on_broker("", {{"listener.name.a.max.connections", kSet, "5"}}), KafkaError::none);
}

TEST_CASE("alter configs: what a broker could not follow is refused as Kafka refuses it") {
    Desk d;
    const auto bad = KafkaError::invalid_request;
    const auto set = [&](std::string broker, std::string key, std::string value) {
        return d.on_broker(std::move(broker), {{std::move(key), kSet, std::move(value)}});
    };
    check(set("2", "log.retention.ms", "1"), bad,
          "Unexpected broker id, expected 1, but received 2");
    check(set("x", "log.retention.ms", "1"), bad, "Node id must be an integer, but it is: x");
    check(set("1", "num.partitions", "3"), bad,
          "Cannot update these configs dynamically: [num.partitions]");
    check(set("1", "log.retention.ms", "x"), bad,
          "Invalid value x for configuration log.retention.ms: Not a number of type LONG");
    check(set("", "listener.security.protocol.map", "A:PLAINTEXT"), bad,
          "Cannot update these configs at default cluster level, broker id must be specified: "
          "[listener.security.protocol.map]");
    check(set("1", "ssl.keystore.type", "JKS"), bad,
          "These security configs can be dynamically updated only per-listener using the listener "
          "prefix: [ssl.keystore.type]");
    check(set("", "log.roll.ms", "0"), bad,
          "requirement failed: log.roll.ms must be greater than or equal to 1");
    check(set("1", "min.insync.replicas", "2"), KafkaError::invalid_config,
          "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    check(d.on_broker("1", {{"nix", kAppend, "a"}}), KafkaError::invalid_config,
          "Unknown config name: nix");
    CHECK(d.image.broker_configs.empty());
    CHECK(d.image.broker_defaults.empty());
}

TEST_CASE("alter configs: AlterConfigs replaces all that is set of a resource") {
    Desk d;
    check(d.on_t({{"retention.ms", kSet, "1"}, {"flush.ms", kSet, "2"}}), KafkaError::none);
    wire::AlterConfigsRequest q;
    q.resources.resize(1);
    q.resources[0].resource_type = 2;
    q.resources[0].resource_name = "t";
    q.resources[0].configs.push_back({"flush.ms", "77", {}});
    CHECK(!judge_early(q, d.image, NodeId{1}).at(0));
    const auto decision = alter_configs(d.image, q, d.defaults);
    CHECK(decision.response.responses.at(0).error_code == KafkaError::none);
    for (const auto& r : decision.records) d.image.apply(r);
    CHECK(d.of_t() == model::ConfigMap{{"flush.ms", "77"}});
    q.resources[0].configs[0].value.reset();
    CHECK(judge_early(q, d.image, NodeId{1}).at(0)->message ==
          "Null value not supported for : flush.ms");
    q.resources[0].resource_type = kLoggerConfigs;
    q.resources[0].configs.clear();
    CHECK(judge_early(q, d.image, NodeId{1}).at(0)->message == "Unknown resource type 8");
}

// KIP-966: the high watermark goes on without those who left as soon as enough are in sync.
TEST_CASE("alter configs: a lower min.insync.replicas takes the eligible their claim") {
    for (const bool of_all : {false, true}) {
        Desk d;
        for (std::int32_t id = 2; id <= 3; ++id)
            d.image.brokers.insert(d.image.brokers.size(), {NodeId{id}, "h", 1});
        const Uuid id = d.topic("r", {1, 2, 3});
        if (of_all) {
            check(d.on_broker("", {{"min.insync.replicas", kSet, "2"}}), KafkaError::none);
        } else {
            check(d.ask(resource(2, "r", {{"min.insync.replicas", kSet, "2"}})), KafkaError::none);
        }
        wire::PartitionChangeRecord shrunk;
        shrunk.topic_id = id;
        shrunk.partition_id = 0;
        shrunk.isr = {1};
        shrunk.eligible_leader_replicas = {2, 3};
        d.image.apply(shrunk);
        const auto elr = [&] { return d.image.find("r")->partitions[0].elr; };
        const auto epoch = d.image.find("r")->partitions[0].leader_epoch;
        check(d.ask(resource(2, "r", {{"retention.ms", kSet, "5"}})), KafkaError::none);
        CHECK(elr() == model::BrokerIds{2, 3});
        if (of_all) {
            check(d.on_broker("", {{"min.insync.replicas", kSet, "1"}}), KafkaError::none);
        } else {
            check(d.ask(resource(2, "r", {{"min.insync.replicas", kDelete, {}}})),
                  KafkaError::none);
        }
        CHECK(elr().empty());
        CHECK(d.image.find("r")->partitions[0].leader == NodeId{1});
        CHECK(d.image.find("r")->partitions[0].leader_epoch == epoch);
    }
}

TEST_CASE("alter configs: the root logger has a level, and is the only one") {
    const auto ask = [](std::string broker, std::string name, std::int8_t op,
                        std::optional<std::string> value) {
        const auto change =
            alter_logger(resource(8, std::move(broker), {{std::move(name), op, value}}), NodeId{1});
        return change.refusal ? change.refusal->message : change.level.value_or("");
    };
    CHECK(ask("1", "root", kSet, "DEBUG") == "DEBUG");
    CHECK(ask("1", "root", kSet, "LOUD") ==
          "Cannot set the log level of root to LOUD as it is not a supported log level. Valid log "
          "levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN");
    CHECK(ask("1", "kafka", kSet, "DEBUG") == "Logger kafka does not exist!");
    CHECK(ask("1", "root", kDelete, {}) ==
          "Removing the log level of the root logger is not allowed");
    CHECK(ask("1", "root", kAppend, "INFO") ==
          "APPEND operation is not allowed for the BROKER_LOGGER resource");
    CHECK(ask("9", "root", kSet, "INFO") == "Unexpected node id. Expected 1, but received 9");
    CHECK(ask("", "root", kSet, "INFO") == "Node id must be an integer, but it is: ");
}
}  // namespace faultline::logic
