// Any text as a scenario: read, or refused with a place in it; never a crash.
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "sim/scenario/scenario.h"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (data == nullptr || size > 16384) return 0;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    sim::Scenario scenario;
    const auto error = sim::parse_scenario("input.json", text, {}, scenario);
    FL_ASSERT(!error || error->text.starts_with("input.json:"));
    return 0;
}
