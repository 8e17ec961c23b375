// The commands of `faultline` for a running cluster, Faultline's or Kafka's.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/client/admin.h"

namespace CLI {
class App;
}

namespace faultline::tools {

// Exit codes (docs: command-line.md).
inline constexpr int kOk = 0, kFailed = 1, kBadInput = 2;

// A command's own options are bound to what lives in its `run`; main calls the run of the command
// that was given.
struct Command {
    CLI::App* app = nullptr;
    std::function<int()> run;
};
void add_topic(CLI::App& app, std::vector<Command>& commands);
void add_produce(CLI::App& app, std::vector<Command>& commands);
void add_consume(CLI::App& app, std::vector<Command>& commands);
void add_config(CLI::App& app, std::vector<Command>& commands);
void add_cluster(CLI::App& app, std::vector<Command>& commands);
void add_log(CLI::App& app, std::vector<Command>& commands);
void add_storage(CLI::App& app, std::vector<Command>& commands);
// `app` must live as long as the commands; what it holds when the command runs is completed.
void add_completion(CLI::App& app, std::vector<Command>& commands);

// --bootstrap and --timeout, which every command for a cluster has.
struct Target {
    std::string bootstrap = "127.0.0.1:9092";
    std::string timeout = "30s";
};
void add_target(CLI::App& app, Target& target);
// Prints what is wrong to stderr and gives nothing.
std::optional<client::ClientConfig> client_config(const Target& target);
// Requires that client_config() accepted the target.
Duration timeout_of(const Target& target);

// Runs `body` as a client with an Admin, until the target's deadline, and returns its exit code.
int with_admin(const Target& target,
               const std::function<int(client::Admin&, Deadline, fiber::StopToken)>& body);

// One line on stderr: "faultline: WHAT: why; what to do next". Returns kFailed.
int complain(const std::string& what, const Error& error, const Target& target);
// The same for a broker's answer.
int complain(const std::string& what, wire::KafkaError error, const std::string& message);
// kOk when the broker had nothing against it, else complain().
int settle(const std::string& what, const Result<client::AdminAnswer>& answer,
           const Target& target);
// "KEY=VALUE" with a key; else a line on stderr that names `flag`, and nothing.
std::optional<client::ConfigChange> parse_pair(const std::string& flag, const std::string& text);
// One line on stderr, as it stands. Returns kBadInput.
int bad_input(const std::string& line);

// "1,234,567"
std::string grouped(std::uint64_t number);
}  // namespace faultline::tools
