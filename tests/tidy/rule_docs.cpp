#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

constexpr std::string_view kRegister = "docs/INVARIANTS.md";

// | 12 | statement | asserted at | oracle | scenario |
struct Row {
    int number = 0;
    int line = 0;
    std::vector<std::string> cells;  // without the number
};

std::string trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::vector<Row> read_register(const Tree& tree) {
    std::vector<Row> rows;
    const File* file = tree.find(kRegister);
    if (file == nullptr) return rows;
    int number = 0;
    for (auto line : lines_of(file->text)) {
        ++number;
        if (!line.starts_with('|')) continue;
        Row row;
        line.remove_prefix(1);
        while (!line.empty()) {
            const auto bar = std::min(line.find('|'), line.size());
            row.cells.push_back(trim(line.substr(0, bar)));
            line.remove_prefix(std::min(bar + 1, line.size()));
        }
        if (row.cells.empty() || row.cells[0].empty() ||
            !std::all_of(row.cells[0].begin(), row.cells[0].end(),
                         [](char c) { return c >= '0' && c <= '9'; })) {
            continue;
        }
        row.number = std::stoi(row.cells[0]);
        row.line = number;
        row.cells.erase(row.cells.begin());
        rows.push_back(std::move(row));
    }
    return rows;
}

std::map<int, Finding> asserted_invariants(const Tree& tree) {
    static const std::regex kUse(R"(\bFL_INVARIANT\(\s*(\d+)\s*,|\bINV-(\d+)\b)");
    std::map<int, Finding> found;
    for (const auto& file : tree.files) {
        if (!is_source(file.path) || starts_with_dir(file.path, "tests")) continue;
        for (std::sregex_iterator it(file.text.begin(), file.text.end(), kUse), end; it != end;
             ++it) {
            const int number = std::stoi((*it)[1].matched ? (*it)[1].str() : (*it)[2].str());
            found.emplace(
                number,
                Finding{file.path, line_at(file.text, static_cast<std::size_t>(it->position())),
                        fmt::format("names invariant {}", number),
                        fmt::format("add its row to {}", kRegister)});
        }
    }
    return found;
}

std::string directory_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

// "docs" + "../core/base" = "core/base".
std::string resolve(std::string_view dir, std::string_view link) {
    std::vector<std::string> parts;
    const std::string whole = link.starts_with('/') ? std::string(link.substr(1))
                                                    : std::string(dir) + "/" + std::string(link);
    std::size_t at = 0;
    while (at <= whole.size()) {
        const auto slash = std::min(whole.find('/', at), whole.size());
        const std::string part = whole.substr(at, slash - at);
        at = slash + 1;
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(part);
        } else if (!parts.empty()) {
            parts.pop_back();
        }
    }
    std::string path;
    for (const auto& part : parts) path += (path.empty() ? "" : "/") + part;
    return path;
}

void check_link(const Tree& tree, const File& file, int line, std::string link, Findings& out) {
    if (link.starts_with("http:") || link.starts_with("https:") || link.starts_with('#')) return;
    link = link.substr(0, link.find('#'));
    const std::string path = resolve(directory_of(file.path), link);
    if (tree.exists(path)) return;
    out.push_back({file.path, line, "links to " + link + ", which does not exist",
                   "a path that exists, relative to the document"});
}

// `core/base/time.h` and `core/base/time.h:Deadline` in backticks: the file, and the word in it.
void check_code_path(const Tree& tree, const File& file, int line, const std::string& path,
                     const std::string& word, Findings& out) {
    const File* target = tree.find(path);
    if (target == nullptr) {
        if (!tree.exists(path)) {
            out.push_back({file.path, line, "names " + path + ", which does not exist",
                           "the path of a file of this project"});
        }
        return;
    }
    const std::string last =
        word.substr(word.rfind(':') == std::string::npos ? 0 : word.rfind(':') + 1);
    if (!last.empty() && target->text.find(last) == std::string::npos) {
        out.push_back({file.path, line, path + " has no " + last, "the name as the code has it"});
    }
}
}  // namespace

Findings check_invariants(const Tree& tree) {
    Findings findings;
    const auto rows = read_register(tree);
    const auto asserted = asserted_invariants(tree);
    std::set<int> registered;
    for (const auto& row : rows) {
        const std::string path(kRegister);
        if (!registered.insert(row.number).second) {
            findings.push_back(
                {path, row.line, fmt::format("has {} twice", row.number), "one row per number"});
        }
        if (row.cells.size() < 4) {
            findings.push_back({path, row.line, fmt::format("row {} lacks columns", row.number),
                                "number, statement, asserted at, oracle, scenario"});
            continue;
        }
        const bool has_oracle = !row.cells[2].empty() && row.cells[2] != "-";
        if (!asserted.contains(row.number) && !has_oracle) {
            findings.push_back(
                {path, row.line,
                 fmt::format("row {} is asserted nowhere and has no oracle", row.number),
                 fmt::format("FL_INVARIANT({}, ...) in the code, or the oracle's name",
                             row.number)});
        }
    }
    for (const auto& [number, finding] : asserted) {
        if (!registered.contains(number)) findings.push_back(finding);
    }
    return findings;
}

