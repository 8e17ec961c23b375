// The suite's world made of one scheduler, virtual time and seeded disorder: each case under
// several seeds.
#include "sim/trace/recorder.h"
#include "sim/world/world.h"
#include "tests/env_contract/fixture.h"

namespace faultline::contract {
namespace {
constexpr std::uint64_t kSeeds = 8;

class SimWorld final : public World {
public:
    explicit SimWorld(std::uint64_t seed) : world_(seed, recorder_) {
        // Killed nodes unwind before their specs go away.
        dead_ = world_.add_node("dead", 1, [](Env&, fiber::StopToken) {});
    }

    void run(std::vector<NodeSpec> specs) override {
        begin(std::move(specs));
        world_.run_until(world_.now() + 600s);
        expect(running_ == 0, "every node ends within ten minutes", __FILE__, __LINE__);
    }
    void run_and_kill(NodeSpec spec, Duration after) override {
        begin({std::move(spec)});
        world_.at(world_.now() + after, [this] {
            world_.crash(ids_[0]);
            running_ = 0;
            world_.halt();
        });
        world_.run_until(world_.now() + after + 1s);
    }
    std::string host(unsigned node) const override { return "n" + std::to_string(node); }
    Endpoint silent(Env&) override {
        // Machines without power answer nothing.
        world_.network().machine_died(dead_);
        return {"dead", 9};
    }
    void fail_next_sync(Env& env) override {
        world_.disk(env.node).fail_syncs("*", 1, sim::kNoFault);
    }
    void fill_disk(Env& env, bool full) override {
        sim::SimDisk& disk = world_.disk(env.node);
        disk.set_capacity(full ? disk.used() : disk.options().capacity, sim::kNoFault);
    }
    void lose_power(unsigned node) override {
        world_.lose_power(ids_[node], {.writes = sim::Fate::dropped, .drop_dir_entries = true});
    }
    void hold(Env&, Duration) override {}  // mail takes time here

private:
    void begin(std::vector<NodeSpec> specs) {
        specs_ = std::move(specs);
        running_ = specs_.size();
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            if (i == ids_.size()) {
                ids_.push_back(world_.add_node("n" + std::to_string(i), specs_[i].shards,
                                               [this, i](Env& env, fiber::StopToken stop) {
                                                   specs_[i].main(env, stop);
                                                   if (--running_ == 0) world_.halt();
                                               }));
            }
            world_.start(ids_[i]);
        }
    }

    sim::Recorder recorder_;
    std::vector<NodeSpec> specs_;
    std::size_t running_ = 0;
    std::vector<NodeId> ids_;
    NodeId dead_;
    sim::World world_;
};
}  // namespace

void run_sim(void (*body)(World&)) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        judge(
            [&] {
                SimWorld w(seed);
                body(w);
            },
            "sim, seed " + std::to_string(seed));
    }
}
}  // namespace faultline::contract
