#include <cstdio>
#include <fstream>
#include <iterator>

#include "tests/support/catch.h"
#include "tests/unit/visualize/sample_runs.h"

namespace faultline::test {
using namespace sim;  // NOLINT: as in sample_runs.cpp

std::string trace_of(const std::function<void(Recorder&)>& run, const TraceHead& head) {
    char path[] = "/tmp/fl_trace_XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    {
        Recorder recorder;
        REQUIRE(recorder.write_to(path, to_json(head)).ok());
        run(recorder);
        REQUIRE(recorder.finish().ok());
    }
    std::ifstream in(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::remove(path);
    return bytes;
}
}  // namespace faultline::test
