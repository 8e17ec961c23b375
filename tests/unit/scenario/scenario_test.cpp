#include "sim/scenario/scenario.h"

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
constexpr std::string_view kGood = R"({
  "name": "crash",
  "seed": 7,
  "length": "20s",
  "cluster": {
    "shards": 2,
    "config": {"log.flush.before.ack": true, "log.segment.bytes": 65536},
    "topics": [{"name": "orders", "partitions": 2, "config": {"retention.ms": "1000"}}]
  },
  "workload": [
    {"producer": "orders", "rate": 100, "count": 50, "compression": "lz4"},
    {"id": "reader", "consumer": "orders"}
  ],
  "faults": [
    {"do": "power_loss", "at": "2s", "unsynced": "torn", "restart_after": "1s"},
    {"id": "dir", "do": "crash", "when": {"disk": "create", "path": "*.log", "nth": 2}}
  ]
})";

std::string error_of(std::string_view text, const std::vector<Override>& set = {}) {
    Scenario s;
    const auto e = parse_scenario("x.json", text, set, s);
    return e ? e->text : "";
}

std::string replaced(std::string_view what, std::string_view by) {
    std::string text(kGood);
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}
}  // namespace

TEST_CASE("scenario: a whole document is read", "[scenario]") {
    Scenario s;
    REQUIRE_FALSE(parse_scenario("x.json", kGood, {}, s).has_value());
    CHECK(s.name == "crash");
    CHECK(s.seed == 7);
    CHECK(s.length == 20s);
    CHECK(s.cluster.config.at("log.flush.before.ack") == "true");
    CHECK(s.cluster.config.at("log.segment.bytes") == "65536");
    REQUIRE(s.producers.size() == 1);
    CHECK(s.producers[0].id == "p1");
    CHECK(s.producers[0].compression == "lz4");
    CHECK(s.producers[0].idempotence);
    REQUIRE(s.consumers.size() == 1);
    CHECK(s.consumers[0].id == "reader");
    REQUIRE(s.faults.size() == 2);
    CHECK(s.faults[0].id == "power_loss-1");
    CHECK(s.faults[0].unsynced == Unsynced::torn);
    CHECK(s.faults[0].duration == Duration{1s});
    CHECK(s.faults[1].when.kind == Trigger::Kind::disk);
    CHECK(s.faults[1].when.disk_op == "create");
    CHECK(s.faults[1].when.nth == 2);
    CHECK(s.expect.violates == 0);
}

TEST_CASE("scenario: errors name file, line, column, pointer, what is allowed, nearest word",
          "[scenario]") {
    CHECK(error_of(replaced("\"power_loss\"", "\"power_los\"")) ==
          "x.json:15:6: /faults/0/do: \"power_los\" is not known, did you mean \"power_loss\"?; "
          "allowed: crash, power_loss, pause, restart, wipe, reconfigure, partition, clog, "
          "silent_loss, half_open, reset, refuse, dns_failure, slow_link, slow_reader, "
          "short_reads, short_writes, cut_each_byte, drop_response, reorder, sync_error, "
          "read_error, write_error, latent_sector, bit_rot, misdirected_write, lying_sync, "
          "disk_capacity, slow_disk, hung_disk, lose_log_dir, clock_jump, clock_drift, "
          "clock_freeze, reassign, elect, delete_records, add_voter, remove_voter");
    CHECK(error_of(replaced("\"rate\": 100", "\"rat\": 100"))
              .starts_with(
                  "x.json:11:28: /workload/0/rat: is not known here, did you mean \"rate\"?"));
    CHECK(error_of(replaced("\"2s\"", "\"2 s\"")) ==
          "x.json:15:26: /faults/0/at: is \"2 s\"; must be a time with its unit, such as "
          "\"250ms\", \"10s\", \"2h\", \"30d\"");
    CHECK(error_of(replaced("\"shards\": 2", "\"shards\": 0")) ==
          "x.json:6:5: /cluster/shards: is 0; must be a whole number from 1 to 16");
    CHECK(error_of(replaced("\"name\": \"crash\",", "")) ==
          "x.json:1:1: /: \"name\" is missing; it must be given");
    CHECK(error_of(replaced("\"consumer\": \"orders\"", "\"consumer\": \"order\"")) ==
          "x.json:12:22: /workload/1/consumer: no topic \"order\", did you mean \"orders\"?; there "
          "is orders");
    CHECK(error_of(replaced("{\"id\": \"reader\",",
                            "{\"id\": \"x\", \"consumer\": \"orders\"},\n{\"id\": \"x\","))
              .starts_with("x.json:13:13: /workload/2/consumer: uses the id \"x\" twice"));
    CHECK(error_of("{\"name\": 1,}").starts_with("x.json:1:12: /: not JSON: syntax error"));
    CHECK(error_of("[]") == "x.json:1:1: /: is an array; must be an object");
    CHECK(error_of(replaced("\"unsynced\": \"torn\"", "\"factor\": 3"))
              .find("/faults/0/factor: is not known here") != std::string::npos);
}

