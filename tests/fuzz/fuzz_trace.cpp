// Any bytes as a trace: read whole, read up to where they end, or refused at a byte of the file.
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "visualize/trace_model.h"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (data == nullptr) return 0;
    const auto trace = visualize::read_trace({reinterpret_cast<const char*>(data), size});
    if (!trace) {
        FL_ASSERT(trace.error().offset <= size && !trace.error().what.empty());
        return 0;
    }
    FL_ASSERT(trace->complete || trace->cut.offset <= size);
    for (const visualize::Event& event : trace->events) (void)trace->describe(event);
    return 0;
}