Findings check_scenarios(const Tree& tree) {
    Findings findings;
    std::map<std::string, std::string> names;
    for (const auto& file : tree.files) {
        if (!starts_with_dir(file.path, "scenarios") || !file.path.ends_with(".json")) continue;
        if (file.path.ends_with(".schema.json")) continue;
        const auto json = nlohmann::json::parse(file.text, nullptr, false, true);
        if (json.is_discarded() || !json.is_object() || !json.contains("name") ||
            !json["name"].is_string()) {
            findings.push_back(
                {file.path, 1, "is no JSON object with a name", "see docs/formats/scenario.md"});
            continue;
        }
        const auto [it, fresh] = names.emplace(json["name"].get<std::string>(), file.path);
        if (!fresh) {
            findings.push_back({file.path, 1, "has the name of " + it->second,
                                "a name that no other scenario has"});
        }
    }
    return findings;
}

// Each row of the table names scenarios that exist; each scenario says what survives, and some row
// names it.
Findings check_durability(const Tree& tree) {
    static const std::regex kScenario(R"(\(\.\./(scenarios/durability/[\w-]+\.json)\))");
    const std::string path = "docs/DURABILITY.md";
    Findings findings;
    std::set<std::string> named;
    const File* document = tree.find(path);
    int number = 0;
    for (const auto line : lines_of(document == nullptr ? std::string_view() : document->text)) {
        ++number;
        const std::string text(line);
        const std::sregex_iterator first(text.begin(), text.end(), kScenario), end;
        for (auto it = first; it != end; ++it) {
            named.insert((*it)[1].str());
            if (tree.find((*it)[1].str()) == nullptr)
                findings.push_back({path, number,
                                    "names " + (*it)[1].str() + ", which is not there",
                                    "a file of scenarios/durability"});
        }
        const bool head = text.starts_with("| acks ") || text.starts_with("|---");
        if (text.starts_with("| ") && !head && first == end)
            findings.push_back({path, number, "promises something that no scenario shows",
                                "a link to a file of scenarios/durability"});
    }
    for (const auto& file : tree.files) {
        if (!starts_with_dir(file.path, "scenarios/durability")) continue;
        if (!named.contains(file.path))
            findings.push_back({file.path, 1, "shows what no row promises",
                                "a link in the table of docs/DURABILITY.md"});
        if (file.text.find("\"survival\": \"") == std::string::npos)
            findings.push_back(
                {file.path, 1, "does not say what survives", "expect.survival, all or less"});
    }
    return findings;
}

Findings check_links(const Tree& tree) {
    static const std::regex kLink(R"(\]\(([^)\s]+)\))");
    static const std::regex kPath(
        R"(`((?:core|sim|runtime|visualize|tests|cmake|docs|scenarios)/[\w./-]*[\w/])(?::([\w:~]+))?`)");
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_document(file.path)) continue;
        int number = 0;
        for (const auto line : lines_of(file.text)) {
            ++number;
            const std::string text(line);
            for (std::sregex_iterator it(text.begin(), text.end(), kLink), end; it != end; ++it) {
                check_link(tree, file, number, (*it)[1].str(), findings);
            }
            // A decision record may name what was rejected or is gone.
            if (starts_with_dir(file.path, "docs/adr")) continue;
            for (std::sregex_iterator it(text.begin(), text.end(), kPath), end; it != end; ++it) {
                check_code_path(tree, file, number, (*it)[1].str(), (*it)[2].str(), findings);
            }
        }
    }
    return findings;
}

Findings check_top_level(const Tree& tree) {
    constexpr std::array<std::string_view, 17> kAllowed{".ci",
                                                        ".clang-format",
                                                        ".clang-tidy",
                                                        ".editorconfig",
                                                        ".gitignore",
                                                        "CMakeLists.txt",
                                                        "CMakePresets.json",
                                                        "README.md",
                                                        "cmake",
                                                        "core",
                                                        "dev",
                                                        "docs",
                                                        "runtime",
                                                        "scenarios",
                                                        "sim",
                                                        "tests",
                                                        "visualize"};
    Findings findings;
    for (const auto& name : tree.top_level) {
        if (std::find(kAllowed.begin(), kAllowed.end(), name) == kAllowed.end()) {
            findings.push_back({name, 1, "stands at the top level",
                                "move it below one of the directories in docs/STYLE.md, or add it "
                                "to the list in tests/tidy/rule_docs.cpp with a reason"});
        }
    }
    return findings;
}
}  // namespace faultline::tidy
