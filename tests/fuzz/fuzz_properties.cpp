// Any text as a properties file: refused with a line that says where, or read as what it says, and
// then a configuration or problems of one line each. Input: the file.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "runtime/config/node_settings.h"
#include "runtime/config/properties.h"
#include "runtime/config/settings.h"

using namespace faultline;
using namespace faultline::config;

namespace {
// As java.util.Properties would store it.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '\t': out += "\\t"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\f': out += "\\f"; break;
            default:
                if (c == '\\' || c == ' ' || c == '=' || c == ':' || c == '#' || c == '!')
                    out += '\\';
                out += c;
        }
    }
    return out;
}

void check_problems(const std::vector<Problem>& problems, int lines) {
    for (const Problem& p : problems) {
        const std::string line = to_string(p);
        FL_ASSERT(!line.empty() && line.find('\n') == std::string::npos);
        FL_ASSERT(p.place.line <= lines);
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 8192) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto breaks = std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; });
    const int lines = static_cast<int>(breaks) + 1;
    int bad_line = 0;
    const auto properties = parse_properties(text, &bad_line);
    if (!properties.ok()) {
        FL_ASSERT(bad_line >= 1 && bad_line <= lines);
        return 0;
    }
    std::string again;
    for (const Property& p : *properties) {
        FL_ASSERT(p.line >= 1 && p.line <= lines);
        again += escaped(p.key) + "=" + escaped(p.value) + "\n";
    }
    const auto back = parse_properties(again, &bad_line);
    FL_ASSERT(back.ok() && back->size() == properties->size());
    for (std::size_t i = 0; i < back->size(); ++i) {
        FL_ASSERT((*back)[i].key == (*properties)[i].key);
        FL_ASSERT((*back)[i].value == (*properties)[i].value);
    }

    Settings settings;
    settings.add("f", *properties);
    auto problems = settings.check();
    check_problems(problems, lines);
    if (!problems.empty()) return 0;
    (void)read_node_settings(settings, problems);
    check_problems(problems, lines);
    for (const auto& [key, value] : settings.all()) FL_ASSERT(!key.empty() || !value.empty());
    return 0;
}
