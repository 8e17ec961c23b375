#include "sim/world/world.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "sim/world/sim_shards.h"

namespace faultline::sim {
namespace {

// What nodes log is for a person who debugs a seed: FAULTLINE_LOG=1 prints it with virtual times.
class NodeLogger final : public Logger {
public:
    NodeLogger(const fiber::Scheduler& scheduler, std::string node)
        : scheduler_(scheduler), node_(std::move(node)) {
        static const bool wanted = std::getenv("FAULTLINE_LOG") != nullptr;
        set_threshold(wanted ? LogLevel::debug : LogLevel::error);
        silent_ = !wanted;
    }
    void write(LogLevel, std::string_view line) override {
        if (silent_) return;
        const std::int64_t us = scheduler_.now().ns / 1000;
        const std::string text =
            fmt::format("{:>4}.{:06} [{}] {}\n", us / 1'000'000, us % 1'000'000, node_, line);
        std::fwrite(text.data(), 1, text.size(), stderr);
    }

private:
    const fiber::Scheduler& scheduler_;
    std::string node_;
    bool silent_ = false;
};
}  // namespace

struct World::Shard {
    Shard(Life& life, unsigned index, fiber::Scheduler& scheduler, Rng stream, std::string name,
          const fiber::TimeBase& time);
    std::string name;
    fiber::Domain domain;
    Clock clock;
    ClockControl control;
    Rng rng;
    NodeLogger log;
    SimShards shards;
    std::unique_ptr<Network> net;
    std::unique_ptr<Disk> disk;
    std::unique_ptr<Env> env;
};

// One incarnation. Files and connections that outlive it hold its Incarnation alone; mail under way
// refers to all of it, so it is kept until that has arrived.
struct World::Life {
    std::shared_ptr<Incarnation> incarnation;
    fiber::StopSource stop;
    std::unique_ptr<ShardMail> mail;
    std::vector<std::unique_ptr<Shard>> shards;
    bool paused = false;
};

struct World::Node {
    NodeId id;
    std::string name;
    unsigned shards;
    Main main;
    std::unique_ptr<SimDisk> disk;
    std::int32_t starts = 0;
    fiber::TimeBase time;                     // before what refers to it
    std::unique_ptr<Life> current;            // null: it does not run
    std::vector<std::unique_ptr<Life>> dead;  // that are not let go of yet
    Duration wall_offset{std::chrono::milliseconds(kEpochMs)};
    std::optional<WallTime> frozen;
    MonoTime stands_since{};
    Life* life() const { return current.get(); }
    void bury() {
        std::erase_if(dead, [](const auto& life) { return life->mail->idle(); });
    }
};

World::Shard::Shard(Life& life, unsigned index, fiber::Scheduler& scheduler, Rng stream,
                    std::string label, const fiber::TimeBase& time)
    : name(std::move(label)),
      domain(name, &time),
      clock(scheduler),
      control(clock),
      rng(stream),
      log(scheduler, name),
      shards(*life.mail, ShardId{static_cast<std::uint16_t>(index)}) {}

World::World(std::uint64_t seed, Recorder& recorder, WorldOptions options)
    : seed_(seed),
      options_(options),
      recorder_(recorder),
      driver_(seed_.fork("schedule").next(), options.schedule),
      scheduler_(driver_),
      faults_(recorder, driver_),
      network_(options.network, seed_.fork("network").next(), driver_, scheduler_, recorder,
               faults_) {
    driver_.attach(scheduler_);
    recorder_.follow(scheduler_.context_word());
}

World::~World() {
    for (const auto& n : nodes_) {
        if (n->life() != nullptr) end_life(*n);
    }
    recorder_.follow(nullptr);
}

World::Node& World::node(NodeId id) {
    FL_ASSERT(id.v >= 1 && std::cmp_less_equal(id.v, nodes_.size()));
    return *nodes_[static_cast<std::size_t>(id.v) - 1];
}
const World::Node& World::node(NodeId id) const { return const_cast<World*>(this)->node(id); }

NodeId World::add_node(std::string name, unsigned shards, Main main) {
    auto fresh = std::make_unique<Node>();
    fresh->id = NodeId{static_cast<std::int32_t>(nodes_.size()) + 1};
    fresh->name = std::move(name);
    fresh->shards = shards;
    fresh->main = std::move(main);
    const std::uint64_t disk_seed =
        seed_.fork("disk").fork(static_cast<std::uint64_t>(fresh->id.v)).next();
    fresh->disk = std::make_unique<SimDisk>(fresh->id, options_.disk, disk_seed, scheduler_,
                                            recorder_, faults_);
    network_.add_host(fresh->id, fresh->name);
    nodes_.push_back(std::move(fresh));
    return nodes_.back()->id;
}

const std::string& World::name(NodeId id) const { return node(id).name; }
SimDisk& World::disk(NodeId id) { return *node(id).disk; }
bool World::running(NodeId id) const { return node(id).life() != nullptr; }

void World::build_shard(Node& n, Life& life, unsigned index) {
    const auto stream = static_cast<std::uint64_t>(n.id.v) << 40 |
                        static_cast<std::uint64_t>(life.incarnation->number) << 16 | index;
    auto shard = std::make_unique<Shard>(life, index, scheduler_, seed_.fork("node").fork(stream),
                                         fmt::format("{} s{}", n.name, index), n.time);
    shard->control.set_time_base(&n.time);
    shard->control.set_wall_offset(n.wall_offset);
    if (n.frozen) shard->control.freeze_wall(*n.frozen);
    shard->net = network_.attach(life.incarnation, n.name);
    shard->disk = n.disk->mount(life.incarnation);
    shard->env.reset(new Env{n.id, ShardId{static_cast<std::uint16_t>(index)}, shard->clock,
                             shard->rng, scheduler_, *shard->net, *shard->disk, shard->shards,
                             probe::Probe(&recorder_, n.id, scheduler_.now_pointer()), shard->log});
    life.mail->set_target(index, *shard->env, shard->domain);
    life.shards.push_back(std::move(shard));
}

void World::start(NodeId id) {
    Node& n = node(id);
    if (n.life() != nullptr) return;
    n.bury();
    auto life = std::make_unique<Life>();
    life->incarnation =
        std::make_shared<Incarnation>(Incarnation{.node = id, .number = n.starts++, .alive = true});
    const std::uint64_t key = seed_.fork("mail").fork(static_cast<std::uint64_t>(id.v)).next() +
                              static_cast<std::uint64_t>(n.starts);
    life->mail = std::make_unique<ShardMail>(n.shards, key, driver_, scheduler_, life->incarnation);
    for (unsigned i = 0; i < n.shards; ++i) build_shard(n, *life, i);
    network_.machine_up(id);
    recorder_.record(now(), NodeStarted{id, life->incarnation->number});
    Life& l = *life;
    n.current = std::move(life);
    scheduler_.spawn({.name = "main", .stack_kib = 256, .domain = &l.shards[0]->domain},
                     [this, &n, &l] {
                         n.main(*l.shards[0]->env, l.stop.token());
                         // Its fibers are joined; whatever mail is still under way dies with it.
                         // Not from in here: this fiber is one of those that end.
                         driver_.at(now(), [this, &n, number = l.incarnation->number] {
                             if (n.life() == nullptr) return;
                             if (n.life()->incarnation->number != number) return;
                             end_life(n);
                             recorder_.record(now(), NodeStopped{n.id, true});
                         });
                     });
}

void World::end_life(Node& n) {
    Life& life = *n.life();
    life.incarnation->alive = false;  // first: what unwinds now has no effects
    for (auto it = life.shards.rbegin(); it != life.shards.rend(); ++it)
        scheduler_.kill((*it)->domain);
    network_.process_died(n.id);
    n.disk->release_locks();
    if (n.time.stands()) {
        const Duration stood = now() - n.stands_since;
        recorder_.record(now(), ClockJumped{n.id, -(stood.count() / 1'000'000)});
        n.time.change(now(), n.time.ppm(), false);
    }
    n.dead.push_back(std::move(n.current));
}

std::size_t World::incarnations() const {
    std::size_t sum = 0;
    for (const auto& n : nodes_) sum += n->dead.size() + (n->life() != nullptr ? 1 : 0);
    return sum;
}

template <class Fn>
void World::each_shard(Node& n, Fn fn) {
    if (Life* life = n.life()) {
        for (const auto& shard : life->shards) fn(*shard);
    }
}

void World::stop(NodeId id) {
    if (Life* life = node(id).life()) life->stop.request_stop();
}

void World::crash(NodeId id) {
    Node& n = node(id);
    if (n.life() == nullptr) return;
    recorder_.record(now(), NodeCrashed{id, false});
    end_life(n);
}

void World::lose_power(NodeId id, const PowerLoss& loss) {
    Node& n = node(id);
    recorder_.record(now(), NodeCrashed{id, true});
    network_.machine_died(id);
    if (n.life() != nullptr) end_life(n);
    n.disk->lose_power(loss);
}

void World::pause(NodeId id, bool clock_stands) {
    Node& n = node(id);
    if (n.life() == nullptr || n.life()->paused) return;
    n.life()->paused = true;
    recorder_.record(now(), NodePaused{id, true});
    each_shard(n, [&](Shard& shard) { scheduler_.pause(shard.domain); });
    if (clock_stands) {
        n.stands_since = now();
        change_time(n, n.time.ppm(), true);
    }
}

void World::resume(NodeId id) {
    Node& n = node(id);
    if (n.life() == nullptr || !n.life()->paused) return;
    n.life()->paused = false;
    recorder_.record(now(), NodePaused{id, false});
    if (n.time.stands()) {
        // Whoever looks at the wall clock sees that it fell behind.
        const Duration stood = now() - n.stands_since;
        recorder_.record(now(), ClockJumped{id, -(stood.count() / 1'000'000)});
        change_time(n, n.time.ppm(), false);
    }
    each_shard(n, [&](Shard& shard) { scheduler_.resume(shard.domain); });
}

void World::change_time(Node& n, std::int64_t ppm, bool stands) {
    n.time.change(now(), ppm, stands);
    each_shard(n, [&](Shard& shard) { scheduler_.retime(shard.domain); });
}

void World::jump_clock(NodeId id, Duration by) {
    Node& n = node(id);
    n.wall_offset += by;
    recorder_.record(now(), ClockJumped{id, by.count() / 1'000'000});
    each_shard(n, [&](Shard& shard) { shard.control.set_wall_offset(n.wall_offset); });
}

void World::set_drift(NodeId id, std::int64_t ppm) {
    change_time(node(id), ppm, node(id).time.stands());
}

void World::freeze_clock(NodeId id, bool frozen) {
    Node& n = node(id);
    if (frozen == n.frozen.has_value()) return;
    n.frozen.reset();
    if (frozen) n.frozen = wall(id);
    each_shard(n, [&](Shard& shard) {
        if (frozen) {
            shard.control.freeze_wall(*n.frozen);
        } else {
            shard.control.thaw_wall();
        }
    });
}

WallTime World::wall(NodeId id) const {
    const Node& n = node(id);
    if (n.frozen) return *n.frozen;
    return WallTime{(n.time.local(now()).ns + n.wall_offset.count()) / 1'000'000};
}

void World::wipe_disk(NodeId id) {
    FL_ASSERT(!running(id));
    disk(id).wipe();
}

void World::run_until(MonoTime end) {
    // After a halt() the end of that run is still in the queue and must not end a later one.
    driver_.at(end, [this, run = ++runs_] {
        if (run == runs_) scheduler_.stop();
    });
    scheduler_.run();
}
}  // namespace faultline::sim
