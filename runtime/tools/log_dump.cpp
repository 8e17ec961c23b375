#include "core/storage/log_dump.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/posix/node.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct DumpOptions {
    std::vector<std::string> files;
    storage::DumpOptions dump;
};

int dump(const DumpOptions& options) {
    return posix::run_client([&](Env& env, fiber::StopToken) {
        int code = kOk;
        for (const std::string& file : options.files) {
            const auto sound =
                storage::dump_file(env.disk, file, options.dump,
                                   [](std::string_view line) { fmt::print("{}\n", line); });
            if (!sound.ok()) {
                return bad_input(
                    fmt::format("faultline: {}: {}; give .log, .index or .timeindex files, as "
                                "DATA/TOPIC-PARTITION/00000000000000000000.log",
                                file, to_string(sound.error())));
            }
            if (!*sound) code = kFailed;
        }
        return code;
    });
}
}  // namespace

void add_log(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* log =
        app.add_subcommand("log",
                           "Example:  faultline log dump data/orders-0/00000000000000000000.log\n\n"
                           "Looks at the files of a log.");
    log->require_subcommand(1);
    CLI::App* sub = log->add_subcommand(
        "dump",
        "Example:  faultline log dump --records data/orders-0/00000000000000000000.log\n\n"
        "Prints the files of a log and checks them. Exit 1 where one is damaged.");
    auto o = std::make_shared<DumpOptions>();
    sub->add_option("files", o->files, "segment and index files")->required();
    sub->add_flag("--records", o->dump.records, "also each record, with key and value");
    sub->add_flag("--deep", o->dump.deep, "also each record, without key and value");
    commands.push_back({sub, [o] { return dump(*o); }});
}
}  // namespace faultline::tools
