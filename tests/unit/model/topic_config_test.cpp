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
    for (const char* value : {"", "abc", "1x", " 1", "9223372036854775808", "1.5"}) {
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
    CHECK(!set("cleanup.policy", "delete"));
    CHECK(set("cleanup.policy", "keep"));
    // Not served: accepting it would keep data for ever.
    CHECK(set("cleanup.policy", "compact"));
    CHECK(set("cleanup.policy", "compact,delete"));
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

TEST_CASE("every key is listed once, and takes the value that is listed") {
    const TopicConfig defaults;
    const auto keys = topic_keys(defaults);
    CHECK(keys.size() == 17);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        INFO(keys[i].name);
        if (i > 0) CHECK(keys[i - 1].name < keys[i].name);
        TopicConfig c;
        CHECK(!set_topic_key(c, keys[i].name, keys[i].value));
        CHECK(topic_keys(c)[i].value == keys[i].value);
    }
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
