// Each rule on a sample that it must refuse, and on a near one that it must not.
#include <algorithm>
#include <functional>
#include <map>

#include "tests/support/catch.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/scan.h"

using namespace faultline::tidy;

namespace {

struct Sample {
    std::string_view rule;
    std::vector<File> bad;
    int line;               // of the finding
    std::string_view what;  // part of its text
    std::vector<File> good;
};

const std::string kLayers =
    "fl_layer(core/base)\nfl_layer(core/env MAY core/base)\nfl_layer(core/logic MAY core/base)\n"
    "fl_layer(tests MAY core)\nfl_third_party(boost/ IN core/base/context.cpp)\n";

std::string repeated(std::string_view line, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += line;
    return text;
}

File layers() { return {"cmake/layers.cmake", kLayers}; }
File source(std::string path, std::string text) { return {std::move(path), std::move(text)}; }

std::vector<Sample> include_samples() {
    return {
        {"layers",
         {layers(), source("core/logic/a.cpp", "#include <map>\n#include \"core/env/disk.h\"\n")},
         2,
         "includes core/env/disk.h; core/logic may include core/base",
         {layers(), source("core/logic/a.cpp",
                           "#include \"core/base/time.h\"\n"
                           "auto s = R\"(\n#include \"core/env/disk.h\"\n)\";\n")}},
        {"third-party",
         {layers(), source("core/base/a.cpp", "#include <boost/context/fiber.hpp>\n")},
         1,
         "boost/ may be included in core/base/context.cpp",
         {layers(), source("core/base/context.cpp", "#include <boost/context/fiber.hpp>\n")}},
        {"core-headers",
         {source("core/base/a.h", "\n#include <mutex>\n")},
         2,
         "<mutex>",
         {source("runtime/posix/a.h", "#include <mutex>\n")}},
        {"core-headers",
         {source("core/env/a.h", "#include <sys/stat.h>\n")},
         1,
         "operating system",
         {source("core/env/a.h", "// #include <sys/stat.h>\n")}},
        {"pragma-once",
         {source("core/base/a.h", "int f();\n")},
         1,
         "#pragma once",
         {source("core/base/a.h", "#pragma once\nint f();\n")}},
    };
}

std::vector<Sample> word_samples() {
    std::vector<Sample> samples;
    const std::pair<std::string_view, std::string_view> bad[] = {
        {"auto t = std::chrono::steady_clock::now();", "steady_clock"},
        {"int x = rand();", "rand("},
        {"auto* p = getenv(name);", "getenv"},
        {"std::this_thread::yield();", "this_thread"},
        {"try { f(); } catch (...) {}", "catch (...)"},
        {"if (env.is_simulated()) f();", "is_simulated"},
        {"bool simulated = false;", "simulated"},
        {"std::unordered_map<Node*, int> m;", "unordered_map<Node*"},
        {"std::uniform_int_distribution<int> d;", "distribution"},
        {"thread_local int x;", "thread_local"},
    };
    for (const auto& [code, what] : bad) {
        samples.push_back({"core-words",
                           {source("core/storage/a.cpp", "int y;\n" + std::string(code) + "\n")},
                           2,
                           what,
                           // The same in a comment, in a string and outside core is fine.
                           {source("core/storage/a.cpp", "// " + std::string(code) + "\n"),
                            source("sim/world/a.cpp", std::string(code) + "\n")}});
    }
    samples.push_back({"unfinished",
                       {source("sim/a.cpp", "int x;\n// TODO: more\n")},
                       2,
                       "TODO",
                       {source("sim/a.cpp", "int todo_list;\n")}});
    samples.push_back({"tests",
                       {source("tests/unit/base/a.cpp", "REQUIRE(true);\n")},
                       1,
                       "able to fail",
                       {source("tests/unit/base/a.cpp", "REQUIRE(true == f());\n")}});
    samples.push_back({"tests",
                       {source("tests/unit/base/a.cpp", "std::this_thread::sleep_for(1s);\n")},
                       1,
                       "virtual time",
                       {source("tests/integration/a.cpp", "std::this_thread::sleep_for(1s);\n")}});
    return samples;
}

std::vector<Sample> size_samples() {
    const std::string in_space = "namespace a {\nvoid f() {\n";
    return {
        {"file-size",
         {source("core/base/a.cpp", repeated("int x;\n", 701))},
         701,
         "has 701 lines",
         {source("core/base/a.cpp", repeated("int x;\n", 700))}},
        {"function-size",
         {source("core/base/a.cpp", in_space + repeated("    g();\n", 69) + "}\n}\n")},
         2,
         "f has 71 lines",
         {source("core/base/a.cpp", in_space + repeated("    g();\n", 68) + "}\n}\n")}},
        {"constructors",
         {source("core/base/a.h",
                 "class Big {\npublic:\n    Big(int a, int b, int c, int d, int e, int f,\n"
                 "        std::map<int, int> g, int h);\n};\n")},
         3,
         "has 8 parameters",
         {source("core/base/a.h",
                 "class Big {\npublic:\n    Big(int a, int b, int c, int d, int e, int f,\n"
                 "        std::map<int, int> g);\n    void many(int, int, int, int, int, int, "
                 "int, int, int);\n};\n")}},
        {"ratchet",
         {source("tests/tidy/ratchet.txt", "core/base/a.cpp file 800\n"),
          source("core/base/a.cpp", repeated("int x;\n", 750))},
         1,
         "write 750 here",
         {source("tests/tidy/ratchet.txt", "core/base/a.cpp file 750\n"),
          source("core/base/a.cpp", repeated("int x;\n", 750))}},
        {"ratchet",
         {source("tests/tidy/ratchet.txt", "core/base/gone.cpp file 800\n")},
         1,
         "which is gone",
         {source("tests/tidy/ratchet.txt", "# nothing is known to be too big\n")}},
    };
}

std::vector<Sample> document_samples() {
    const std::string head =
        "| n | statement | asserted at | oracle | scenario |\n|---|---|---|---|---|\n";
    return {
        {"invariants",
         {source("docs/INVARIANTS.md", head), source("core/a.cpp", "\nFL_INVARIANT(12, a < b);\n")},
         2,
         "names invariant 12",
         {source("docs/INVARIANTS.md", head + "| 12 | a | b | - | - |\n"),
          source("core/a.cpp", "FL_INVARIANT(12, a < b);\n")}},
        {"invariants",
         {source("docs/INVARIANTS.md", head + "| 13 | a | b | - | - |\n")},
         3,
         "asserted nowhere",
         {source("docs/INVARIANTS.md", head + "| 13 | a | - | log-prefix | - |\n")}},
        {"invariants",
         {source("docs/INVARIANTS.md", head + "| 1 | a | b | x | y |\n| 1 | a | b | x | y |\n")},
         4,
         "twice",
         {source("docs/INVARIANTS.md", head + "| 1 | a | b | x | y |\n| 2 | a | b | x | y |\n")}},
        {"scenarios",
         {source("scenarios/a/x.json", R"({"name": "n"})"),
          source("scenarios/b/y.json", R"({"name": "n"})")},
         1,
         "has the name of scenarios/a/x.json",
         {source("scenarios/a/x.json", R"({"name": "n"})"),
          source("scenarios/b/y.json", R"({"name": "m"})")}},
        {"scenarios",
         {source("scenarios/a/x.json", "{\"seed\": 1}")},
         1,
         "with a name",
         {source("scenarios/a/x.json", "{\"name\": \"x\"}")}},
        {"durability",
         {source("docs/DURABILITY.md", "| acks | x |\n|---|---|\n| all | nothing |\n")},
         3,
         "promises something that no scenario shows",
         {source("docs/DURABILITY.md",
                 "| acks | x |\n|---|---|\n| all | [a](../scenarios/durability/a.json) |\n"),
          source("scenarios/durability/a.json", R"({"name": "a", "survival": "all"})")}},
        {"durability",
         {source("docs/DURABILITY.md", "| all | [a](../scenarios/durability/a.json) |\n")},
         1,
         "scenarios/durability/a.json, which is not there",
         {source("docs/DURABILITY.md", "| all | [a](../scenarios/durability/a.json) |\n"),
          source("scenarios/durability/a.json", R"({"name": "a", "survival": "less"})")}},
        {"durability",
         {source("scenarios/durability/a.json", R"({"name": "a", "survival": "all"})")},
         1,
         "shows what no row promises",
         {source("docs/DURABILITY.md", "| all | [a](../scenarios/durability/a.json) |\n"),
          source("scenarios/durability/a.json", R"({"name": "a", "survival": "all"})")}},
        {"links",
         {source("docs/a.md", "\nsee [b](formats/b.md)\n")},
         2,
         "links to formats/b.md",
         {source("docs/a.md", "see [b](formats/b.md#x) [c](https://example.org)\n"),
          source("docs/formats/b.md", "")}},
        {"links",
         {source("README.md", "in `core/base/time.h:Deadlin`\n"),
          source("core/base/time.h", "struct Time {};\n")},
         1,
         "has no Deadlin",
         {source("README.md", "in `core/base/time.h:Time`\n"),
          source("core/base/time.h", "struct Time {};\n")}},
    };
}

std::vector<Sample> samples() {
    std::vector<Sample> all = include_samples();
    for (auto* more : {word_samples, size_samples, document_samples}) {
        auto some = more();
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
}

const Rule& rule_named(std::string_view name) {
    for (const auto& rule : rules()) {
        if (rule.name == name) return rule;
    }
    FAIL("no rule " << name);
    return rules().front();
}
}  // namespace

TEST_CASE("tidy: a bad sample of each rule is refused and a near one is not", "[tidy]") {
    std::map<std::string_view, int> seen;
    for (const auto& sample : samples()) {
        const Rule& rule = rule_named(sample.rule);
        INFO("rule " << sample.rule << ", sample " << sample.bad.back().text.substr(0, 200));
        const Findings findings = rule.check({sample.bad, {}});
        REQUIRE_FALSE(findings.empty());
        CHECK(findings.front().line == sample.line);
        const std::string text = to_string(findings.front());
        INFO(text);
        CHECK(text.find(sample.what) != std::string::npos);
        const Findings none = rule.check({sample.good, {}});
        CHECK((none.empty() ? "" : to_string(none.front())) == std::string());
        ++seen[sample.rule];
    }
    // The top level is tested below: it has no files.
    for (const auto& rule : rules()) {
        INFO(rule.name);
        CHECK((rule.name == "top-level" || seen[rule.name] > 0));
    }
}

TEST_CASE("tidy: an unknown entry of the top level is refused", "[tidy]") {
    CHECK(check_top_level({{}, {"core", "docs"}}).empty());
    const Findings findings = check_top_level({{}, {"core", "scratch"}});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].path == "scratch");
}

