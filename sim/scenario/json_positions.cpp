#include "sim/scenario/json_positions.h"

#include <cctype>

namespace faultline::sim {
namespace {

// Walks a text that is known to be JSON, so it need not check anything.
class Walker {
public:
    explicit Walker(std::string_view text) : text_(text) {}
    std::map<std::string, Position> run() {
        value("");
        return std::move(found_);
    }

private:
    char peek() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    std::string string() {
        std::string out;
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') ++at_;  // an escape in a name is kept as its second letter
            out += text_[at_];
        }
        ++at_;
        return out;
    }
    void value(const std::string& pointer) {
        const char first = peek();
        found_.try_emplace(pointer, position_of(text_, at_));
        if (first == '{') return object(pointer);
        if (first == '[') return array(pointer);
        if (first == '"') {
            string();
            return;
        }
        while (at_ < text_.size() &&
               std::string_view(",]}").find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
    }
    void object(const std::string& pointer) {
        ++at_;
        while (peek() != '}' && at_ < text_.size()) {
            const std::size_t key_at = at_;
            const std::string inner = pointer + "/" + pointer_token(string());
            found_.try_emplace(inner, position_of(text_, key_at));
            peek();
            ++at_;  // ':'
            value(inner);
            if (peek() == ',') ++at_;
        }
        ++at_;
    }
    void array(const std::string& pointer) {
        ++at_;
        for (int i = 0; peek() != ']' && at_ < text_.size(); ++i) {
            value(pointer + "/" + std::to_string(i));
            if (peek() == ',') ++at_;
        }
        ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::map<std::string, Position> found_;
};
}  // namespace

std::string pointer_token(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
    return out;
}

Position position_of(std::string_view text, std::size_t offset) {
    Position p;
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        if (text[i] == '\n') {
            ++p.line;
            p.column = 1;
        } else {
            ++p.column;
        }
    }
    return p;
}

std::map<std::string, Position> json_positions(std::string_view text) { return Walker(text).run(); }
}  // namespace faultline::sim
