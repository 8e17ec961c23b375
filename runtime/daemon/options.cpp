#include "runtime/daemon/options.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/daemon/option_words.h"

namespace faultline::daemon {
namespace {

constexpr const char* kHelp =
    "Example:  faultlined --dev --data /tmp/fl --port 9092\n"
    "          faultlined --config server.properties --set num.partitions=3\n\n"
    "A Kafka-compatible broker. Prints one line when it is ready; SIGTERM stops it in order.";

void add_file(const std::string& file, config::Settings& settings,
              std::vector<std::string>& problems) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        problems.push_back(
            fmt::format("{}:1: cannot be read: {}; a file in the syntax of Kafka's "
                        "server.properties",
                        file, std::strerror(errno)));
        return;
    }
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    int bad_line = 0;
    const auto properties = config::parse_properties(text, &bad_line);
    if (!properties.ok()) {
        problems.push_back(
            fmt::format("{}:{}: a \\u escape is malformed; \\u and four hexadecimal "
                        "digits",
                        file, bad_line));
        return;
    }
    settings.add(file, *properties);
}

void add_dev(const Options& options, config::Settings& settings) {
    int line = 0;
    const auto set = [&](std::string_view key, const std::string& value) {
        settings.set(key, value, {"--dev", ++line});
    };
    set("process.roles", "broker,controller");
    set("node.id", "1");
    set("listeners", fmt::format("PLAINTEXT://127.0.0.1:{}", options.dev_port));
    set("log.dirs", options.dev_data);
}

std::string url_of(const config::ListenerSettings& listener, const Endpoint& endpoint) {
    return fmt::format("{}://{}", listener.name, to_string(endpoint));
}

std::string duration_text(std::int64_t ms) {
    if (ms < 0) return "for ever";
    if (ms % 86'400'000 == 0) return fmt::format("{} days", ms / 86'400'000);
    if (ms % 3'600'000 == 0) return fmt::format("{} hours", ms / 3'600'000);
    return fmt::format("{} ms", ms);
}

std::string join(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}
}  // namespace

std::optional<Options> parse_command_line(int argc, char** argv, int* exit_code) {
    Options options;
    std::string level = "info";
    CLI::App app{kHelp, "faultlined"};
    auto* file = app.add_option("--config", options.config_file, "Kafka's server.properties");
    app.add_option("--set", options.changes, "key=value, wins over the file; may be repeated")
        ->take_all()
        ->allow_extra_args(false);
    auto* dev = app.add_flag("--dev", options.dev, "a lone node on 127.0.0.1, without a file");
    app.add_option("--data", options.dev_data, "with --dev: the data directory")->needs(dev);
    app.add_option("--port", options.dev_port, "with --dev: the port; 0 takes a free one")
        ->needs(dev);
    app.add_flag("--check", options.check, "say what the configuration means, and end");
    app.add_flag("--print-config", options.print_config, "print the keys that act, and end");
    app.add_option("--ready-fd", options.ready_fd, "write the ready line here too, then close it");
    app.add_option("--log-file", options.log_file, "instead of standard error; SIGHUP reopens it");
    app.add_option("--log-level", level, "how much is logged")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
    file->excludes(dev);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool help = error.get_exit_code() == 0;
        *exit_code = help ? 0 : 2;
        if (help) {
            fmt::print("{}", app.help());
        } else {
            std::string what = unknown_option(app, argc, argv);
            if (what.empty()) what = error.what();
            fmt::print(stderr, "faultlined: {}; see faultlined --help\n", what);
        }
        return std::nullopt;
    }
    if (options.config_file.empty() && !options.dev) {
        fmt::print(stderr, "faultlined: neither --config nor --dev; see faultlined --help\n");
        *exit_code = 2;
        return std::nullopt;
    }
    constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"trace", LogLevel::trace},
                                                                 {"debug", LogLevel::debug},
                                                                 {"info", LogLevel::info},
                                                                 {"warn", LogLevel::warn},
                                                                 {"error", LogLevel::error}};
    for (const auto& [name, value] : kLevels) {
        if (level == name) options.log_level = value;
    }
    return options;
}

Configuration read_configuration(const Options& options, std::vector<std::string>& problems) {
    Configuration configuration;
    config::Settings& settings = configuration.settings;
    if (options.dev) add_dev(options, settings);
    if (!options.config_file.empty()) add_file(options.config_file, settings, problems);
    int number = 0;
    for (const auto& change : options.changes) {
        ++number;
        const auto sign = change.find('=');
        if (sign == std::string::npos) {
            problems.push_back(fmt::format("--set:{}: \"{}\" has no =; key=value", number, change));
            continue;
        }
        settings.set(change.substr(0, sign), change.substr(sign + 1), {"--set", number});
    }
    if (!problems.empty()) return configuration;
    auto found = settings.check();
    if (found.empty()) configuration.node = config::read_node_settings(settings, found);
    for (const auto& problem : found) problems.push_back(to_string(problem));
    configuration.without_effect = settings.without_effect();
    return configuration;
}

std::string explain(const Configuration& configuration) {
    const config::NodeSettings& node = configuration.node;
    std::string text = fmt::format(
        "Node {} is {}{}.\n", node.node.v,
        !node.is_controller ? "broker"
        : node.is_broker    ? "broker and controller"
                            : "controller",
        node.voters.size() > 1 ? fmt::format(", in a quorum of {}", node.voters.size())
        : !node.quorum_bootstrap.empty()
            ? fmt::format(", in the quorum that {} knows", to_string(node.quorum_bootstrap.front()))
        : node.is_controller ? ", alone"
                             : "");
    for (const auto& listener : node.listeners) {
        text += fmt::format("It listens on {} and tells clients {}.\n",
                            url_of(listener, listener.bind), url_of(listener, listener.advertised));
    }
    text += fmt::format("Its data is in {}; {}.\n", join(node.log_dirs),
                        node.shards == 0 ? std::string("one shard for two cores")
                                         : fmt::format("{} shards", node.shards));
    text += node.log.flush_before_ack
                ? "An acknowledgement of acks=all means that the records survive power loss.\n"
                : "An acknowledgement means that the records are in the page cache: a crash of the "
                  "process keeps them, power loss may not.\n";
    text += fmt::format("Records are kept {}; {}; segments of {} bytes or {}.\n",
                        duration_text(node.log.retention_ms),
                        node.log.retention_bytes < 0 ? std::string("no limit by size")
                                                     : fmt::format("at most {} bytes per partition",
                                                                   node.log.retention_bytes),
                        node.log.segment_bytes, duration_text(node.log.segment_ms));
    text += fmt::format("Topics are {}created on first use, with {} partition{}.\n",
                        node.auto_create_topics ? "" : "not ", node.num_partitions,
                        node.num_partitions == 1 ? "" : "s");
    if (!configuration.without_effect.empty()) {
        text += fmt::format("Without effect in this version: {}.\n",
                            join(configuration.without_effect));
    }
    return text;
}

std::string print_config(const Configuration& configuration) {
    std::string text;
    for (const auto& key : configuration.settings.asked()) {
        const bool given = configuration.settings.given(key);
        const auto place = configuration.settings.place_of(key);
        text += fmt::format("# {}\n{}={}\n",
                            given ? fmt::format("{}:{}", place.file, place.line) : "default", key,
                            configuration.settings.shown(key));
    }
    return text;
}
}  // namespace faultline::daemon
