#include "runtime/config/settings.h"

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::config;

namespace {

Settings from(std::string_view text) {
    int bad_line = 0;
    auto properties = parse_properties(text, &bad_line);
    REQUIRE(properties.ok());
    Settings settings;
    settings.add("s.properties", *properties);
    return settings;
}

std::string first_problem(std::string_view text) {
    const auto problems = from(text).check();
    return problems.empty() ? "" : to_string(problems.front());
}
}  // namespace

TEST_CASE("settings: problems say the place, what is wrong and what would be right", "[config]") {
    CHECK(first_problem("node.id=1\nnum.partition=3\n") ==
          "s.properties:2: num.partition: is no key of Kafka 4.3 or Faultline; did you mean "
          "num.partitions?");
    CHECK(first_problem("num.partitions=0\n") ==
          "s.properties:1: num.partitions: Invalid value 0 for configuration num.partitions: Value "
          "must be at least 1");
    CHECK(first_problem("num.partitions=many\n") ==
          "s.properties:1: num.partitions: Invalid value many for configuration num.partitions: "
          "Not a number of type INT");
    CHECK(first_problem("node.id=99999999999\n") ==
          "s.properties:1: node.id: Invalid value 99999999999 for configuration node.id: Not a "
          "number of type INT");
    CHECK(first_problem("auto.create.topics.enable=yes\n") ==
          "s.properties:1: auto.create.topics.enable: Invalid value yes for configuration "
          "auto.create.topics.enable: Expected value to be either true or false");
    CHECK(
        first_problem("compression.type=brotli\n") ==
        "s.properties:1: compression.type: Invalid value brotli for configuration "
        "compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer");
    CHECK(first_problem("compression.gzip.level=0\n") ==
          "s.properties:1: compression.gzip.level: Invalid value 0 for configuration "
          "compression.gzip.level: Value must be between 1 and 9 or equal to -1");
    CHECK(first_problem("process.roles=broker,observer\n") ==
          "s.properties:1: process.roles: Invalid value observer for configuration process.roles: "
          "String must be one of: broker, controller");
    CHECK(first_problem("log.dirs=/a,,/b\n") ==
          "s.properties:1: log.dirs: Configuration 'log.dirs' values must not be empty.");
    CHECK(first_problem("listener.name.x.ssl.client.auth=never\n") ==
          "s.properties:1: listener.name.x.ssl.client.auth: Invalid value never for configuration "
          "listener.name.x.ssl.client.auth: String must be one of: required, requested, none");
    CHECK(first_problem("compression.gzip.level=-1\nTIMES=3\n").find("TIMES") != std::string::npos);
}

TEST_CASE("settings: a problem is one line, whatever the file says", "[config]") {
    const Problem problem{{"f", 3}, "node.id\nx", "is \"\t1\"", "a number"};
    CHECK(to_string(problem) == "f:3: node.id\\u000ax: is \"\\u00091\"; a number");
}

TEST_CASE("settings: the last one counts, and the command line comes last", "[config]") {
    Settings settings = from("num.partitions=3\nnum.partitions=4\n");
    CHECK(settings.number("num.partitions") == 4);
    settings.set("num.partitions", "5", {"--set", 1});
    CHECK(settings.number("num.partitions") == 5);
    CHECK(settings.place_of("num.partitions").file == "--set");
}

TEST_CASE("settings: defaults, nulls and lists", "[config]") {
    const Settings settings = from("log.dirs = /a, /b\ncontroller.quorum.voters=\n");
    CHECK(settings.list("log.dirs") == std::vector<std::string>{"/a", "/b"});
    CHECK(settings.list("controller.quorum.voters").empty());
    CHECK(settings.flag("auto.create.topics.enable"));
    CHECK(settings.number("log.retention.hours") == 168);
    CHECK_FALSE(settings.number_if_any("log.retention.ms").has_value());
    CHECK(settings.text("log.dir") == "/tmp/kafka-logs");
    CHECK(settings.flag("log.flush.before.ack"));
}

TEST_CASE("settings: keys that nothing asked for have no effect, and are named", "[config]") {
    const Settings settings = from("num.io.threads=4\nnum.partitions=2\n");
    CHECK(settings.number("num.partitions") == 2);
    CHECK(settings.without_effect() == std::vector<std::string>{"num.io.threads"});
}

TEST_CASE("settings: a listener's own key is checked as the key it repeats", "[config]") {
    CHECK(first_problem("listener.name.internal.ssl.client.auth=required\n").empty());
    CHECK(first_problem("listener.name.internal.ssl.client.oath=required\n").find("no key") !=
          std::string::npos);
}

TEST_CASE("settings: secrets are never shown", "[config]") {
    CHECK(from("ssl.key.password=abc\n").shown("ssl.key.password") == "[hidden]");
}
