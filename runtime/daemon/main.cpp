// faultlined: a broker of the real world. Composition only.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <malloc.h>
#include <new>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "runtime/daemon/options.h"
#include "runtime/daemon/ready.h"
#include "runtime/daemon/serve.h"
#include "runtime/events/event_rings.h"
#include "runtime/log/log.h"
#include "runtime/posix/node.h"

namespace {

using namespace faultline;
using namespace faultline::daemon;

constexpr int kFailed = 1;
constexpr int kBadConfiguration = 2;

// Received frames are large blocks that live for a moment. malloc would give each back to the
// kernel, and a page that comes back costs more than the copy of 4 KiB out of the socket.
void keep_freed_memory() {
    constexpr int kLargestBlock = 4 << 20, kSpare = 16 << 20;  // bytes; spare: for each arena
    // Each arena takes 64 MiB of addresses, and the threads of the pool hardly allocate.
    constexpr int kArenas = 4;
    (void)::mallopt(M_MMAP_THRESHOLD, kLargestBlock);  // best effort: tuning only
    (void)::mallopt(M_TRIM_THRESHOLD, kSpare);
    (void)::mallopt(M_ARENA_MAX, kArenas);
}

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

// Null when none are wanted or the file cannot be had: a broker runs without. Where the directory
// is at fault, the start that follows says so.
std::unique_ptr<events::EventRings> open_rings(const Configuration& configuration, unsigned shards,
                                               Logger& log) {
    const config::NodeSettings& node = configuration.node;
    if (node.events_kept == 0) return nullptr;
    auto opened = events::EventRings::open({.path = node.log_dirs.front() + "/events.ring",
                                            .node = node.node,
                                            .name = fmt::format("n{}", node.node.v),
                                            .role = node.is_broker ? "broker" : "controller",
                                            .shards = shards,
                                            .events = node.events_kept});
    if (opened.ok()) return *std::move(opened);
    log.debug("no events are kept: {}", to_string(opened.error()));
    return nullptr;
}

int run(const Options& options, const Configuration& configuration, log::Log& log,
        std::chrono::steady_clock::time_point start) {
    const auto logger = log.logger();
    if (!configuration.without_effect.empty()) {
        logger->info("without effect in this version: {}",
                     fmt::join(configuration.without_effect, ", "));
    }
    const NodeId id = configuration.node.node;
    const unsigned shards =
        configuration.node.shards != 0 ? configuration.node.shards : posix::default_shards();
    const auto rings = open_rings(configuration, shards, *logger);
    posix::NodeOptions node_options;
    node_options.node = id;
    node_options.shards = shards;
    if (rings != nullptr) node_options.probes = [&](ShardId shard) { return rings->sink(shard); };
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
    keep_freed_memory();
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
