#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

constexpr std::string_view kTable = "cmake/layers.cmake";

struct Tables {
    std::map<std::string, std::vector<std::string>, std::less<>> layers;       // directory -> may
    std::map<std::string, std::vector<std::string>, std::less<>> third_party;  // prefix -> in
};

// fl_layer(a MAY b c) or fl_third_party(p IN b c), each on one line.
void read_call(std::string_view line, std::string_view call, std::string_view separator,
               std::map<std::string, std::vector<std::string>, std::less<>>& out) {
    if (!line.starts_with(call)) return;
    line.remove_prefix(call.size());
    std::istringstream words{std::string(line.substr(0, line.find(')')))};
    std::string key;
    std::string word;
    words >> key;
    auto& values = out[key];
    while (words >> word) {
        if (word != separator) values.push_back(word);
    }
}

Tables read_tables(const Tree& tree) {
    Tables tables;
    const File* file = tree.find(kTable);
    if (file == nullptr) return tables;
    for (const auto line : lines_of(file->text)) {
        read_call(line, "fl_layer(", "MAY", tables.layers);
        read_call(line, "fl_third_party(", "IN", tables.third_party);
    }
    return tables;
}

// The longest directory of the table that holds the path; empty when none does.
std::string layer_of(const Tables& tables, std::string_view path) {
    std::string best;
    for (const auto& [dir, may] : tables.layers) {
        if (starts_with_dir(path, dir) && dir.size() > best.size()) best = dir;
    }
    return best;
}

// "core", "sim" and "runtime" in a list stand for all of their layers.
bool covers(std::string_view allowed, std::string_view layer) {
    if (allowed == layer) return true;
    const bool whole = allowed == "core" || allowed == "sim" || allowed == "runtime";
    return whole && starts_with_dir(layer, allowed);
}

struct Include {
    int line;
    std::string_view target;
};

std::vector<Include> includes_of(const File& file, char open, char close) {
    // The directive itself survives blanking unless it stands in a comment or a literal, as it does
    // in what a generator prints.
    const std::string code = blank_comments_and_literals(file.text, Preprocessor::keep);
    const auto code_lines = lines_of(code);
    std::vector<Include> found;
    int number = 0;
    for (auto line : lines_of(file.text)) {
        ++number;
        if (!code_lines[static_cast<std::size_t>(number - 1)].starts_with("#include ")) continue;
        const auto begin = line.find(open);
        const auto end = line.find(close, begin + 1);
        if (begin == std::string_view::npos || end == std::string_view::npos) continue;
        found.push_back({number, line.substr(begin + 1, end - begin - 1)});
    }
    return found;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "nothing" : text;
}
}  // namespace

Findings check_layers(const Tree& tree) {
    const Tables tables = read_tables(tree);
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_source(file.path)) continue;
        const std::string layer = layer_of(tables, file.path);
        if (layer.empty()) {
            findings.push_back({file.path, 1, "stands in no layer",
                                fmt::format("add its directory to {}", kTable)});
            continue;
        }
        const auto& may = tables.layers.find(layer)->second;
        for (const auto& include : includes_of(file, '"', '"')) {
            // Generated headers belong to the module that generates them.
            const bool generated = include.target.starts_with("gen/wire/");
            const std::string other = generated ? "core/wire" : layer_of(tables, include.target);
            if (other.empty()) {
                findings.push_back({file.path, include.line,
                                    fmt::format("includes \"{}\"", include.target),
                                    "name project headers from the root, as \"core/base/time.h\""});
            } else if (!covers(layer, other) &&
                       std::none_of(may.begin(), may.end(),
                                    [&](const auto& dir) { return covers(dir, other); })) {
                findings.push_back({file.path, include.line,
                                    fmt::format("includes {}", include.target),
                                    fmt::format("{} may include {}", layer, join(may))});
            }
        }
    }
    return findings;
}

Findings check_third_party(const Tree& tree) {
    const Tables tables = read_tables(tree);
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_source(file.path)) continue;
        for (const auto& include : includes_of(file, '<', '>')) {
            for (const auto& [prefix, where] : tables.third_party) {
                if (!include.target.starts_with(prefix)) continue;
                if (std::any_of(where.begin(), where.end(), [&](const auto& dir) {
                        return file.path == dir || starts_with_dir(file.path, dir);
                    })) {
                    continue;
                }
                findings.push_back({file.path, include.line,
                                    fmt::format("includes <{}>", include.target),
                                    fmt::format("{} may be included in {}", prefix, join(where))});
            }
        }
    }
    return findings;
}
}  // namespace faultline::tidy
