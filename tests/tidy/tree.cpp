#include "tests/tidy/tree.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace faultline::tidy {
namespace {

namespace fs = std::filesystem;

// The lines of .gitignore that name a directory, and what git itself keeps.
bool ignored(std::string_view name) {
    constexpr std::array<std::string_view, 7> kNames{
        ".git", "build", "out", "faultline-data", "__pycache__", ".cache", "compile_commands.json"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.ends_with(".orig");
}

std::string read_text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.find('\0') != std::string::npos) text.clear();
    return text;
}

void walk(const fs::path& root, const fs::path& dir, Tree& tree) {
    for (const auto& entry : fs::directory_iterator(dir)) {
        const std::string name = entry.path().filename().string();
        if (ignored(name)) continue;
        if (dir == root) tree.top_level.push_back(name);
        if (entry.is_directory()) {
            walk(root, entry.path(), tree);
        } else if (entry.is_regular_file()) {
            tree.files.push_back(
                {entry.path().lexically_relative(root).generic_string(), read_text(entry.path())});
        }
    }
}

// One pass over the text; every step consumes at least one character.
class Blanker {
public:
    Blanker(std::string_view text, Preprocessor preprocessor)
        : out_(text), preprocessor_(preprocessor) {}

    std::string run() {
        while (at_ < out_.size()) step();
        return std::move(out_);
    }

private:
    bool looking_at(std::string_view what) const {
        return out_.compare(at_, what.size(), what) == 0;
    }

    void blank(std::size_t end) {
        end = std::min(end, out_.size());
        for (; at_ < end; ++at_) {
            if (out_[at_] != '\n') out_[at_] = ' ';
        }
    }

    // The end of a line, or of the last line that a backslash continues.
    std::size_t end_of_line() const {
        std::size_t end = at_;
        while (end < out_.size() && (out_[end] != '\n' || out_[end - 1] == '\\')) ++end;
        return end;
    }

    bool word_before() const {
        return at_ > 0 && (std::isalnum(static_cast<unsigned char>(out_[at_ - 1])) != 0 ||
                           out_[at_ - 1] == '_');
    }

    void literal(char quote) {
        ++at_;
        std::size_t end = at_;
        while (end < out_.size() && out_[end] != quote && out_[end] != '\n') {
            end += out_[end] == '\\' ? 2 : 1;
        }
        blank(end);
        if (at_ < out_.size()) ++at_;
    }

    void raw_literal() {
        const std::size_t open = out_.find('(', at_);
        const std::string close = ")" + out_.substr(at_ + 2, open - at_ - 2) + "\"";
        const std::size_t end = out_.find(close, open);
        at_ += 2;
        blank(end == std::string::npos ? out_.size() : end + close.size() - 1);
        if (at_ < out_.size()) ++at_;
    }

    void step() {
        const char c = out_[at_];
        if (c == '\n') line_start_ = true;
        if (looking_at("//")) return blank(end_of_line());
        if (looking_at("/*")) {
            const std::size_t end = out_.find("*/", at_ + 2);
            return blank(end == std::string::npos ? out_.size() : end + 2);
        }
        if (c == '#' && line_start_ && preprocessor_ == Preprocessor::blank) {
            return blank(end_of_line());
        }
        if (std::isspace(static_cast<unsigned char>(c)) == 0) line_start_ = false;
        if (looking_at("R\"") && !word_before()) return raw_literal();
        if (c == '"') return literal('"');
        // A quote inside a number is a digit separator.
        if (c == '\'' && !word_before()) return literal('\'');
        ++at_;
    }

    std::string out_;
    Preprocessor preprocessor_;
    std::size_t at_ = 0;
    bool line_start_ = true;
};
}  // namespace

const File* Tree::find(std::string_view path) const {
    const auto it = std::find_if(files.begin(), files.end(),
                                 [&](const File& file) { return file.path == path; });
    return it == files.end() ? nullptr : &*it;
}

bool Tree::exists(std::string_view path) const {
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::any_of(files.begin(), files.end(), [&](const File& file) {
        return file.path == path || starts_with_dir(file.path, path);
    });
}

std::string to_string(const Finding& finding) {
    return fmt::format("{}:{}: {}; {}", finding.path, finding.line, finding.what, finding.right);
}

Tree load_tree(const std::string& root) {
    Tree tree;
    walk(root, root, tree);
    std::sort(tree.files.begin(), tree.files.end(),
              [](const File& a, const File& b) { return a.path < b.path; });
    std::sort(tree.top_level.begin(), tree.top_level.end());
    return tree;
}

bool is_source(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".h"); }
bool is_document(std::string_view path) { return path.ends_with(".md"); }
bool starts_with_dir(std::string_view path, std::string_view dir) {
    return path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/';
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string blank_comments_and_literals(std::string_view text, Preprocessor preprocessor) {
    return Blanker(text, preprocessor).run();
}

int line_at(std::string_view text, std::size_t offset) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
    return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}
}  // namespace faultline::tidy
