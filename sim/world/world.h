// The simulated world: nodes with their disks and clocks, the network between them, one scheduler
// for all of them, and everything that can go wrong. One seed gives one execution.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "sim/trace/recorder.h"
#include "sim/world/faults.h"
#include "sim/world/sim_disk.h"
#include "sim/world/sim_driver.h"
#include "sim/world/sim_network.h"

namespace faultline::sim {

struct WorldOptions {
    NetworkOptions network;
    DiskOptions disk;
    Schedule schedule;
};

class World {
public:
    // Runs in a fiber of shard 0, from the node's start until it returns or the node dies. `stop`
    // is requested by stop(). Called again for each incarnation.
    using Main = std::function<void(Env&, fiber::StopToken)>;

    World(std::uint64_t seed, Recorder& recorder, WorldOptions options = {});
    ~World();  // kills every node
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // `name` is also the host name. Nodes are numbered from 1 in order of adding.
    NodeId add_node(std::string name, unsigned shards, Main main);
    const std::string& name(NodeId node) const;
    // Its rack and data centre; see SimNetwork::place.
    void place(NodeId node, std::string rack, std::string dc) {
        network_.place(node, std::move(rack), std::move(dc));
    }

    // --- life cycle; from outside fibers (scripts) only -----------------------------------------
    void start(NodeId node);                              // no-op when it runs
    void stop(NodeId node);                               // asks it to stop
    void crash(NodeId node);                              // kill -9: the page cache survives
    void lose_power(NodeId node, const PowerLoss& loss);  // unsynced data is at risk
    // Stops its fibers until resume(). Time goes on, and what was due in between is late (SIGSTOP);
    // or its clocks stand as well, so that its timers have as long to go as before (a virtual
    // machine that is stopped). No-op when it is paused, or does not run.
    void pause(NodeId node, bool clock_stands = false);
    void resume(NodeId node);
    bool running(NodeId node) const;

    // --- clocks; what is set here belongs to the machine and outlives its incarnations ----------
    // Moves the wall clock.
    void jump_clock(NodeId node, Duration by);
    // Its time runs fast by so many millionths, or slow: the monotonic clock, what is derived from
    // it (the wall clock, what a time-out means), and nothing else. Time that was gained or lost
    // stays so when the drift ends.
    void set_drift(NodeId node, std::int64_t ppm);
    // The wall clock stands still; thawed it shows what it would have shown.
    void freeze_clock(NodeId node, bool frozen);
    // What its wall clock shows.
    WallTime wall(NodeId node) const;
    // A new, empty disk. The node must not run.
    void wipe_disk(NodeId node);

    // --- the rest of the world -------------------------------------------------------------------
    SimDisk& disk(NodeId node);
    SimNetwork& network() noexcept { return network_; }
    FaultLog& faults() noexcept { return faults_; }
    SimDriver& driver() noexcept { return driver_; }
    fiber::Scheduler& scheduler() noexcept { return scheduler_; }
    Recorder& recorder() noexcept { return recorder_; }
    MonoTime now() const noexcept { return scheduler_.now(); }
    // Incarnations that the world still holds: the living, and the dead that mail is under way to.
    std::size_t incarnations() const;
    // Labelled streams of the seed, for workloads.
    Rng rng(std::string_view label) const { return seed_.fork(label); }

    // Runs `action` between fibers at `when`.
    void at(MonoTime when, std::move_only_function<void()> action) {
        driver_.at(when, std::move(action));
    }
    // Until virtual time reaches `end`, or halt(), or nothing can happen any more.
    void run_until(MonoTime end);
    // From anywhere: the current run_until returns after the running fiber parks.
    void halt() noexcept { scheduler_.stop(); }

    // 2026-01-01T00:00:00Z: the wall time when the world begins.
    static constexpr std::int64_t kEpochMs = 1'767'225'600'000;

private:
    struct Shard;
    struct Life;
    struct Node;
    Node& node(NodeId id);
    const Node& node(NodeId id) const;
    void end_life(Node& node);
    void change_time(Node& node, std::int64_t ppm, bool stands);
    template <class Fn>
    void each_shard(Node& node, Fn fn);
    void build_shard(Node& node, Life& life, unsigned index);

    std::uint64_t runs_ = 0;  // of run_until
    Rng seed_;
    WorldOptions options_;
    Recorder& recorder_;
    SimDriver driver_;
    fiber::Scheduler scheduler_;
    FaultLog faults_;
    SimNetwork network_;
    std::vector<std::unique_ptr<Node>> nodes_;
};
}  // namespace faultline::sim
