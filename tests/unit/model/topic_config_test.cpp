#include "core/model/topic_config.h"

#include "tests/support/catch.h"

namespace faultline::model {
namespace {

std::optional<std::string> set(std::string_view key, std::string_view value) {
    TopicConfig c;
    return set_topic_key(c, key, value);
}
}  // namespace

TEST_CASE("every number key takes its lowest value and refuses what is below") {
    struct Case {
        const char* key;
        const char* low;
        const char* below;
    };
    for (const Case& c :
         {Case{"segment.ms", "1", "0"}, Case{"segment.jitter.ms", "0", "-1"},
          Case{"segment.index.bytes", "4", "3"}, Case{"index.interval.bytes", "0", "-1"},
          Case{"retention.ms", "-1", "-2"}, Case{"flush.messages", "1", "0"},
          Case{"flush.ms", "0", "-1"}, Case{"max.message.bytes", "0", "-1"},
          Case{"message.timestamp.before.max.ms", "0", "-1"},
          Case{"message.timestamp.after.max.ms", "0", "-1"},
          Case{"min.insync.replicas", "1", "0"}}) {
        INFO(c.key);
        CHECK(!set(c.key, c.low));
        const auto why = set(c.key, c.below);
        REQUIRE(why);
        CHECK(*why == "Invalid value " + std::string(c.below) + " for configuration " + c.key +
                          ": Value must be at least " + c.low);
    }
}

TEST_CASE("values land in their members") {
    TopicConfig c;
    REQUIRE(!set_topic_key(c, "retention.ms", "1234"));
    REQUIRE(!set_topic_key(c, "retention.bytes", "-1"));
    REQUIRE(!set_topic_key(c, "max.message.bytes", "77"));
    REQUIRE(!set_topic_key(c, "message.timestamp.type", "LogAppendTime"));
    REQUIRE(!set_topic_key(c, "flush.before.ack", "false"));
    REQUIRE(!set_topic_key(c, "compression.type", "zstd"));
    CHECK(c.retention_ms == 1234);
    CHECK(c.retention_bytes == -1);
    CHECK(c.log_append_time);
    CHECK(!c.flush_before_ack);
    CHECK(c.compression_type == "zstd");
    const wire::AppendRules rules = c.append_rules();
    CHECK(rules.log_append_time);
    CHECK(rules.max_message_bytes == 77);
    CHECK(rules.after_max_ms == 3'600'000);
}

TEST_CASE("text and overflow are no numbers") {
    for (const char* value : {"", "abc", "1x", "0x1", "9223372036854775808", "1.5"}) {
        INFO(value);
        CHECK(set("retention.ms", value));
    }
    CHECK(set("max.message.bytes", "2147483648"));
}

TEST_CASE("words are checked") {
    for (const char* word : {"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}) {
        CHECK(!set("compression.type", word));
    }
    CHECK(set("compression.type", "none"));
    CHECK(set("message.timestamp.type", "createtime"));
    CHECK(set("flush.before.ack", "yes"));
    CHECK(!set("flush.before.ack", " TRUE "));
    CHECK(!set("cleanup.policy", "delete"));
    CHECK(!set("cleanup.policy", " delete , delete "));
    CHECK(!set("cleanup.policy", ""));
    CHECK(set("cleanup.policy", "keep"));
    CHECK(*set("cleanup.policy", "delete,") ==
          "Configuration 'cleanup.policy' values must not be empty.");
    CHECK(!set("cleanup.policy", "compact"));
    CHECK(!set("cleanup.policy", "compact,delete"));
}

TEST_CASE("an unknown key is refused in Kafka's words") {
    CHECK(*set("retention.msx", "1") == "Unknown topic config name: retention.msx");
    CHECK(*set("log.retention.ms", "1") == "Unknown topic config name: log.retention.ms");
}

TEST_CASE("overrides lie over the broker's defaults") {
    TopicConfig defaults;
    defaults.retention_ms = 5;
    defaults.segment_ms = 6;
    const TopicConfig c = with_overrides(defaults, {{"retention.ms", "7"}});
    CHECK(c.retention_ms == 7);
    CHECK(c.segment_ms == 6);
}

TEST_CASE("broker keys that are set while the broker runs give the defaults") {
    TopicConfig defaults;
    defaults.segment_ms = 6;
    const TopicConfig c = with_broker_keys(
        defaults, {{"log.retention.ms", "7"}, {"message.max.bytes", "8"}, {"log.roll.hours", "9"}});
    CHECK(c.retention_ms == 7);
    CHECK(c.max_message_bytes == 8);
    CHECK(c.segment_ms == 6);  // log.roll.hours is read at start only
}

TEST_CASE("every key that acts takes the value that it shows") {
    const TopicConfig defaults;
    int acting = 0;
    for (const TopicKey& key : topic_keys()) {
        INFO(key.name());
        const auto value = topic_value(defaults, key);
        if (!value) {
            CHECK_FALSE(key.key.acts());
            continue;
        }
        acting += key.key.acts() ? 1 : 0;
        CHECK(*value == key.key.preset);
        TopicConfig c;
        CHECK(!set_topic_key(c, key.name(), *value));
        CHECK(topic_value(c, key) == value);
    }
    CHECK(acting == 24);
}

TEST_CASE("a topic's keys are judged together") {
    CHECK(!check_topic_config({}));
    CHECK(!check_topic_config({{"min.compaction.lag.ms", "5"}, {"retention.ms", "-1"}}));
    CHECK(*check_topic_config({{"retention.ms", "x"}, {"segment.msx", "1"}}) ==
          "Unknown topic config name: segment.msx");
    CHECK(*check_topic_config({{"min.compaction.lag.ms", "10"}, {"max.compaction.lag.ms", "5"}}) ==
          "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
    CHECK(*check_topic_config({{"remote.storage.enable", "true"}}) ==
          "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
          "remote log storage.");
    CHECK(*check_topic_config({{"segment.bytes", "2048"}}) ==
          "Invalid value 2048 for configuration segment.bytes: Value must be at least 1048576");
    CHECK(!check_topic_config({{"segment.bytes", "2048"}}, true));
    CHECK(check_topic_config({{"segment.bytes", "1000"}}, true));
}

TEST_CASE("topic names as Kafka has them") {
    for (const char* good : {"a", "A-Z_0.9", "...", "_", "__consumer_offsets"}) {
        INFO(good);
        CHECK(!bad_topic_name(good));
    }
    CHECK(!bad_topic_name(std::string(249, 'x')));
    CHECK(bad_topic_name(std::string(250, 'x')));
    for (const char* bad : {"", ".", "..", "a b", "a/b", "ä", "a\n", "a:b"}) {
        INFO(bad);
        CHECK(bad_topic_name(bad));
    }
}
}  // namespace faultline::model
