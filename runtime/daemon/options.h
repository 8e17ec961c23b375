// The command line of faultlined, and the configuration that it and a file make.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "runtime/config/node_settings.h"
#include "runtime/config/settings.h"

namespace faultline::daemon {

struct Options {
    std::string config_file;           // empty with --dev
    std::vector<std::string> changes;  // "key=value" of each --set
    bool dev = false;
    std::string dev_data = "./faultline-data";
    std::uint16_t dev_port = 9092;
    bool check = false;
    bool print_config = false;
    int ready_fd = -1;
    std::string log_file;  // empty: standard error
    LogLevel log_level = LogLevel::info;
};

// Nothing when the process should end at once with *exit_code: after --help, or on a mistake, which
// has been printed.
std::optional<Options> parse_command_line(int argc, char** argv, int* exit_code);

struct Configuration {
    config::Settings settings;
    config::NodeSettings node;
    std::vector<std::string> without_effect;  // keys that this version does not act on
};

// Problems, one line each, are appended to `problems`; the result counts only without any.
Configuration read_configuration(const Options& options, std::vector<std::string>& problems);

// What --check says: the meaning of a configuration in sentences.
std::string explain(const Configuration&);
// What --print-config says: every key that acts, with its value and where it comes from.
std::string print_config(const Configuration&);
}  // namespace faultline::daemon
