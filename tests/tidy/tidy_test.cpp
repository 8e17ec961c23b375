// The house rules over the project as it is. A finding says file:line: what; what would be right.
#include "tests/support/catch.h"
#include "tests/tidy/rules.h"

using namespace faultline::tidy;

TEST_CASE("tidy: the project keeps every house rule", "[tidy]") {
    const Tree tree = load_tree(FL_SOURCE_DIR);
    REQUIRE(tree.find("cmake/layers.cmake") != nullptr);
    REQUIRE(tree.files.size() > 50);
    for (const auto& rule : rules()) {
        for (const auto& finding : rule.check(tree)) {
            FAIL_CHECK(rule.name << ": " << to_string(finding));
        }
    }
}
