// faultline: one binary for people. Composition only.
#include <CLI/CLI.hpp>

#include "runtime/faultline/commands.h"

using namespace faultline;

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
    tools::add_log(app, commands);
    binary::add_timeline(app, commands);
#ifdef FAULTLINE_WITH_SIM
    binary::add_sim(app, commands);
#endif
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? tools::kOk : tools::kBadInput;
    }
    for (const tools::Command& command : commands) {
        if (command.app->parsed()) return command.run();
    }
    return tools::kBadInput;
}
