// Files of event rings (runtime/events), joined to one trace that every picture can be made of.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace faultline::binary {

// "2026-11-30 09:30:00 UTC", of nanoseconds since 1970.
std::string utc(std::int64_t wall_ns);
// Whether this is a file of event rings, or a directory that has one: a broker's first log
// directory.
bool holds_rings(const std::string& path);
// Writes the trace (docs/formats/trace.md). What is left out is told in the result, a line each;
// the error is one line.
std::expected<std::string, std::string> join_rings(const std::vector<std::string>& paths,
                                                   const std::string& title,
                                                   const std::string& trace);
}  // namespace faultline::binary
