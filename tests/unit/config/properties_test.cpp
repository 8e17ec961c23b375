#include "runtime/config/properties.h"

#include <fstream>
#include <sstream>

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::config;

namespace {

std::string from_hex(const std::string& hex) {
    std::string out;
    if (hex == "-") return out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return out;
}

std::vector<Property> parse(std::string_view text) {
    int bad_line = 0;
    auto properties = parse_properties(text, &bad_line);
    REQUIRE(properties.ok());
    return *properties;
}
}  // namespace

// Each line: the text, then what java.util.Properties (OpenJDK 17) makes of it, all in hexadecimal
// UTF-8 (half a surrogate pair as U+FFFD), or "malformed".
TEST_CASE("properties: 400 texts are read as Java reads them", "[config]") {
    std::ifstream in(FL_SOURCE_DIR "/tests/unit/config/java_properties.txt");
    std::string line;
    int cases = 0;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string hex;
        std::string word;
        words >> hex;
        const std::string text = from_hex(hex);
        INFO("case " << ++cases << ": " << text);
        int bad_line = 0;
        const auto properties = parse_properties(text, &bad_line);
        std::map<std::string, std::string> expected;
        bool malformed = false;
        while (words >> word) {
            malformed = word == "malformed";
            const auto sign = word.find('=');
            if (!malformed)
                expected[from_hex(word.substr(0, sign))] = from_hex(word.substr(sign + 1));
        }
        REQUIRE(properties.ok() == !malformed);
        if (malformed) {
            CHECK(bad_line > 0);
            continue;
        }
        std::map<std::string, std::string> found;
        for (const auto& property : *properties) found[property.key] = property.value;
        // A backslash at the very end is an empty key without a value to Java, and nothing to us.
        for (auto* map : {&found, &expected}) {
            if (map->contains("") && map->at("").empty()) map->erase("");
        }
        CHECK(found == expected);
    }
    CHECK(cases == 400);
}

TEST_CASE("properties: each key has the line on which it stands", "[config]") {
    const auto found = parse("# head\n\na=1\r\nb = two \\\n   words\n\n! more\n  c:3");
    REQUIRE(found.size() == 3);
    CHECK(found[0].line == 3);
    CHECK(found[1].line == 4);
    CHECK(found[1].value == "two words");
    CHECK(found[2].line == 8);
    CHECK(found[2].key == "c");
}

TEST_CASE("properties: bytes beyond ASCII pass as they are", "[config]") {
    const auto found = parse("log.dirs=/d\xc3\xa4ta\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].value == "/d\xc3\xa4ta");
}

TEST_CASE("properties: a malformed escape names its line", "[config]") {
    int bad_line = 0;
    CHECK_FALSE(parse_properties("a=1\nb=\\u12g4\n", &bad_line).ok());
    CHECK(bad_line == 2);
}