TEST_CASE("scenario: a member that is given twice is refused where it stands", "[scenario]") {
    CHECK(error_of(replaced("\"seed\": 7,", "\"seed\": 7, \"seed\": 8,")) ==
          "x.json:3:3: /seed: is given twice; which one is meant?");
    CHECK(error_of(replaced("\"compression\": \"lz4\"", "\"rate\": 100"))
              .find(" /workload/0/rate: is given twice") != std::string::npos);
    CHECK(error_of(replaced("\"nth\": 2", "\"\\u006eth\": 2, \"nth\": 2"))
              .find(" /faults/1/when/nth: is given twice") != std::string::npos);
    CHECK(error_of(replaced("\"log.segment.bytes\": 65536", "\"a/b\": 1, \"a/b\": 1"))
              .find(" /cluster/config/a~1b: is given twice") != std::string::npos);
    // The same name in two objects is not the same member.
    CHECK(error_of(replaced("\"log.segment.bytes\": 65536", "\"log.roll.ms\": 65536")).empty());
}

TEST_CASE("scenario: --set changes one place", "[scenario]") {
    Scenario s;
    REQUIRE_FALSE(parse_scenario("x.json", kGood,
                                 {{"/workload/0/rate", "7"},
                                  {"/cluster/config/log.flush.before.ack", "false"},
                                  {"/faults/0/at", "3s"}},
                                 s)
                      .has_value());
    CHECK(s.producers[0].rate == 7);
    CHECK(s.cluster.config.at("log.flush.before.ack") == "false");
    CHECK(s.faults[0].when.at == 3s);
    CHECK(error_of(kGood, {{"nonsense", "1"}}).starts_with("--set nonsense=1: no such place"));
    CHECK(error_of(kGood, {{"/seed", "\"x\""}}).find("/seed: is \"x\"") != std::string::npos);
}

TEST_CASE("scenario: a number beyond all bounds is an error, not an exception", "[scenario]") {
    // Found by fuzz_scenario.
    CHECK(error_of("333200e00000761486").starts_with("x.json:1:1: /: not usable"));
    CHECK(error_of(kGood, {{"/seed", "1e999999"}}).find("/seed: is") != std::string::npos);
}

TEST_CASE("scenario: any damage of the text gives one line, never a crash", "[scenario]") {
    for (std::size_t n = 0; n < kGood.size(); ++n) {
        const std::string error = error_of(kGood.substr(0, n));
        REQUIRE_FALSE(error.empty());
        REQUIRE(error.find('\n') == std::string::npos);
        std::string flipped(kGood);
        flipped[n] = flipped[n] == '7' ? '{' : '7';
        REQUIRE(error_of(flipped).find('\n') == std::string::npos);
    }
}

TEST_CASE("scenario: who votes is changed of controllers, where it can be changed", "[scenario]") {
    const auto text = [](std::string_view cluster, std::string_view fault) {
        return "{\"name\": \"v\", \"cluster\": {\"brokers\": 3, " + std::string(cluster) +
               "\"topics\": [{\"name\": \"t\"}]}, \"workload\": [{\"producer\": \"t\"}], "
               "\"faults\": [{" +
               std::string(fault) + "}]}";
    };
    constexpr std::string_view kFive = "\"controllers\": 5, \"voters\": 3, ";
    for (const char* node : {"\"c5\"", "\"controller\"", "[\"standby(1)\", \"c1\"]"}) {
        const std::string fault = std::string("\"do\": \"add_voter\", \"node\": ") + node;
        CHECK(error_of(text(kFive, fault)).empty());
        CHECK(error_of(text("\"controllers\": 5, ", fault))
                  .ends_with("/faults/0/node: can change nothing; needs /cluster/voters"));
    }
    CHECK(
        error_of(text(kFive, "\"do\": \"remove_voter\", \"node\": \"n1\""))
            .ends_with("/faults/0/node: no controller \"n1\", did you mean \"c1\"?; there are c1, "
                       "c2, c3, c4, c5"));
    CHECK(error_of(text(kFive, "\"do\": \"remove_voter\""))
              .ends_with("/faults/0: \"node\" is missing; it must be given"));
    CHECK(error_of(text("\"controllers\": 2, \"voters\": 3, ", "\"do\": \"crash\""))
              .ends_with("/cluster/voters: is above controllers"));
}
