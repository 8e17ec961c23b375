#include "runtime/posix/node.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <vector>

#include "core/base/assert.h"
#include "runtime/posix/posix_disk.h"
#include "runtime/posix/shard_thread.h"
#include "runtime/posix/stall_watch.h"

namespace faultline::posix {
namespace {
std::vector<int> processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> ids;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(static_cast<unsigned>(i), &set)) ids.push_back(i);
        }
    }
    if (ids.empty()) ids.push_back(0);
    return ids;
}

// A broker holds a descriptor for each connection and segment; the soft limit is often 1024.
void use_all_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // best effort
}

std::uint64_t kernel_seed() {
    std::uint64_t seed = 0;
    while (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    }
    return seed;
}

std::vector<EpollDriver*> pointers(const std::vector<std::unique_ptr<EpollDriver>>& drivers) {
    std::vector<EpollDriver*> out;
    for (const auto& d : drivers) out.push_back(d.get());
    return out;
}

std::vector<std::unique_ptr<EpollDriver>> make_drivers(unsigned n) {
    std::vector<std::unique_ptr<EpollDriver>> drivers(n);
    for (auto& d : drivers) d = std::make_unique<EpollDriver>();
    return drivers;
}

NodeOptions completed(NodeOptions o) {
    if (o.shards == 0) o.shards = default_shards();
    if (o.pool_threads == 0) o.pool_threads = 12 + o.shards;
    if (o.seed == 0) o.seed = kernel_seed();
    if (o.sys == nullptr) o.sys = &real_syscalls();
    if (!o.make_log) o.make_log = [](ShardId) { return std::make_unique<NullLogger>(); };
    return o;
}
}  // namespace

// In the order of need: what is below uses what is above.
struct Node::Impl {
    explicit Impl(NodeOptions o)
        : options(completed(std::move(o))),
          pool(options.pool_threads),
          disk(options.data_root, pool, *options.sys),
          drivers(make_drivers(options.shards)),
          links(pointers(drivers)),
          acceptor(*options.sys),
          shared{options, pool, acceptor, disk, links} {
        const Rng root(options.seed);
        for (unsigned i = 0; i < options.shards; ++i) {
            const ShardId id{static_cast<std::uint16_t>(i)};
            threads.push_back(std::make_unique<ShardThread>(
                id, shared, *drivers[i], root.fork(i).next(), options.make_log(id)));
            shared.threads.push_back(threads.back().get());
        }
    }

    NodeOptions options;
    BlockingPool pool;
    PosixDisk disk;
    std::vector<std::unique_ptr<EpollDriver>> drivers;
    ShardLinks links;
    Acceptor acceptor;
    NodeShared shared;
    std::vector<std::unique_ptr<ShardThread>> threads;
};

// Each byte that a shard moves costs the kernel at least as much again: the network stack, the
// page cache's write-back, the syncs of the pool. A shard on every processor would take turns with
// them, and a request that finds its partition on another shard wakes it and is woken by it.
// docs/adr/0016.
unsigned default_shards() {
    return static_cast<unsigned>(std::max<std::size_t>(1, processors().size() / 2));
}

Node::Node(NodeOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Node::~Node() = default;

void Node::run(Main main) {
    // sendfile has no MSG_NOSIGNAL.
    ::signal(SIGPIPE, SIG_IGN);
    use_all_descriptors();
    const auto cpus = processors();
    const bool pin = impl_->options.pin_threads && impl_->options.shards == cpus.size();
    for (std::size_t i = 0; i < impl_->threads.size(); ++i) {
        impl_->threads[i]->start(pin ? cpus[i] : -1, i == 0 ? std::move(main) : Main{});
    }
    for (const auto& t : impl_->threads) t->join();
}

void Node::request_stop() noexcept { impl_->threads[0]->request_stop(); }

void Node::kill() noexcept { impl_->shared.end_all(); }

std::size_t most_connections() {
    constexpr std::size_t kMapsOfConnection = 6, kOthers = 4096;  // files, threads, libraries
    std::size_t maps = 0;
    if (!(std::ifstream("/proc/sys/vm/max_map_count") >> maps)) return INT32_MAX;
    return std::max<std::size_t>(maps, kOthers + kMapsOfConnection) / kMapsOfConnection -
           kOthers / kMapsOfConnection;
}

int run_client(std::function<int(Env&, fiber::StopToken)> main,
               std::function<std::unique_ptr<Logger>(ShardId)> make_log,
               std::function<probe::Sink*(ShardId)> probes) {
    int result = 1;
    Node node({.shards = 1,
               .pool_threads = 3,
               .pin_threads = false,
               .make_log = std::move(make_log),
               .probes = std::move(probes)});
    node.run([&](Env& env, fiber::StopToken stop) { result = main(env, stop); });
    return result;
}
}  // namespace faultline::posix
