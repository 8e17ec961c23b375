// The published schema, as a validator that is not ours (valijson) reads it, against our parser.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

// valijson uses nlohmann's adapter as it finds it.
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "sim/scenario/scenario.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

class Published {
public:
    Published() : json_(nlohmann::json::parse(text_of(root() / "scenario.schema.json"))) {
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(json_), schema_);
    }
    static fs::path root() { return fs::path(FL_SOURCE_DIR) / "scenarios"; }
    // Empty when the schema takes it, else the validator's first complaint.
    std::string refusal(const std::string& text) const {
        const auto document = nlohmann::json::parse(text);
        valijson::Validator validator;
        valijson::ValidationResults results;
        if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(document),
                               &results))
            return "";
        valijson::ValidationResults::Error error;
        std::string all;
        while (results.popError(error)) all += error.description + "; ";
        return all.empty() ? "refused" : all;
    }

private:
    nlohmann::json json_;
    valijson::Schema schema_;
};

bool parses(const std::string& text) {
    Scenario s;
    return !parse_scenario("x.json", text, {}, s).has_value();
}
}  // namespace

TEST_CASE("schema: every scenario of the project is valid", "[scenario]") {
    const Published schema;
    std::size_t files = 0;
    for (const auto& e : fs::recursive_directory_iterator(Published::root())) {
        if (e.path().extension() != ".json" || e.path().filename() == "scenario.schema.json")
            continue;
        INFO(e.path());
        CHECK(schema.refusal(text_of(e.path())) == "");
        ++files;
    }
    CHECK(files > 30);
}

TEST_CASE("schema: what the parser refuses for its form, the schema refuses too", "[scenario]") {
    const Published schema;
    const std::string good = R"("cluster": {"topics": [{"name": "orders"}]},
        "workload": [{"producer": "orders", "count": 10}])";
    const auto whole = [&](const std::string& more) {
        return R"({"name": "x", "length": "5s", )" + good + (more.empty() ? "" : ", " + more) + "}";
    };
    REQUIRE(parses(whole("")));
    REQUIRE(schema.refusal(whole("")) == "");
    const char* broken[] = {
        R"("seeds": 4)",                                     // no such member
        R"("seed": "four")",                                 // wrong type
        R"("seed": -1)",                                     // out of range
        R"("seed": 1.5)",                                    // not a whole number
        R"("faults": {"do": "crash"})",                      // not a list
        R"("faults": [{"do": "crahs", "at": "1s"}])",        // no such fault
        R"("faults": [{"at": "1s"}])",                       // no fault named
        R"("faults": [{"do": "crash", "at": "1 parsec"}])",  // no such unit
        R"("faults": [{"do": "crash", "at": 3}])",           // a duration without a unit
        R"("faults": [{"do": "crash", "for": "1s"}])",       // not a member of this fault
        R"("faults": [{"do": "crash", "when": {"event": "no.such.event"}}])",
        R"("faults": [{"do": "crash", "when": {"event": "segment.rolled", "nth": 0}}])",
        R"("faults": [{"do": "slow_disk", "factor": "fast"}])",
        R"("network": {"profile": "moon"})",
        R"("schedule": {"policy": "lifo"})",
        R"("expect": {"violates": "all"})",
        R"("random": {"min_faults": 65})",
        R"("random": {"kinds": "crash", "knobs": 1})",
    };
    for (const char* more : broken) {
        INFO(more);
        CHECK_FALSE(parses(whole(more)));
        CHECK(schema.refusal(whole(more)) != "");
    }
}

TEST_CASE("schema: what the parser takes, the schema takes", "[scenario]") {
    const Published schema;
    const std::string good = R"({"name": "x", "length": "5s",
        "cluster": {"topics": [{"name": "orders"}]},
        "workload": [{"producer": "orders", "count": 10}], )";
    const char* taken[] = {
        R"("seed": 9223372036854775807)",
        R"("faults": [{"do": "crash", "node": "n1", "at": "1500ms", "restart_after": "1s"}])",
        R"("faults": [{"do": "crash", "node": ["n1"], "when": {"event": "segment.rolled", "nth": 2}}])",
        R"("faults": [{"do": "power_loss", "unsynced": "torn", "when": {"disk": "sync", "path": "*.log"}}])",
        R"("faults": [{"id": "a", "do": "pause", "at": "1s", "for": "1s"}, {"do": "crash", "when": {"after": "a", "stage": "heals"}}])",
        R"("expect": {"vacuous": "*"})",
        R"("expect": {"vacuous": ["*"]})",
        R"("random": {"kinds": ["crash"], "always": ["crash"]})",
        R"("$schema": "../scenario.schema.json")",
    };
    for (const char* more : taken) {
        INFO(more);
        CHECK(parses(good + more + "}"));
        CHECK(schema.refusal(good + more + "}") == "");
    }
}
