// faultlined: a broker of the real world. Composition only.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "runtime/daemon/options.h"
#include "runtime/daemon/ready.h"
#include "runtime/daemon/serve.h"
#include "runtime/log/log.h"
#include "runtime/posix/node.h"

namespace {

using namespace faultline;
using namespace faultline::daemon;

constexpr int kFailed = 1;
constexpr int kBadConfiguration = 2;

std::string ready_line(const Configuration& configuration, const Ready& ready,
                       std::chrono::steady_clock::time_point start) {
    const auto in_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    return fmt::format("faultlined ready node={} listeners={} data={} in_ms={}",
                       configuration.node.node.v, fmt::join(ready.listeners, ","),
                       fmt::join(configuration.node.log_dirs, ","), in_ms.count());
}

// Out of memory or threads there is nothing to unwind to: the process ends as by a power cut, which
// loses nothing that was acknowledged, and says why.
[[noreturn]] void end_with_a_line() {
    const char* line = "";
    try {
        const auto why = std::current_exception();
        if (!why) std::abort();
        std::rethrow_exception(why);
    } catch (const std::bad_alloc&) {
        line =
            "faultlined: out of memory; give it more (ulimit -v, memory.max, vm.max_map_count), or "
            "lower max.connections and queued.max.request.bytes; the next start recovers\n";
    } catch (const std::system_error&) {
        line =
            "faultlined: a thread cannot be started; raise the limits of threads and memory "
            "(ulimit -u, ulimit -v)\n";
    } catch (...) {
        std::abort();
    }
    (void)!::write(STDERR_FILENO, line, std::strlen(line));
    ::_exit(kFailed);
}

int run(const Options& options, const Configuration& configuration, log::Log& log,
        std::chrono::steady_clock::time_point start) {
    const auto logger = log.logger();
    if (!configuration.without_effect.empty()) {
        logger->info("without effect in this version: {}",
                     fmt::join(configuration.without_effect, ", "));
    }
    const NodeId id = configuration.node.node;
    posix::NodeOptions node_options;
    node_options.node = id;
    node_options.shards = configuration.node.shards;
    node_options.make_log = [&](ShardId shard) { return log.logger(id, shard); };
    node_options.on_hangup = [&](Env& env) {
        if (const auto reopened = log.reopen(); !reopened.ok()) {
            env.log.error("the log file cannot be reopened: {}", to_string(reopened.error()));
        } else {
            env.log.info("log file reopened");
        }
    };
    std::string failure;
    posix::Node node(std::move(node_options));
    node.run([&](Env& env, fiber::StopToken stop) {
        failure = serve(env, stop, configuration, [&](const Ready& ready) {
            const std::string line = ready_line(configuration, ready, start);
            logger->info("{}", line);
            tell_ready(line, options.ready_fd);
        });
    });
    if (failure.empty()) return 0;
    fmt::print(stderr, "faultlined: {}\n", failure);
    return kFailed;
}
}  // namespace

int main(int argc, char** argv) {
    const auto start = std::chrono::steady_clock::now();
    std::set_terminate(end_with_a_line);
    int exit_code = 0;
    const auto options = parse_command_line(argc, argv, &exit_code);
    if (!options) return exit_code;
    std::vector<std::string> problems;
    const Configuration configuration = read_configuration(*options, problems);
    for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
    if (!problems.empty()) return kBadConfiguration;
    if (options->print_config) fmt::print("{}", print_config(configuration));
    if (options->check) fmt::print("{}", explain(configuration));
    if (options->check || options->print_config) return 0;
    auto log = log::Log::open({.file = options->log_file, .level = options->log_level});
    if (!log.ok()) {
        fmt::print(stderr, "faultlined: {}: cannot be opened for the log ({})\n", options->log_file,
                   to_string(log.error()));
        return kFailed;
    }
    return run(*options, configuration, **log, start);
}
