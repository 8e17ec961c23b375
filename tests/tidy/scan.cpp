#include "tests/tidy/scan.h"

#include <algorithm>
#include <regex>

namespace faultline::tidy {
namespace {

enum class Kind { space, type, function, other };
struct Scope {
    Kind kind;
    std::string name;
    int line;
};

class Scanner {
public:
    explicit Scanner(const File& file)
        : code_(blank_comments_and_literals(file.text, Preprocessor::blank)) {}

    Scan run() {
        for (const char c : code_) {
            if (c == '\n') ++line_;
            take(c);
        }
        return std::move(scan_);
    }

private:
    Kind inside() const { return scopes_.empty() ? Kind::space : scopes_.back().kind; }
    bool in_function() const {
        return std::any_of(scopes_.begin(), scopes_.end(),
                           [](const Scope& scope) { return scope.kind == Kind::function; });
    }

    void take(char c) {
        if (c == '(') ++parens_;
        if (c == ')') --parens_;
        if (c == '{') return open();
        if (c == '}') return close();
        if (c == ';' && parens_ == 0) {
            note_constructor();
            head_.clear();
            return;
        }
        if (head_.empty() && std::isspace(static_cast<unsigned char>(c)) != 0) return;
        if (head_.empty()) head_line_ = line_;
        head_ += c;
        // An access label is no part of a declaration.
        if (c == ':' && parens_ == 0 && std::regex_match(head_, kLabel)) head_.clear();
    }

    void open() {
        Scope scope{Kind::other, "", line_};
        std::smatch match;
        if (parens_ > 0 || in_function()) {
            // A braced value, or a block inside a function.
        } else if (std::regex_search(head_, kNamespace)) {
            scope.kind = Kind::space;
        } else if (std::regex_search(head_, match, kType)) {
            scope.kind = Kind::type;
            scope.name = match[3].str();
        } else if (std::regex_search(head_, match, kFunction)) {
            note_constructor();
            scope.kind = Kind::function;
            scope.name = match[1].str();
        }
        // Parentheses around a braced value stay open; the value itself starts at none.
        saved_parens_.push_back(parens_);
        parens_ = 0;
        scopes_.push_back(std::move(scope));
        head_.clear();
    }

    void close() {
        if (scopes_.empty()) return;
        const Scope scope = std::move(scopes_.back());
        scopes_.pop_back();
        parens_ = saved_parens_.back();
        saved_parens_.pop_back();
        if (scope.kind == Kind::function) {
            scan_.functions.push_back({scope.name, scope.line, line_ - scope.line + 1});
        }
        head_.clear();
    }

    // The head is a constructor when it starts with the name of the type around it.
    void note_constructor() {
        if (inside() != Kind::type || scopes_.back().name.empty()) return;
        const std::string& name = scopes_.back().name;
        const std::regex start(R"(^(?:(?:explicit|constexpr|inline)\s+)*)" + name + R"(\s*\()");
        std::smatch match;
        if (!std::regex_search(head_, match, start)) return;
        int depth = 1;
        int angle = 0;
        int commas = 0;
        bool any = false;
        for (std::size_t i = static_cast<std::size_t>(match.length()); i < head_.size(); ++i) {
            const char c = head_[i];
            if (c == '(') ++depth;
            if (c == ')' && --depth == 0) break;
            if (c == '<') ++angle;
            if (c == '>') --angle;
            if (c == ',' && depth == 1 && angle == 0) ++commas;
            if (std::isspace(static_cast<unsigned char>(c)) == 0) any = true;
        }
        scan_.constructors.push_back({name, head_line_, any ? commas + 1 : 0});
    }

    static inline const std::regex kLabel{R"(\s*(public|private|protected)\s*:)"};
    static inline const std::regex kNamespace{R"(^\s*(inline\s+)?namespace\b|^\s*extern\s*"")"};
    static inline const std::regex kType{
        R"(^\s*(template\s*<[\s\S]*>\s*)?(class|struct|union|enum(?:\s+class)?)\s+(?:\[\[\w+\]\]\s*)?(?:alignas\(\w+\)\s*)?(\w*))"};
    static inline const std::regex kFunction{R"(([~\w]+)\s*\()"};

    std::string code_;
    std::string head_;
    int head_line_ = 1;
    int line_ = 1;
    int parens_ = 0;
    std::vector<int> saved_parens_;
    std::vector<Scope> scopes_;
    Scan scan_;
};
}  // namespace

Scan scan(const File& file) { return Scanner(file).run(); }
}  // namespace faultline::tidy
