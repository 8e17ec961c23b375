// Configurations of groups and of client metrics: every code and text is Apache Kafka 4.3.1's.
#include "core/model/resource_configs.h"

#include <algorithm>

#include "core/logic/controller/configs.h"
#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::IncrementalAlterConfigsRequest;
using wire::KafkaError;
constexpr std::int8_t kSet = 0, kDelete = 1, kAppend = 2;

struct Desk {
    model::MetadataImage image;

    ConfigRefusal ask(std::int8_t type, const std::string& name, const std::string& key,
                      std::optional<std::string> value, std::int8_t operation = kSet) {
        IncrementalAlterConfigsRequest q;
        auto& r = q.resources.emplace_back();
        r.resource_type = type;
        r.resource_name = name;
        r.configs.push_back({key, operation, std::move(value), {}});
        if (const auto early = judge_early(q, image, NodeId{1}).at(0)) return *early;
        const auto d = incremental_alter_configs(image, q, {});
        for (const auto& record : d.records) image.apply(record);
        const auto& a = d.response.responses.at(0);
        return {a.error_code, a.error_message.value_or("")};
    }
    void group(const std::string& key, const std::string& value, const std::string& message = "") {
        const auto got = ask(kGroupConfigs, "g", key, value);
        CHECK(got.error == (message.empty() ? KafkaError::none : KafkaError::invalid_config));
        CHECK(got.message == message);
    }
    void metrics(const std::string& key, const std::string& value, const std::string& message = "",
                 KafkaError error = KafkaError::invalid_config) {
        const auto got = ask(kClientMetricsConfigs, "m", key, value);
        CHECK(got.error == (message.empty() ? KafkaError::none : error));
        CHECK(got.message == message);
    }
};

const model::ConfigEntry& pick(const std::vector<model::ConfigEntry>& all, std::string_view name) {
    const auto it = std::ranges::find(all, name, &model::ConfigEntry::name);
    REQUIRE(it != all.end());
    return *it;
}

const model::ConfigMap kNone;
const model::BrokerLayers kBroker{kNone, kNone, kNone, kNone};

TEST_CASE("group configs: values and the brokers' bounds on them") {
    Desk d;
    d.group("consumer.session.timeout.ms", "50000");
    d.group("consumer.session.timeout.ms", "x",
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type "
            "INT");
    d.group("consumer.session.timeout.ms", "5",
            "consumer.session.timeout.ms must be greater than or equal to "
            "group.consumer.min.session.timeout.ms");
    d.group("consumer.session.timeout.ms", "99999999",
            "consumer.session.timeout.ms must be less than or equal to "
            "group.consumer.max.session.timeout.ms");
    d.group("nix", "5", "Unknown group config name: nix");
    d.group("share.isolation.level", "foo",
            "Invalid value foo for configuration share.isolation.level: String must be one of: "
            "read_committed, read_uncommitted");
    d.group("share.record.lock.duration.ms", "500",
            "Invalid value 500 for configuration share.record.lock.duration.ms: Value must be at "
            "least 1000");
    d.group("share.partition.max.record.locks", "20000",
            "share.partition.max.record.locks must be less than or equal to "
            "group.share.max.partition.max.record.locks");
    d.group("streams.num.standby.replicas", "10",
            "streams.num.standby.replicas must be less than or equal to "
            "group.streams.max.standby.replicas");
    d.group("streams.initial.rebalance.delay.ms", "-1",
            "Invalid value -1 for configuration streams.initial.rebalance.delay.ms: Value must be "
            "at least 0");
    d.group("share.renew.acknowledge.enable", "maybe",
            "Invalid value maybe for configuration share.renew.acknowledge.enable: Expected value "
            "to be either true or false");
    CHECK(d.image.group_configs.at("g") ==
          model::ConfigMap{{"consumer.session.timeout.ms", "50000"}});
}