TEST_CASE("tidy: comments and literals do not count as code", "[tidy]") {
    const std::string text =
        "int a = 1'000; // b\n/* c\n d */ auto e = \"f\\\"g\"; char h = '\\'';\n"
        "auto i = R\"(j \" k)\"; int l;\n";
    const std::string code = blank_comments_and_literals(text, Preprocessor::keep);
    CHECK(code.size() == text.size());
    CHECK(code.find("int a = 1'000;") == 0);
    for (const char hidden : {'b', 'd', 'f', 'g', 'j', 'k'}) {
        INFO(hidden);
        CHECK(code.find(hidden) == std::string::npos);
    }
    CHECK(code.find("int l;") != std::string::npos);
    CHECK(std::count(code.begin(), code.end(), '\n') == 4);
}

TEST_CASE("tidy: functions are found with their names and sizes", "[tidy]") {
    const Scan found =
        scan(source("a.cpp",
                    "namespace n {\nstruct S {\n    S(int a) : a_{a}, b_(2) {\n"
                    "        f({1, 2}, [] {\n        });\n    }\n    int a_, b_;\n};\n"
                    "#define M(x) { x\n"
                    "constexpr int k[] = {1, 2};\n"
                    "std::vector<int> S::g(std::pair<int, int> p) const noexcept {\n"
                    "    if (p) {\n    }\n}\n}\n"));
    REQUIRE_FALSE(found.functions.empty());
    const auto& last = found.functions.back();
    CHECK(last.name == "g");
    CHECK(last.first_line == 11);
    CHECK(last.lines == 4);
    REQUIRE(found.constructors.size() >= 1);
    CHECK(found.constructors[0].parameters == 1);
}
