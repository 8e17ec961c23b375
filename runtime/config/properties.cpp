#include "runtime/config/properties.h"

#include <cstdint>
#include <optional>

namespace faultline::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool is_newline(char c) { return c == '\n' || c == '\r'; }

// Joins the natural lines of a text to logical ones: blank and comment lines left out, leading
// white space dropped, escapes still in place.
class LineReader {
public:
    explicit LineReader(std::string_view text) : rest_(text) {}

    // False at the end of the text.
    bool next() {
        logical_.clear();
        while (!rest_.empty() && logical_.empty()) {
            line_ = next_line_;
            std::string_view natural = take_natural();
            if (natural.empty() || natural.front() == '#' || natural.front() == '!') continue;
            bool joined = append(natural);
            while (joined && !rest_.empty() && !logical_.empty()) joined = append(take_natural());
        }
        return !logical_.empty();
    }
    std::string_view logical() const { return logical_; }
    int line() const { return line_; }

private:
    // The next natural line without its end and its leading white space.
    std::string_view take_natural() {
        std::size_t end = 0;
        while (end < rest_.size() && !is_newline(rest_[end])) ++end;
        std::string_view line = rest_.substr(0, end);
        if (rest_.substr(end).starts_with("\r\n")) ++end;
        rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
        ++next_line_;
        while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
        return line;
    }

    // True when an odd number of backslashes at its end joins the next line.
    bool append(std::string_view natural) {
        std::size_t slashes = 0;
        while (slashes < natural.size() && natural[natural.size() - 1 - slashes] == '\\') ++slashes;
        const bool joins = slashes % 2 == 1;
        logical_ += natural.substr(0, natural.size() - (joins ? 1 : 0));
        return joins;
    }

    std::string_view rest_;
    std::string logical_;
    int line_ = 0;
    int next_line_ = 1;
};

void append_utf8(std::string& out, std::uint32_t c) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | (c >> 6));
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3f));
        put(0x80 | ((c >> 6) & 0x3f));
        put(0x80 | (c & 0x3f));
    }
}

// The four hexadecimal digits of \uXXXX.
std::optional<std::uint32_t> hex4(std::string_view text) {
    if (text.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : text.substr(0, 4)) {
        std::uint32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<std::uint32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<std::uint32_t>(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = static_cast<std::uint32_t>(c - 'A') + 10;
        } else {
            return std::nullopt;
        }
        value = value * 16 + digit;
    }
    return value;
}

// Two \u escapes that are halves of one character are one; a half alone becomes U+FFFD.
std::uint32_t join_surrogates(std::uint32_t first, std::string_view after, std::size_t& used) {
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first < 0xdc00 && after.starts_with("\\u")) {
        const auto second = hex4(after.substr(2));
        if (second && *second >= 0xdc00 && *second <= 0xdfff) {
            used += 6;
            return 0x10000 + ((first - 0xd800) << 10) + (*second - 0xdc00);
        }
    }
    return 0xfffd;
}

// Nothing on a malformed escape.
std::optional<std::string> unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        if (++i == text.size()) break;  // a backslash at the very end says nothing
        switch (text[i]) {
            case 't': out += '\t'; break;
            case 'n': out += '\n'; break;
            case 'r': out += '\r'; break;
            case 'f': out += '\f'; break;
            case 'u': {
                const auto value = hex4(text.substr(i + 1));
                if (!value) return std::nullopt;
                i += 4;
                append_utf8(out, join_surrogates(*value, text.substr(i + 1), i));
                break;
            }
            default: out += text[i];
        }
    }
    return out;
}

// Where the key ends: at the first =, : or white space that no backslash precedes.
std::size_t key_end(std::string_view line) {
    std::size_t at = 0;
    while (at < line.size() && line[at] != '=' && line[at] != ':' && !is_blank(line[at])) {
        at += line[at] == '\\' ? 2 : 1;
    }
    return std::min(at, line.size());
}
}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text, int* bad_line) {
    std::vector<Property> properties;
    LineReader reader(text);
    while (reader.next()) {
        const std::string_view line = reader.logical();
        const std::size_t end = key_end(line);
        std::size_t value = end;
        bool separator = false;
        while (value < line.size()) {
            const bool sign = line[value] == '=' || line[value] == ':';
            if (!is_blank(line[value]) && (!sign || separator)) break;
            separator = separator || sign;
            ++value;
        }
        auto key = unescape(line.substr(0, end));
        auto content = unescape(line.substr(value));
        if (!key || !content) {
            *bad_line = reader.line();
            return Error{Errc::invalid, 0, "config.properties"};
        }
        properties.push_back({*std::move(key), *std::move(content), reader.line()});
    }
    return properties;
}
}  // namespace faultline::config
