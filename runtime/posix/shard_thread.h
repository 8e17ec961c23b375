// One shard: its thread, scheduler, driver, clock and Env.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "core/env/env.h"
#include "runtime/posix/epoll_driver.h"
#include "runtime/posix/node.h"
#include "runtime/posix/posix_shards.h"
#include "runtime/posix/socket_network.h"

namespace faultline::posix {

// What the shards of a node share.
struct NodeShared {
    NodeOptions& options;
    BlockingPool& pool;
    Acceptor& acceptor;
    Disk& disk;
    ShardLinks& links;
    std::vector<class ShardThread*> threads{};
    void end_all() noexcept;
};

class ShardThread final : private Inbox {
public:
    ShardThread(ShardId self, NodeShared& shared, EpollDriver& driver, std::uint64_t seed,
                std::unique_ptr<Logger> log);
    ~ShardThread();

    // Starts the thread. `first` runs in a fiber; empty for shards that only take posts.
    void start(int processor, Node::Main first);
    void join();

    // From any thread.
    void request_stop() noexcept { command(stop_requested_); }
    void hang_up() noexcept { command(hang_up_requested_); }  // SIGHUP
    void die() noexcept { command(die_requested_); }

private:
    class SignalSource;
    void command(std::atomic<bool>& flag) noexcept {
        flag = true;
        driver_.ring();
    }
    void drain() noexcept override;
    void thread_main(Node::Main first);
    void run_first(Node::Main first);
    void wait_for_posted();
    void tick(MonoTime now) noexcept;

    NodeShared& shared_;
    EpollDriver& driver_;
    std::unique_ptr<Logger> log_;
    fiber::Scheduler scheduler_;
    fiber::Domain domain_{"node"};
    Clock clock_;
    ClockControl clock_control_;
    Rng rng_;
    SocketNetwork network_;
    PosixShards shards_;
    Env env_;
    fiber::Group posted_;
    fiber::StopSource stop_;
    std::unique_ptr<StallWatch> watch_;
    std::atomic<bool> stop_requested_{false}, hang_up_requested_{false}, die_requested_{false};
    std::thread thread_;
};
}  // namespace faultline::posix
