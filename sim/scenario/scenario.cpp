#include "sim/scenario/scenario.h"

#include <algorithm>

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

std::optional<ScenarioError> parse_scenario(std::string_view file, std::string_view text,
                                            const std::vector<Override>& overrides, Scenario& out) {
    Json json;
    if (auto error = parse_json(file, text, json)) return error;
    Document document{.file = file, .positions = json_positions(text), .error = {}};
    if (auto error = apply(overrides, json)) return error;
    out = Scenario{};
    ObjectReader reader(document, "", json);
    describe(reader, out);
    reader.done();
    if (document.error.empty()) {
        complete(out);
        if (const auto bad = bad_reference(out)) document.fail(bad->pointer, bad->what);
    }
    if (!document.error.empty()) return ScenarioError{std::move(document.error)};
    return std::nullopt;
}
}  // namespace faultline::sim
