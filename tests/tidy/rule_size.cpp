#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "tests/tidy/rules.h"
#include "tests/tidy/scan.h"

namespace faultline::tidy {
namespace {

constexpr int kFileLines = 700;
constexpr int kFunctionLines = 70;
// A test case tells a story in sections.
constexpr int kTestCaseLines = 120;
constexpr int kConstructorParameters = 7;
constexpr std::string_view kRatchet = "tests/tidy/ratchet.txt";

// One line of the ratchet: "PATH NAME SIZE", where NAME is "file" or a function.
struct Known {
    std::string path, name;
    int size = 0;
    int line = 0;
};

std::vector<Known> read_ratchet(const Tree& tree) {
    std::vector<Known> known;
    const File* file = tree.find(kRatchet);
    if (file == nullptr) return known;
    int number = 0;
    for (const auto line : lines_of(file->text)) {
        ++number;
        if (line.empty() || line.front() == '#') continue;
        std::istringstream words{std::string(line)};
        Known entry;
        words >> entry.path >> entry.name >> entry.size;
        entry.line = number;
        known.push_back(std::move(entry));
    }
    return known;
}

int known_size(const std::vector<Known>& ratchet, std::string_view path, std::string_view name) {
    for (const auto& entry : ratchet) {
        if (entry.path == path && entry.name == name) return entry.size;
    }
    return 0;
}

int function_limit(std::string_view path, std::string_view name) {
    // TEST_CASE, CONTRACT and their like.
    const bool is_case = starts_with_dir(path, "tests") &&
                         std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a'; });
    return is_case ? kTestCaseLines : kFunctionLines;
}

int file_lines(const File& file) { return static_cast<int>(lines_of(file.text).size()); }
}  // namespace

Findings check_file_size(const Tree& tree) {
    const auto ratchet = read_ratchet(tree);
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_source(file.path)) continue;
        const int lines = file_lines(file);
        if (lines <= kFileLines || lines <= known_size(ratchet, file.path, "file")) continue;
        findings.push_back({file.path, lines, fmt::format("has {} lines", lines),
                            fmt::format("at most {}; split it by concern", kFileLines)});
    }
    return findings;
}

Findings check_function_size(const Tree& tree) {
    const auto ratchet = read_ratchet(tree);
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_source(file.path)) continue;
        for (const auto& function : scan(file).functions) {
            const int limit = function_limit(file.path, function.name);
            if (function.lines <= limit ||
                function.lines <= known_size(ratchet, file.path, function.name)) {
                continue;
            }
            findings.push_back({file.path, function.first_line,
                                fmt::format("{} has {} lines", function.name, function.lines),
                                fmt::format("at most {}; name its parts", limit)});
        }
    }
    return findings;
}

Findings check_constructors(const Tree& tree) {
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_source(file.path)) continue;
        for (const auto& head : scan(file).constructors) {
            if (head.parameters <= kConstructorParameters) continue;
            findings.push_back(
                {file.path, head.line,
                 fmt::format("the constructor of {} has {} parameters", head.name, head.parameters),
                 fmt::format("at most {}; a Deps struct, and a second look at what it does",
                             kConstructorParameters)});
        }
    }
    return findings;
}

Findings check_ratchet(const Tree& tree) {
    Findings findings;
    for (const auto& entry : read_ratchet(tree)) {
        const std::string path(kRatchet);
        const File* file = tree.find(entry.path);
        if (file == nullptr) {
            findings.push_back(
                {path, entry.line, "names " + entry.path + ", which is gone", "remove the line"});
            continue;
        }
        int size = 0;
        int limit = kFileLines;
        if (entry.name == "file") {
            size = file_lines(*file);
        } else {
            limit = function_limit(entry.path, entry.name);
            for (const auto& function : scan(*file).functions) {
                if (function.name == entry.name) size = std::max(size, function.lines);
            }
        }
        if (size < entry.size) {
            findings.push_back(
                {path, entry.line,
                 fmt::format("{} {} has shrunk from {} to {}", entry.path, entry.name, entry.size,
                             size),
                 size <= limit ? "remove the line" : fmt::format("write {} here", size)});
        }
    }
    return findings;
}
}  // namespace faultline::tidy
