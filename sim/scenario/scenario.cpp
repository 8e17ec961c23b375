#include "sim/scenario/scenario.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/scenario/describe.h"
#include "sim/scenario/object_reader.h"
#include "sim/trace/fields.h"

namespace faultline::sim {
namespace {

// The text after "parse error at line L, column C: " in nlohmann's message.
std::string syntax_message(const std::string& what) {
    const auto colon = what.find("syntax error");
    return colon == std::string::npos ? what : what.substr(colon);
}

std::optional<ScenarioError> parse_json(std::string_view file, std::string_view text, Json& out) {
    try {
        out = Json::parse(text);
    } catch (const Json::parse_error& e) {
        const Position p = position_of(text, e.byte > 0 ? e.byte - 1 : 0);
        return ScenarioError{fmt::format("{}:{}:{}: /: not JSON: {}", file, p.line, p.column,
                                         syntax_message(e.what()))};
    } catch (const Json::exception& e) {
        // Well formed, but a number is beyond what a double holds.
        return ScenarioError{fmt::format("{}:1:1: /: not usable: {}", file, e.what())};
    }
    return std::nullopt;
}

// The JSON pointer of a member whose name its object has already; nothing when there is none. Needs
// text that parses: the parser itself keeps the last.
std::optional<std::string> duplicate_member(std::string_view text) {
    struct Level {
        std::string name;           // of the member that is being read
        std::int64_t element = -1;  // -1: an object
        std::set<std::string> names;
    };
    std::vector<Level> levels;
    std::optional<std::string> found;
    using Event = Json::parse_event_t;
    const auto look = [&](int, Event event, Json& value) {
        const bool begins = event == Event::object_start || event == Event::array_start;
        if (event == Event::object_end || event == Event::array_end) levels.pop_back();
        if (event == Event::key) {
            Level& level = levels.back();
            level.name = value.get<std::string>();
            if (!level.names.insert(level.name).second && !found) {
                found = "";
                for (const Level& l : levels)
                    *found += "/" + (l.element < 0 ? pointer_token(l.name)
                                                   : std::to_string(l.element - 1));
            }
        }
        if ((begins || event == Event::value) && !levels.empty() && levels.back().element >= 0)
            ++levels.back().element;
        if (begins) levels.push_back({"", event == Event::array_start ? 0 : -1, {}});
        return true;
    };
    const Json all = Json::parse(text, look, false);
    return all.is_discarded() ? std::nullopt : found;
}

std::optional<ScenarioError> apply(const std::vector<Override>& overrides, Json& json) {
    for (const Override& o : overrides) {
        try {
            Json value = Json::parse(o.value, nullptr, false);
            if (value.is_discarded()) value = o.value;
            json[Json::json_pointer(o.pointer)] = std::move(value);
        } catch (const Json::exception&) {
            return ScenarioError{fmt::format(
                "--set {}={}: no such place; a JSON pointer such as /workload/0/rate or /seed",
                o.pointer, o.value)};
        }
    }
    return std::nullopt;
}

// Where the text has the client that a bad reference is about.
std::string pointer_of(const BadReference& bad, const Json& json) {
    if (bad.member.empty() || !json.contains("workload")) return bad.pointer;
    std::size_t before = 0, at = 0;
    for (const Json& client : json["workload"]) {
        if (client.contains(bad.member) && before++ == bad.before)
            return fmt::format("{}/{}/{}", bad.pointer, at, bad.member);
        ++at;
    }
    return bad.pointer;  // from a name that was made up for it
}

// "segment.rolled" of "SegmentRolled".
std::string event_word(std::string_view type) {
    std::string word;
    for (const char c : type) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper && !word.empty()) word += '.';
        word += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return word;
}
}  // namespace

const std::vector<std::string>& event_words() {
    static const std::vector<std::string> words = [] {
        std::vector<std::string> all;
        const auto add = [&]<class E>(std::type_identity<E>) {
            all.push_back(event_word(EventInfo<E>::name));
        };
        for_each_core_event(add);
        for_each_world_event(add);
        std::ranges::sort(all);
        return all;
    }();
    return words;
}

std::string error_at(std::string_view file, std::string_view text, const std::string& pointer,
                     const std::string& what) {
    Document document{.file = file, .positions = json_positions(text), .error = {}};
    document.fail(pointer, what);
    return std::move(document.error);
}

std::optional<ScenarioError> parse_scenario(std::string_view file, std::string_view text,
                                            const std::vector<Override>& overrides, Scenario& out) {
    Json json;
    if (auto error = parse_json(file, text, json)) return error;
    Document document{.file = file, .positions = json_positions(text), .error = {}};
    if (const auto twice = duplicate_member(text))
        document.fail(*twice, "is given twice; which one is meant?");
    if (auto error = apply(overrides, json)) return error;
    out = Scenario{};
    ObjectReader reader(document, "", json);
    describe(reader, out);
    reader.done();
    if (document.error.empty()) {
        complete(out);
        if (const auto bad = bad_reference(out)) document.fail(pointer_of(*bad, json), bad->what);
    }
    if (!document.error.empty()) return ScenarioError{std::move(document.error)};
    return std::nullopt;
}
}  // namespace faultline::sim
