#include "runtime/daemon/option_words.h"

#include <algorithm>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/text.h"

namespace faultline::daemon {

std::string unknown_option(const CLI::App& app, int argc, char** argv) {
    const CLI::App* at = &app;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--") break;
        if (!word.starts_with('-') || word.size() < 2) {
            const auto subs = at->get_subcommands({});
            const auto known = std::ranges::find(subs, word, &CLI::App::get_name);
            if (known != subs.end()) at = *known;
            continue;
        }
        const std::string name = word.substr(0, word.find('='));
        // A short one may have its value behind it: -ofile.
        const bool is_short = !name.starts_with("--");
        if (at->get_option_no_throw(is_short ? name.substr(0, 2) : name) != nullptr) continue;
        std::vector<std::string> names;
        for (const CLI::Option* o : at->get_options()) {
            for (const std::string& n : o->get_lnames()) names.push_back("--" + n);
        }
        const std::vector<std::string_view> views(names.begin(), names.end());
        const std::string_view near = nearest_word(name, views);
        return fmt::format("{}: no such option{}", name,
                           near.empty() ? "" : fmt::format("; did you mean {}?", near));
    }
    return "";
}
}  // namespace faultline::daemon
