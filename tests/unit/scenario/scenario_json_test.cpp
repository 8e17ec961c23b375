// The writer and the schema agree with the parser, because all three walk one description.
#include "sim/scenario/scenario_json.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "sim/scenario/describe.h"
#include "sim/scenario/selector.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
Scenario parsed(const std::string& text) {
    Scenario s;
    const auto error = parse_scenario("x.json", text, {}, s);
    INFO((error ? error->text : std::string()));
    REQUIRE_FALSE(error.has_value());
    return s;
}

std::vector<std::filesystem::path> scenario_files() {
    std::vector<std::filesystem::path> files;
    const std::filesystem::path root = std::filesystem::path(FL_SOURCE_DIR) / "scenarios";
    for (const auto& e : std::filesystem::recursive_directory_iterator(root)) {
        const auto name = e.path().filename().string();
        if (e.path().extension() == ".json" && name != "scenario.schema.json")
            files.push_back(e.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// One of each fault, with nothing but what must be given.
Scenario every_fault() {
    Scenario s;
    s.name = "all";
    s.cluster.topics.push_back({.name = "orders", .partitions = 2, .config = {}});
    s.cluster.brokers = 3;
    s.cluster.controllers = s.cluster.voters = 1;
    for (const FaultInfo& i : fault_kinds()) {
        FaultSpec f;
        f.kind = i.kind;
        f.to = {"leader(orders,1)"};
        f.path = "*x*";
        f.partition = "orders/1";
        f.api = "fetch";
        f.by = 3s;
        f.bytes = 77;
        f.bandwidth = 9;
        f.ppm = -5;
        f.config = {{"log.segment.bytes", "2000"}};
        if (changes_voters(i.kind)) f.nodes = {"c1"};
        s.faults.push_back(f);
    }
    complete(s);
    return s;
}
}  // namespace

TEST_CASE("scenario: what is written parses to the same scenario", "[scenario]") {
    const auto files = scenario_files();
    REQUIRE(files.size() > 10);
    for (const auto& file : files) {
        INFO(file);
        const Scenario s = parsed(text_of(file));
        CHECK(parsed(scenario_to_json(s)) == s);
    }
    const Scenario all = parsed(scenario_to_json(every_fault()));
    CHECK(all.faults.size() == fault_kinds().size());
    CHECK(scenario_to_json(parsed(scenario_to_json(all))) == scenario_to_json(all));
}

TEST_CASE("scenario: what is as by default is not written", "[scenario]") {
    Scenario s;
    s.name = "small";
    CHECK(scenario_to_json(s) == "{\n  \"name\": \"small\"\n}\n");
    s.producers.push_back(
        {.id = "p1", .topic = "orders", .acks = Acks::leader, .idempotence = false});
    s.cluster.topics.push_back({.name = "orders", .partitions = 1, .config = {}});
    const std::string text = scenario_to_json(s);
    CHECK(text.find("\"acks\": \"1\"") != std::string::npos);
    CHECK(text.find("rate") == std::string::npos);
    CHECK(text.find("network") == std::string::npos);
    CHECK(parsed(text) == s);
}

TEST_CASE("scenario: every trigger survives writing and reading", "[scenario]") {
    Scenario s;
    s.name = "triggers";
    s.cluster.topics.push_back({.name = "orders", .partitions = 1, .config = {}});
    FaultSpec disk, event, after;
    disk.id = "disk";
    disk.when = {
        .kind = Trigger::Kind::disk, .at = 1s, .nth = 3, .disk_op = "sync", .disk_path = "*.log"};
    event.id = "event";
    event.when = {.kind = Trigger::Kind::event,
                  .plus = 20ms,
                  .nth = 2,
                  .event = "segment.rolled",
                  .on = {"leader(orders,0)"},
                  .partition = "orders/0"};
    after.id = "after";
    after.when = {.kind = Trigger::Kind::after, .after = "event", .stage = Trigger::Stage::heals};
    s.faults = {disk, event, after};
    CHECK(parsed(scenario_to_json(s)) == s);
}

TEST_CASE("scenario: selectors are read, written and refused with what is right", "[scenario]") {
    std::string why;
    for (const std::string text :
         {"n1", "leader(orders,0)", "follower(orders,0,1)", "followers(a.b,3)", "controller",
          "standby(1)", "any", "all", "majority", "minority", "rack(r1)", "dc(north)", "brokers",
          "clients"}) {
        const auto s = parse_selector(text, why);
        REQUIRE(s);
        CHECK(to_string(*s) == text);
    }
    CHECK_FALSE(parse_selector("leadr(orders,0)", why));
    CHECK(why.find("did you mean \"leader\"?") != std::string::npos);
    for (const std::string text :
         {"leader", "leader(orders)", "leader(orders,x)", "leader(orders,0", "leader(orders,-1)",
          "rack()", "standby()", "standby(x)", "all()", "n 1", ""}) {
        why.clear();
        CHECK_FALSE(parse_selector(text, why));
        CHECK_FALSE(why.empty());
    }
}

TEST_CASE("scenario: references to what is not there name the place", "[scenario]") {
    const auto error = [](const std::string& fault) {
        Scenario s;
        const auto e = parse_scenario(
            "x.json",
            R"({"name": "x", "cluster": {"topics": [{"name": "orders"}]}, "faults": [)" + fault +
                "]}",
            {}, s);
        return e ? e->text : "";
    };
    CHECK(error(R"j({"do": "crash", "node": "n2"})j").find("/faults/0/node: no node \"n2\"") !=
          std::string::npos);
    CHECK(
        error(R"j({"do": "crash", "node": "leader(order,0)"})j").find("did you mean \"orders\"?") !=
        std::string::npos);
    CHECK(error(R"j({"do": "crash", "node": "leader(orders,1)"})j")
              .find("has no partition 1; it has 1") != std::string::npos);
    CHECK(error(R"j({"do": "crash", "when": {"after": "x"}})j")
              .find("/faults/0/when/after: no fault \"x\"") != std::string::npos);
    CHECK(error(R"j({"do": "crash", "when": {"event": "segment.roled"}})j")
              .find("did you mean \"segment.rolled\"?") != std::string::npos);
    CHECK(error(R"j({"do": "crash", "when": {"event": "segment.rolled", "partition": "orders"}})j")
              .find("must be written TOPIC/PARTITION") != std::string::npos);
    CHECK(error(R"j({"do": "crash", "when": {"nth": 1}})j")
              .find("needs one of the members disk, event, after") != std::string::npos);
    CHECK(error(R"j({"do": "partition"})j").find("\"to\" is missing") != std::string::npos);
    CHECK(error(R"j({"do": "crash"})j").empty());
}

TEST_CASE("scenario: the schema names every fault and every member once", "[scenario]") {
    const auto schema = nlohmann::json::parse(scenario_schema());
    const auto& faults = schema["properties"]["faults"]["items"]["oneOf"];
    REQUIRE(faults.size() == fault_kinds().size());
    for (std::size_t i = 0; i < faults.size(); ++i) {
        CHECK(faults[i]["properties"]["do"]["const"] == fault_kinds()[i].word);
        CHECK(faults[i]["additionalProperties"] == false);
        CHECK_FALSE(faults[i]["description"].get<std::string>().empty());
    }
    CHECK(schema["properties"]["workload"]["items"]["oneOf"].size() == 3);
    CHECK(schema["properties"]["cluster"]["properties"]["shards"]["maximum"] == 16);
}
