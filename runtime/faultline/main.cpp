// faultline: one binary for people. Composition only.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"
#include "runtime/daemon/option_words.h"
#include "runtime/faultline/commands.h"

using namespace faultline;

namespace {
// One line about the first word that stands where a command must and is none; "" when all are. The
// library says only that something was not expected.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
    const CLI::App* at = &app;
    std::string path = "faultline";
    for (int i = 1; i < argc && !at->get_subcommands({}).empty(); ++i) {
        const std::string word = argv[i];
        if (word.starts_with('-')) return "";
        const auto subs = at->get_subcommands({});
        const auto known = std::ranges::find(subs, word, &CLI::App::get_name);
        if (known != subs.end()) {
            at = *known;
            path += " " + word;
            continue;
        }
        std::vector<std::string> names;
        for (const CLI::App* sub : subs) names.push_back(sub->get_name());
        const std::vector<std::string_view> views(names.begin(), names.end());
        const std::string_view near = nearest_word(word, views);
        return fmt::format("{}: no command \"{}\"{} There are {}.", path, word,
                           near.empty() ? "." : fmt::format("; did you mean \"{}\"?", near),
                           fmt::join(names, ", "));
    }
    return "";
}
}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Example:  faultline topic create orders && faultline consume orders --follow\n\n"
        "Tools for a cluster of Faultline or Kafka, and the simulator.",
        "faultline");
    app.require_subcommand(1);
    app.set_version_flag("-v,--version", "faultline 0.1.0");
    std::vector<tools::Command> commands;
    tools::add_topic(app, commands);
    tools::add_produce(app, commands);
    tools::add_consume(app, commands);
    tools::add_config(app, commands);
    tools::add_cluster(app, commands);
    tools::add_log(app, commands);
    tools::add_storage(app, commands);
    binary::add_timeline(app, commands);
#ifdef FAULTLINE_WITH_SIM
    binary::add_sim(app, commands);
    binary::add_scenario(app, commands);
#endif
    tools::add_completion(app, commands);
    if (const std::string line = unknown_command(app, argc, argv); !line.empty())
        return tools::bad_input(line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        const std::string line = daemon::unknown_option(app, argc, argv);
        if (dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr && !line.empty())
            return tools::bad_input("faultline: " + line);
        return app.exit(e) == 0 ? tools::kOk : tools::kBadInput;
    }
    for (const tools::Command& command : commands) {
        if (command.app->parsed()) return command.run();
    }
    return tools::kBadInput;
}
