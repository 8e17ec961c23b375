#include <cstdlib>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/render.h"

namespace faultline::visualize {
// Writes samples of every form into the directory FL_SAMPLES, to be looked at.
TEST_CASE("samples", "[.samples]") {
    const char* dir = std::getenv("FL_SAMPLES");
    REQUIRE(dir != nullptr);
    const auto write = [&](const std::string& name, const std::string& bytes) {
        std::ofstream(dir + ("/" + name), std::ios::binary) << bytes;
    };
    const auto sample = [&](const std::string& name, const std::function<void(sim::Recorder&)>& run,
                            const sim::TraceHead& head = test::sample_head()) {
        const std::string bytes = test::trace_of(run, head);
        write(name + ".trace", bytes);
        for (const std::string extension : {"svg", "html", "dot", "txt", "json", "pftrace"}) {
            const auto drawn = render(bytes, extension, {}, false);
            if (!drawn) FAIL_CHECK(drawn.error());
            if (drawn) write(name + "." + extension, *drawn);
        }
    };
    sample("tiny", [](sim::Recorder& r) { test::tiny_run(r); });
    sample("crash", [](sim::Recorder& r) { test::crash_run(r, false); });
    sample(
        "busy", [](sim::Recorder& r) { test::busy_run(r, 3); }, test::busy_head());
    sample("violated", [](sim::Recorder& r) { test::crash_run(r, true); });
}
}  // namespace faultline::visualize
