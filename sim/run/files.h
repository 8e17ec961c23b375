// Files that people name on a command line.
#pragma once
#include <optional>
#include <string>

namespace faultline::sim {

// Nothing for what cannot be read, a directory too.
std::optional<std::string> read_text(const std::string& path);
// Writes beside it and renames: a reader sees the old or the new one, and a full disk leaves the
// old. False when it cannot.
bool write_text(const std::string& path, const std::string& text);
}  // namespace faultline::sim
