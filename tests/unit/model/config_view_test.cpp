#include "core/model/config_view.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace faultline::model {
namespace {
const ConfigMap kNone;

ConfigEntry pick(const std::vector<ConfigEntry>& all, std::string_view name) {
    const auto it = std::ranges::find(all, name, &ConfigEntry::name);
    REQUIRE(it != all.end());
    return *it;
}

// "name=value@source", as one text.
std::string shown(const std::vector<ConfigSynonym>& synonyms) {
    std::string text;
    for (const auto& s : synonyms) {
        if (!text.empty()) text += ' ';
        text +=
            s.name + "=" + s.value.value_or("-") + "@" + std::to_string(static_cast<int>(s.source));
    }
    return text;
}

std::string of_broker(const BrokerLayers& layers, std::string_view name) {
    const ConfigEntry e = pick(describe_broker(layers), name);
    return e.value.value_or("-") + " " + std::to_string(static_cast<int>(e.source)) + " [" +
           shown(e.synonyms) + "]";
}
}  // namespace

TEST_CASE("config view: what is set of a broker stands before its file and the defaults") {
    const ConfigMap node{{"log.retention.ms", "7777"}}, cluster{{"log.retention.ms", "888"}},
        file{{"log.retention.hours", " 5 "}, {"node.id", "1"}};
    CHECK(of_broker({node, cluster, file, kNone}, "log.retention.ms") ==
          "7777 2 [log.retention.ms=7777@2 log.retention.ms=888@3 log.retention.hours= 5 @4 "
          "log.retention.hours=168@5]");
    CHECK(of_broker({kNone, cluster, kNone, kNone}, "log.retention.ms") ==
          "888 3 [log.retention.ms=888@3 log.retention.hours=168@5]");
    CHECK(of_broker({kNone, kNone, file, kNone}, "log.retention.hours") ==
          "5 4 [log.retention.hours= 5 @4 log.retention.hours=168@5]");
    CHECK(of_broker({kNone, kNone, file, kNone}, "log.retention.ms") == "- 5 []");
    CHECK(of_broker({kNone, kNone, kNone, kNone}, "log.roll.ms") == "- 5 []");
    const ConfigMap ours{{"broker.heartbeat.interval.ms", "500"}};
    CHECK(of_broker({kNone, kNone, kNone, ours}, "broker.heartbeat.interval.ms") ==
          "500 5 [broker.heartbeat.interval.ms=500@5]");
}

TEST_CASE("config view: a secret, or what may be one, is not shown") {
    const ConfigMap node{{"sasl.jaas.config", "x"},
                         {"no.such.key", "y"},
                         {"listener.name.a.ssl.key.password", "z"},
                         {"listener.name.a.max.connections", "5"},
                         {"leader.replication.throttled.rate", "9"}};
    const auto all = describe_broker({node, kNone, kNone, kNone});
    for (const char* name :
         {"sasl.jaas.config", "no.such.key", "listener.name.a.ssl.key.password"}) {
        const ConfigEntry e = pick(all, name);
        CHECK(e.sensitive);
        CHECK(!e.value);
        CHECK(shown(e.synonyms) == std::string(name) + "=-@2");
    }
    CHECK(!pick(all, "sasl.jaas.config").read_only);
    CHECK(pick(all, "no.such.key").read_only);
    CHECK(pick(all, "node.id").read_only);
    CHECK(pick(all, "listener.name.a.max.connections").value == "5");
    CHECK(shown(pick(all, "listener.name.a.max.connections").synonyms) ==
          "listener.name.a.max.connections=5@2 max.connections=2147483647@5");
    CHECK(pick(all, "leader.replication.throttled.rate").value == "9");
    CHECK(!pick(all, "leader.replication.throttled.rate").read_only);
}

TEST_CASE("config view: of a topic the broker's layers stand behind its own") {
    const ConfigMap cluster{{"log.retention.ms", "888"}};
    const BrokerLayers layers{kNone, cluster, kNone, kNone};
    const TopicConfig base = with_broker_keys({}, cluster);
    const ConfigMap own{{"segment.bytes", "2000000"}, {"preallocate", "TRUE"}};
    const auto all = describe_topic(own, with_overrides(base, own), layers);
    const auto row = [&](std::string_view name) {
        const ConfigEntry e = pick(all, name);
        CHECK(!e.read_only);
        CHECK(!e.documentation.empty());
        return e.value.value_or("-") + " [" + shown(e.synonyms) + "]";
    };
    CHECK(row("segment.bytes") ==
          "2000000 [segment.bytes=2000000@1 log.segment.bytes=1073741824@5]");
    CHECK(row("retention.ms") == "888 [log.retention.ms=888@3 log.retention.hours=168@5]");
    CHECK(row("segment.ms") == "604800000 []");
    CHECK(row("preallocate") == "true [preallocate=true@1 log.preallocate=false@5]");
    CHECK(row("file.delete.delay.ms") == "60000 [log.segment.delete.delay.ms=60000@5]");
    CHECK(row("leader.replication.throttled.replicas") == " []");
    CHECK(pick(all, "retention.ms").source == ConfigSource::dynamic_default);
    CHECK(pick(all, "segment.ms").source == ConfigSource::preset);
    CHECK(std::ranges::none_of(all,
                               [](const auto& e) { return e.name == "internal.segment.bytes"; }));
}

TEST_CASE("config view: of all brokers only what was set for all") {
    const ConfigMap cluster{{"log.retention.ms", "888"}, {"nix", "1"}};
    const auto all = describe_broker_defaults(cluster);
    REQUIRE(all.size() == 2);
    CHECK(all[0].value == "888");
    CHECK(shown(all[0].synonyms) == "log.retention.ms=888@3");
    CHECK(all[1].sensitive);
}
}  // namespace faultline::model
