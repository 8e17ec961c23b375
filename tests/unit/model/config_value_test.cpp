#include "core/model/config_value.h"

#include <fstream>

#include "core/model/topic_config.h"
#include "tests/support/catch.h"

namespace faultline::model {
namespace {

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        ++i;
        out += text[i] == 't' ? '\t' : text[i] == 'n' ? '\n' : text[i];
    }
    return out;
}

const ConfigKey* find(std::string_view table, std::string_view name) {
    if (table == "broker") return find_broker_key(name);
    const TopicKey* key = find_topic_key(name);
    return key == nullptr ? nullptr : &key->key;
}

std::string outcome(const ConfigKey& key, std::string_view value) {
    if (const auto why = check_value(key, key.name, value)) return "!" + *why;
    return "=" + (key.sensitive() ? "[hidden]" : shown_value(key, value));
}
}  // namespace

TEST_CASE("config values: 1,824 values are judged and shown as by Kafka", "[config]") {
    std::ifstream in(FL_SOURCE_DIR "/tests/unit/model/kafka_config_values.tsv");
    std::string line;
    int cases = 0;
    while (std::getline(in, line)) {
        if (line.starts_with("#")) continue;
        std::vector<std::string> cells;
        for (std::size_t at = 0; at <= line.size();) {
            const auto tab = std::min(line.find('\t', at), line.size());
            cells.push_back(unescaped(line.substr(at, tab - at)));
            at = tab + 1;
        }
        REQUIRE(cells.size() == 4);
        const ConfigKey* key = find(cells[0], cells[1]);
        REQUIRE(key != nullptr);
        INFO(line);
        CHECK(outcome(*key, cells[2]) == cells[3]);
        ++cases;
    }
    CHECK(cases == 1824);
}

TEST_CASE("config values: doubles are written as Java writes them", "[config]") {
    CHECK(double_text(0) == "0.0");
    CHECK(double_text(-1) == "-1.0");
    CHECK(double_text(0.001) == "0.001");
    CHECK(double_text(0.0001) == "1.0E-4");
    CHECK(double_text(12345678) == "1.2345678E7");
    CHECK(double_text(1.7976931348623157e308) == "1.7976931348623157E308");
    CHECK(parse_double("1.7976931348623157E308") == 1.7976931348623157e308);
    CHECK_FALSE(parse_double("inf").has_value());
    CHECK_FALSE(parse_double("+-1").has_value());
    CHECK_FALSE(parse_double("").has_value());
    CHECK(parse_double("1e-999") == 0.0);
}

TEST_CASE("config keys: every default is allowed by its own bounds", "[config]") {
    const auto check = [](const ConfigKey& key) {
        if (key.preset == kNull || key.required()) return;
        INFO(key.name);
        CHECK(outcome(key, key.preset) ==
              "=" + (key.sensitive() ? "[hidden]" : std::string(key.preset)));
    };
    CHECK(broker_keys().size() == 363);
    CHECK(topic_keys().size() == 35);
    for (const ConfigKey& key : broker_keys()) check(key);
    for (const TopicKey& key : topic_keys()) check(key.key);
}

TEST_CASE("config keys: a topic's defaults come from broker keys with the same default",
          "[config]") {
    for (const TopicKey& key : topic_keys()) {
        if (key.broker_keys.empty()) continue;
        INFO(key.name());
        const ConfigKey* broker = find_broker_key(key.broker_key());
        REQUIRE(broker != nullptr);
        CHECK(broker->type == key.key.type);
        CHECK(broker->update == Update::cluster_wide);
        if (broker->preset != kNull) CHECK(std::string(broker->preset) == key.key.preset);
        CHECK(broker->acts() == key.key.acts());
    }
}

TEST_CASE("config keys: listener prefixes and near names", "[config]") {
    CHECK(listener_key("listener.name.a.ssl.client.auth") == "ssl.client.auth");
    CHECK(listener_key("listener.name.a").empty());
    CHECK(find_broker_or_listener_key("listener.name.a.max.connections") ==
          find_broker_key("max.connections"));
    CHECK(nearest_broker_key("log.retention.m") == "log.retention.ms");
    CHECK(nearest_broker_key("completely.unrelated.words.here").empty());
    CHECK(find_dynamic_only_key("leader.replication.throttled.rate") != nullptr);
    CHECK(find_broker_key("leader.replication.throttled.rate") == nullptr);
}
}  // namespace faultline::model
