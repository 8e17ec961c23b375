// A node of the real world: one thread per shard, each with a scheduler, a driver and an Env.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/env/env.h"
#include "runtime/posix/syscalls.h"

namespace faultline::posix {

struct NodeOptions {
    NodeId node{0};
    unsigned shards = 0;          // 0: one for two processors that this process may use
    std::string data_root = ".";  // relative paths of Disk are below it; must exist
    unsigned pool_threads = 0;    // for calls that block; 0: 12 and one per shard
    bool pin_threads = true;      // to processors, when there is a shard for each of them
    // SIGTERM and SIGINT stop the node, SIGHUP calls on_hangup. One node per process may have them.
    bool handle_signals = true;
    std::function<void(Env&)> on_hangup;  // in a fiber of shard 0; may park
    // How long posted closures may still run after main has returned; then they are killed.
    Duration grace = std::chrono::seconds(5);
    Duration stall_report = std::chrono::milliseconds(5);  // 0: none
    std::uint64_t seed = 0;                                // of Env::rng; 0: from the kernel
    // Called once per shard, before its thread starts. Empty: nothing is logged.
    std::function<std::unique_ptr<Logger>(ShardId)> make_log;
    // Who hears what a shard does, on that shard's thread; must outlive the node. Empty: nobody.
    std::function<probe::Sink*(ShardId)> probes;
    SysCalls* sys = nullptr;  // null: the kernel's
};

// How many shards a node has when it is told none: one for two of the processors that this process
// may use.
unsigned default_shards();

// Sets SIGPIPE to ignored and the soft limit of descriptors to the hard one, for the whole process.
class Node {
public:
    using Main = std::move_only_function<void(Env&, fiber::StopToken)>;
    explicit Node(NodeOptions options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Runs `main` in a fiber of shard 0; the other shards run what is posted to them. Blocks the
    // calling thread until main and every fiber have ended. Once per Node.
    void run(Main main);
    // main's token stops, as after SIGTERM. From any thread; before run() it takes effect at once.
    void request_stop() noexcept;
    // Unwinds every fiber of every shard where it is parked, as a power loss in the simulator does.
    // From any thread.
    void kill() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// How many connections the kernel lets this process have: each has up to three stacks, and a stack
// with its guard page takes two of vm.max_map_count's maps. INT32_MAX when that is not known.
std::size_t most_connections();

// For programs that are only a client: one shard, files relative to the working directory, Ctrl-C
// stops. Returns what `main` returned.
int run_client(std::function<int(Env&, fiber::StopToken)> main,
               std::function<std::unique_ptr<Logger>(ShardId)> make_log = {},
               std::function<probe::Sink*(ShardId)> probes = {});
}  // namespace faultline::posix