TEST_CASE("group configs: where a share group begins") {
    Desk d;
    for (const char* good :
         {"earliest", "latest", "by_duration:PT1H", "by_duration:P2DT3H4M5.5S", "by_duration:pt0s"})
        d.group("share.auto.offset.reset", good);
    for (const std::string bad :
         {"bad", "by_duration:", "by_duration:x", "by_duration:P", "by_duration:PT",
          "by_duration:P1H", "by_duration:PT1M2H", "by_duration:PT1.5H", "by_duration:PT5"}) {
        d.group("share.auto.offset.reset", bad,
                "Invalid value " + bad +
                    " for configuration share.auto.offset.reset: Invalid value `" + bad +
                    "` for configuration share.auto.offset.reset. The value must be either "
                    "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.");
    }
}

TEST_CASE("group and client metrics configs: names, appending, and what is deleted is gone") {
    Desk d;
    const auto refused = [](const ConfigRefusal& got, KafkaError error, const char* message) {
        CHECK(got.error == error);
        CHECK(got.message == message);
    };
    refused(d.ask(32, "", "consumer.session.timeout.ms", "50000"), KafkaError::invalid_request,
            "Default group resources are not allowed.");
    refused(d.ask(16, "", "interval.ms", "1000"), KafkaError::invalid_request,
            "Subscription name can't be empty");
    refused(d.ask(16, "m", "metrics", "b", kAppend), KafkaError::invalid_config,
            "Can't APPEND to key metrics because its type is not LIST.");
    CHECK(d.ask(32, "a b/c", "consumer.heartbeat.interval.ms", "9000").error == KafkaError::none);
    CHECK(d.ask(32, "a b/c", "nix", {}, kDelete).error == KafkaError::none);
    CHECK(d.image.group_configs.size() == 1);
    const auto with = d.image.digest();
    CHECK(d.ask(32, "a b/c", "consumer.heartbeat.interval.ms", {}, kDelete).error ==
          KafkaError::none);
    CHECK(d.image.group_configs.empty());
    CHECK(d.image.digest() != with);
    CHECK(d.image.digest() == model::MetadataImage{}.digest());
}

TEST_CASE("client metrics configs: intervals and patterns") {
    Desk d;
    d.metrics("interval.ms", "1000");
    const auto refused = KafkaError::invalid_request;
    d.metrics("interval.ms", "50",
              "Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
              refused);
    d.metrics("nix", "1", "Unknown client metrics configuration: nix", refused);
    d.metrics("interval.ms", "x",
              "Invalid value x for configuration interval.ms: Not a number of type INT");
    d.metrics("metrics", "a,a");
    d.metrics("match", "client_id=.*");
    d.metrics("match", "client_id=a,client_software_name=(b|c)[d-f]+");
    d.metrics("match", "");
    for (const std::string bad :
         {"foo=1", "client_id", "client_id=[", "client_id=*", "client_id=(", "client_id=a=b"})
        d.metrics("match", bad, "Illegal client matching pattern: " + bad);
}

TEST_CASE("group and client metrics configs: what is described") {
    const auto group = model::describe_group({{"consumer.session.timeout.ms", "50000"}}, kBroker);
    CHECK(group.size() == 17);
    const auto& session = pick(group, "consumer.session.timeout.ms");
    CHECK(session.value == "50000");
    CHECK(session.source == model::ConfigSource::group);
    CHECK(session.synonyms ==
          std::vector<model::ConfigSynonym>{
              {"consumer.session.timeout.ms", "50000", model::ConfigSource::group},
              {"group.consumer.session.timeout.ms", "45000", model::ConfigSource::preset}});
    const auto& level = pick(group, "share.isolation.level");
    CHECK(level.value == "read_uncommitted");
    CHECK(level.source == model::ConfigSource::preset);
    CHECK(level.synonyms.size() == 1);

    const auto metrics = model::describe_client_metrics({{"metrics", "a,a"}});
    CHECK(metrics.size() == 3);
    CHECK(pick(metrics, "metrics").value == "a");
    CHECK(pick(metrics, "metrics").source == model::ConfigSource::client_metrics);
    CHECK(pick(metrics, "interval.ms").value == "300000");
    CHECK(pick(metrics, "interval.ms").synonyms.empty());
}
}  // namespace
}  // namespace faultline::logic
