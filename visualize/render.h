// `faultline timeline`: a trace file drawn in the form that the output's name asks for.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "visualize/run_model.h"

namespace faultline::visualize {

struct RenderOptions {
    std::string trace;    // path
    std::string compare;  // path of a second trace, shown beside the first; "" for none; html only
    std::string output;   // path; its extension is one of svg html dot txt json pftrace
    Filter filter;
    bool full = false;  // nothing told as one, nothing left out
};

// The message is one line for a person: file, byte, what is wrong, what is allowed. A trace that
// just ends is drawn, and `note` says so.
struct Rendered {
    std::string note;  // "", or a line for each trace that just ends
};
std::expected<Rendered, std::string> render(const RenderOptions& options);
// What render() would say of this output's name before it has looked at anything; "" when nothing.
std::string bad_output(const std::string& output);

// The same from bytes to bytes; `extension` without the dot.
std::expected<std::string, std::string> render(std::string_view trace_bytes,
                                               std::string_view extension, const Filter& filter,
                                               bool full);

// "2.5s", "300ms", "10us", "1.5" (seconds) as ns.
std::expected<Ns, std::string> parse_time(std::string_view text);
}  // namespace faultline::visualize
