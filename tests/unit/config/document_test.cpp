#include "runtime/config/document.h"

#include <fstream>
#include <iterator>

#include "tests/support/catch.h"

TEST_CASE("config document: docs/CONFIG.md is what ./dev docs writes", "[config]") {
    std::ifstream in(FL_SOURCE_DIR "/docs/CONFIG.md");
    const std::string stored{std::istreambuf_iterator<char>(in), {}};
    CHECK(stored == faultline::config::config_document());
}
