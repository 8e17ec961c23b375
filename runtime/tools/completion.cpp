// Completion for bash, made from the commands themselves.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct Place {
    std::string path;   // "/topic/create"
    std::string words;  // what may come next
};

void gather(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
    std::vector<std::string> words;
    for (const CLI::App* sub : app.get_subcommands({})) words.push_back(sub->get_name());
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
    places.push_back({path, fmt::format("{}", fmt::join(words, " "))});
    for (const CLI::App* sub : app.get_subcommands({}))
        gather(*sub, path + "/" + sub->get_name(), places);
}

// The script follows the words that are commands, and offers what its table has for where that
// leads. Where nothing matches bash offers files.
int bash(const CLI::App& app) {
    std::vector<Place> places;
    gather(app, "", places);
    fmt::print(
        "# Completion of faultline for bash:  source <(faultline completion bash)\n"
        "_faultline() {{\n"
        "    local at= i words=\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case \"$at/${{COMP_WORDS[i]}}\" in\n"
        "            ");
    for (std::size_t i = 1; i < places.size(); ++i)
        fmt::print("{}{}", i == 1 ? "" : " | ", places[i].path);
    fmt::print(") at=\"$at/${{COMP_WORDS[i]}}\" ;;\n        esac\n    done\n    case \"$at\" in\n");
    for (const Place& p : places)
        fmt::print("        {}) words=\"{}\" ;;\n", p.path.empty() ? "''" : p.path, p.words);
    fmt::print(
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
        "}}\n"
        "complete -o default -F _faultline faultline\n");
    return kOk;
}
}  // namespace

void add_completion(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* completion = app.add_subcommand(
        "completion",
        "Example:  source <(faultline completion bash)\n\nPrints a completion script for a shell.");
    completion->require_subcommand(1);
    CLI::App* sub =
        completion->add_subcommand("bash",
                                   "Example:  faultline completion bash > "
                                   "~/.local/share/bash-completion/completions/faultline");
    commands.push_back({sub, [&app] { return bash(app); }});
}
}  // namespace faultline::tools
