#include "sim/scenario/selector.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"

namespace faultline::sim {
namespace {

using Part = Selector::Part;

struct Form {
    Part part;
    std::string_view word;
    std::size_t arguments;
};
constexpr Form kForms[] = {{Part::leader, "leader", 2},
                           {Part::follower, "follower", 3},
                           {Part::followers, "followers", 2},
                           {Part::controller, "controller", 0},
                           {Part::standby, "standby", 1},
                           {Part::any, "any", 0},
                           {Part::all, "all", 0},
                           {Part::majority, "majority", 0},
                           {Part::minority, "minority", 0},
                           {Part::rack, "rack", 1},
                           {Part::dc, "dc", 1},
                           {Part::brokers, "brokers", 0},
                           {Part::clients, "clients", 0}};
constexpr std::string_view kTexts[] = {"leader(TOPIC,PARTITION)",
                                       "follower(TOPIC,PARTITION,INDEX)",
                                       "followers(TOPIC,PARTITION)",
                                       "controller",
                                       "standby(INDEX)",
                                       "any",
                                       "all",
                                       "majority",
                                       "minority",
                                       "rack(NAME)",
                                       "dc(NAME)",
                                       "brokers",
                                       "clients"};
static_assert(std::size(kForms) == std::size(kTexts));
static_assert(std::size(kForms) == static_cast<std::size_t>(Part::count_) - 1);

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> arguments_of(std::string_view text) {
    std::vector<std::string_view> found;
    while (true) {
        const auto comma = text.find(',');
        found.push_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) return found;
        text.remove_prefix(comma + 1);
    }
}

bool number(std::string_view text, std::int32_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

bool plain(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}
}  // namespace

std::optional<Selector> parse_selector(std::string_view text, std::string& why) {
    const auto open = text.find('(');
    const std::string_view word = text.substr(0, open);
    const auto* form = std::ranges::find(kForms, word, &Form::word);
    if (form == std::end(kForms)) {
        if (open == std::string_view::npos && plain(text)) {
            return Selector{Part::name, std::string(text), 0, 0};
        }
        std::vector<std::string_view> words;
        for (const Form& f : kForms) words.push_back(f.word);
        const std::string_view near = nearest_word(word, words);
        why = fmt::format("\"{}\" names nobody{}; allowed: a node's name, {}", text,
                          near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near),
                          fmt::join(kTexts, ", "));
        return std::nullopt;
    }
    std::vector<std::string_view> given;
    const bool closed = open == std::string_view::npos || text.ends_with(')');
    if (open != std::string_view::npos && closed) {
        given = arguments_of(text.substr(open + 1, text.size() - open - 2));
    }
    Selector s{form->part, "", 0, 0};
    bool good = closed && given.size() == form->arguments;
    if (good && s.part == Part::standby) {
        good = number(given[0], s.index);
    } else if (good && !given.empty()) {
        s.name = given[0];
        good = plain(s.name);
    }
    if (good && given.size() > 1) good = number(given[1], s.partition);
    if (good && given.size() > 2) good = number(given[2], s.index);
    if (good) return s;
    why = fmt::format("\"{}\" must be written {}", text, kTexts[form - std::begin(kForms)]);
    return std::nullopt;
}

std::string to_string(const Selector& s) {
    if (s.part == Part::name) return s.name;
    const auto* form = std::ranges::find(kForms, s.part, &Form::part);
    if (s.part == Part::standby) return fmt::format("{}({})", form->word, s.index);
    switch (form->arguments) {
        case 0: return std::string(form->word);
        case 1: return fmt::format("{}({})", form->word, s.name);
        case 2: return fmt::format("{}({},{})", form->word, s.name, s.partition);
        default: return fmt::format("{}({},{},{})", form->word, s.name, s.partition, s.index);
    }
}

std::span<const std::string_view> selector_forms() { return kTexts; }
}  // namespace faultline::sim
