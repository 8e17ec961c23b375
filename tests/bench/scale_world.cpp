#include "tests/bench/scale_world.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <set>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "sim/run/broker_node.h"
#include "sim/workload/workload.h"
#include "sim/world/world.h"

namespace faultline::bench {
namespace {
using namespace sim;

double cpu_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    in >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

double peak_mib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// Whose fibers the processor runs, looked at each millisecond of its time.
class Samples {
public:
    explicit Samples(fiber::Scheduler& scheduler) {
        s_scheduler = &scheduler;
        for (auto& n : s_counts) n.store(0);
        struct sigaction action {};
        action.sa_handler = [](int) {
            const fiber::Domain* domain = s_scheduler->current_domain();
            const char first = domain == nullptr || domain->name().empty() ? 0 : domain->name()[0];
            s_counts[first == 'c'   ? 0
                     : first == 'n' ? 1
                                    : 2]
                .fetch_add(1, std::memory_order_relaxed);
        };
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGPROF, &action, nullptr);
        set(1000);
    }
    ~Samples() { set(0); }
    Samples(const Samples&) = delete;
    Samples& operator=(const Samples&) = delete;
    static std::uint64_t count(std::size_t kind) { return s_counts[kind].load(); }

private:
    static void set(long us) {
        const itimerval every{{0, us}, {0, us}};
        ::setitimer(ITIMER_PROF, &every, nullptr);
    }
    static inline fiber::Scheduler* s_scheduler = nullptr;
    static inline std::atomic<std::uint64_t> s_counts[3] = {};
};

class Roll final : public sim::Listener {
public:
    explicit Roll(const RollOptions& options)
        : options_(options), world_(options.seed, recorder_, {}) {
        recorder_.add_listener(*this);
        cluster_.brokers = options.brokers;
        cluster_.controllers = 3;
        cluster_.shards = 1;
        for (int i = 0; i < options.topics; ++i) {
            TopicSpec topic;
            topic.name = fmt::format("topic-{}", i);
            topic.partitions = options.partitions / options.topics;
            topic.replicas = 3;
            cluster_.topics.push_back(topic);
        }
        for (int i = 1; i <= options.brokers; ++i) add(fmt::format("n{}", i));
        for (int i = 1; i <= 3; ++i) add(fmt::format("c{}", i));
        context_.bootstrap = {{"n1", kBrokerPort}, {"n2", kBrokerPort}};
        context_.topics = cluster_.topics;
        admin_ = world_.add_node("admin", 1, [this](Env& env, fiber::StopToken stop) {
            create_topics(env, stop, context_);
        });
    }

    RollResult run() {
        RollResult r;
        const double begin = cpu_s();
        for (const NodeId node : nodes_) world_.start(node);
        until(
            60s, [&] { return std::ssize(unfenced_) == options_.brokers; }, "the brokers join");
        const double before_mib = resident_mib();
        world_.start(admin_);
        until(
            600s, [&] { return std::ssize(led_) >= options_.partitions; }, "leaders begin");
        world_.run_until(world_.now() + 2s);
        r.start_cpu_s = cpu_s() - begin;
        r.replica_kib = (resident_mib() - before_mib) * 1024 / (3.0 * options_.partitions);
        roll(r);
        r.sim_s = seconds(world_.now() - MonoTime{});
        r.cpu_s = cpu_s() - begin;
        r.events = recorder_.events();
        r.peak_mib = peak_mib();
        return r;
    }

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (const auto* e = std::get_if<probe::BrokerRegistered>(&event)) {
            if (e->fenced) {
                unfenced_.erase(node);
            } else {
                unfenced_.insert(node);
            }
        } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
            if (recorder_.partition_name(l->partition) == "__cluster_metadata-0") return;
            led_.insert(l->partition);
            ++elections_;
            if (storm_elections_++ == 0) {
                storm_begin_ = at;
                storm_cpu_begin_ = cpu_s();
            }
            storm_end_ = at;
            storm_cpu_end_ = cpu_s();
        } else if (const auto* m = std::get_if<probe::MetadataApplied>(&event)) {
            metadata_end_ = std::max(metadata_end_, m->end);
        }
    }

private:
    static double seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }

    void add(const std::string& host) {
        nodes_.push_back(world_.add_node(host, 1, [this, host](Env& env, fiber::StopToken stop) {
            run_broker(env, stop, cluster_, host);
        }));
    }

    bool wait(Duration limit, const std::function<bool()>& done) {
        const MonoTime end = world_.now() + limit;
        while (!done() && world_.now() < end) world_.run_until(world_.now() + 20ms);
        return done();
    }
    void until(Duration limit, const std::function<bool()>& done, const char* what) {
        if (wait(limit, done)) return;
        fmt::print(stderr, "scale: waited in vain until {}: {} unfenced, {} led\n", what,
                   unfenced_.size(), led_.size());
        std::exit(2);
    }

    void roll(RollResult& r) {
        const Samples samples(world_.scheduler());
        const double cpu = cpu_s();
        const MonoTime begin = world_.now();
        const std::uint64_t events = recorder_.events(), elections = elections_;
        const Offset metadata = metadata_end_;
        for (int i = 0; i < options_.restarts; ++i) {
            const NodeId node = nodes_[static_cast<std::size_t>(i)];
            storm_elections_ = 0;
            world_.stop(node);
            wait(60s, [&] { return !world_.running(node); });
            unfenced_.erase(node);
            world_.start(node);
            if (!wait(60s, [&] { return unfenced_.contains(node); })) ++r.unfinished;
            if (storm_elections_ == 0) continue;
            r.storm_sim_s = std::max(r.storm_sim_s, seconds(storm_end_ - storm_begin_));
            r.storm_cpu_s = std::max(r.storm_cpu_s, storm_cpu_end_ - storm_cpu_begin_);
        }
        r.roll_cpu_s = cpu_s() - cpu;
        r.roll_sim_s = seconds(world_.now() - begin);
        r.roll_events = recorder_.events() - events;
        r.elections = elections_ - elections;
        r.metadata_records = metadata_end_.v - metadata.v;
        r.controller_samples = Samples::count(0);
        r.broker_samples = Samples::count(1);
        r.world_samples = Samples::count(2);
    }

    RollOptions options_;
    Recorder recorder_;
    ClusterSpec cluster_;
    WorkloadContext context_;
    World world_;
    std::vector<NodeId> nodes_;
    NodeId admin_;
    std::set<NodeId> unfenced_;
    std::set<probe::PartitionKey> led_;
    std::uint64_t elections_ = 0, storm_elections_ = 0;
    MonoTime storm_begin_{}, storm_end_{};
    double storm_cpu_begin_ = 0, storm_cpu_end_ = 0;
    Offset metadata_end_{0};
};
}  // namespace

RollResult rolling_restart(const RollOptions& options) { return Roll(options).run(); }
}  // namespace faultline::bench
