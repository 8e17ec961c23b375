// Lines of a file that may be compressed by gzip: how ground truth from Kafka's own classes comes.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace faultline::test {

// Nothing when the file cannot be opened.
std::optional<std::vector<std::string>> gz_lines(const std::string& path);
// Files of a directory that end so, sorted; empty when there is no such directory.
std::vector<std::string> files_in(const std::string& directory, const std::string& suffix);
// "0aff" to bytes. Requires an even number of hexadecimal digits.
std::string from_hex(const std::string& hex);
std::string to_hex(const std::string& bytes);
}  // namespace faultline::test
