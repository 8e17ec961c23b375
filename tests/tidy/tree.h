// The project's text as the rules of tests/tidy see it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faultline::tidy {

struct File {
    std::string path;  // relative to the root, with slashes
    std::string text;
};

struct Tree {
    std::vector<File> files;             // sorted by path
    std::vector<std::string> top_level;  // names of the root's entries, ignored ones left out

    // Nothing when there is no such file.
    const File* find(std::string_view path) const;
    // True for a file and for a directory that holds one.
    bool exists(std::string_view path) const;
};

// What is wrong at a place and what would be right.
struct Finding {
    std::string path;
    int line = 0;
    std::string what;
    std::string right;
    friend bool operator==(const Finding&, const Finding&) = default;
};
std::string to_string(const Finding&);

// Reads every file below `root` that is text and not build output. Binary files keep an empty text.
Tree load_tree(const std::string& root);

bool is_source(std::string_view path);    // .cpp or .h
bool is_document(std::string_view path);  // .md
bool starts_with_dir(std::string_view path, std::string_view dir);

std::vector<std::string_view> lines_of(std::string_view text);
// Comments, the insides of literals and, if asked, preprocessor lines become spaces: every line
// and column stays where it was.
enum class Preprocessor { keep, blank };
std::string blank_comments_and_literals(std::string_view text, Preprocessor);

// The line, from 1, at which the offset stands.
int line_at(std::string_view text, std::size_t offset);
}  // namespace faultline::tidy
