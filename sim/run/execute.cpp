#include "sim/run/execute.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/broker/config.h"
#include "sim/oracle/oracle.h"
#include "sim/run/broker_node.h"
#include "sim/run/injector.h"
#include "sim/run/progress.h"
#include "sim/run/rare_paths.h"
#include "sim/run/surroundings.h"
#include "sim/trace/story.h"
#include "sim/trace/trace_head.h"
#include "sim/workload/workload.h"
#include "sim/world/world.h"

namespace faultline::sim {
namespace {

// How long the auditor may take to read everything.
constexpr Duration kAudit = 120s, kStep = 100ms;
// After the faults a cluster has come to rest by then.
constexpr Duration kSettled = 13s;

std::int64_t number_or(const std::map<std::string, std::string>& config, const std::string& key,
                       std::int64_t otherwise) {
    const auto it = config.find(key);
    return it == config.end() ? otherwise : std::strtoll(it->second.c_str(), nullptr, 10);
}

// What the oracles of clusters have to know beside the logs.
void add_cluster(Cast& cast, const Scenario& s) {
    if (s.cluster.brokers == 1) return;
    const auto& config = s.cluster.config;
    for (const TopicSpec& t : s.cluster.topics) {
        // The cleaner gives each replica batches of its own.
        const auto policy = t.config.find("cleanup.policy");
        if (policy != t.config.end() && policy->second.contains("compact")) continue;
        TopicContract c;
        c.replicas =
            t.replicas > 0 ? t.replicas : number_or(config, "default.replication.factor", 1);
        c.min_isr =
            number_or(t.config, "min.insync.replicas", number_or(config, "min.insync.replicas", 1));
        const auto own = t.config.find("unclean.leader.election.enable");
        c.unclean = own != t.config.end() && own->second == "true";
        cast.cluster_topics[t.name] = c;
    }
    cast.balance_every = std::chrono::seconds(
        number_or(s.cluster.config, "leader.imbalance.check.interval.seconds", 300));
    cast.quorum_fetch_timeout = std::chrono::milliseconds(number_or(
        config, "controller.quorum.fetch.timeout.ms", broker::BrokerConfig{}.quorum_fetch_ms));
    const bool all_run = s.liveness.core == std::vector<std::string>{"all"};
    if (all_run && s.network.profile == NetworkProfile::lan) cast.healed = MonoTime{} + s.length;
}

Cast make_cast(const Scenario& s) {
    Cast cast;
    cast.brokers = s.cluster.brokers;
    cast.controllers = s.cluster.controllers;
    cast.survival = s.expect.survival;
    cast.producers = s.producers;
    cast.consumers = s.consumers;
    const auto flush = s.cluster.config.find("log.flush.before.ack");
    cast.flush_before_ack = flush == s.cluster.config.end() || flush->second != "false";
    for (const NodeSpec& n : s.cluster.nodes)
        cast.max_drift_ppm = std::max(cast.max_drift_ppm, std::abs(n.clock_drift_ppm));
    for (const TopicSpec& t : s.cluster.topics) cast.topics.insert(t.name);
    for (const FaultSpec& f : s.faults) cast.faults.push_back(f.kind);
    for (const FaultSpec& f : s.faults)
        cast.max_drift_ppm = std::max(cast.max_drift_ppm, std::abs(f.ppm));
    for (const FaultSpec& f : s.faults) cast.clocks_stand = cast.clocks_stand || f.clock_stands;
    const std::int64_t retention = number_or(s.cluster.config, "log.retention.ms", 604'800'000);
    for (const TopicSpec& t : s.cluster.topics) {
        // Retention by size deletes what is young: then age says nothing.
        const bool by_size = t.config.contains("retention.bytes") ||
                             s.cluster.config.contains("log.retention.bytes");
        // What an operator deletes is not retention's doing (INV-149).
        const bool by_hand = std::ranges::any_of(s.faults, [&](const FaultSpec& f) {
            return f.kind == FaultKind::delete_records && f.partition.starts_with(t.name + "/");
        });
        if (!by_size && !by_hand)
            cast.retention_ms[t.name] = number_or(t.config, "retention.ms", retention);
        const auto own = t.config.find("flush.before.ack");
        if (own != t.config.end()) cast.topic_flush_before_ack[t.name] = own->second != "false";
        cast.min_isr[t.name] = number_or(t.config, "min.insync.replicas",
                                         number_or(s.cluster.config, "min.insync.replicas", 1));
        const auto unclean = t.config.find("unclean.leader.election.enable");
        if (unclean != t.config.end() && unclean->second == "true")
            cast.unclean_topics.insert(t.name);
    }
    add_cluster(cast, s);
    return cast;
}

// Everything of one execution, in the order of its making.
class Run {
public:
    Run(const Scenario& scenario, std::uint64_t seed)
        : scenario_(scenario),
          seed_(seed),
          cast_(make_cast(scenario)),
          world_(seed, recorder_, world_options(scenario)),
          progress_(cast_) {
        judge_.on_finding([this] { world_.halt(); });
        if (scenario.perturb) recorder_.set_perturb(&rare_paths_);
        add_nodes();
    }

    TraceHead head() const {
        TraceHead head{
            .scenario = scenario_.name, .seed = seed_, .nodes = infos_, .apis = {}, .versions = {}};
        head.apis = {{0, "Produce"},
                     {1, "Fetch"},
                     {2, "ListOffsets"},
                     {3, "Metadata"},
                     {18, "ApiVersions"},
                     {19, "CreateTopics"},
                     {20, "DeleteTopics"},
                     {22, "InitProducerId"},
                     {23, "OffsetForLeaderEpoch"},
                     {52, "Vote"},
                     {53, "BeginQuorumEpoch"},
                     {54, "EndQuorumEpoch"},
                     {56, "AlterPartition"},
                     {62, "BrokerRegistration"},
                     {63, "BrokerHeartbeat"},
                     {67, "AllocateProducerIds"}};
        return head;
    }
    Recorder& recorder() { return recorder_; }

    // INV-89. The fiber in which it failed never runs again: nothing may be unwound through code
    // that has just been found wrong. So this object must not be destroyed either.
    void assertion_failed(const AssertInfo& info) {
        broken_ = true;
        judge_.report(
            {kNoAbort, "no-assertion-fails", world_.now(),
             fmt::format("{}:{}: {}{}", info.file, info.line,
                         info.invariant == 0 ? "" : fmt::format("INV-{}: ", info.invariant),
                         info.expression)});
        if (!world_.scheduler().in_fiber() || std::uncaught_exceptions() > 0) return;
        fiber::Waiter for_ever;
        for_ever.park(Deadline::never());
    }
    bool broken() const noexcept { return broken_; }

    Outcome execute(bool story, Observer* observer) {
        StoryTeller teller(head(), recorder_);
        if (observer != nullptr) {
            observer->begin(head(), world_);
            recorder_.add_listener(*observer);
        }
        oracles_ = make_oracles(judge_, cast_);
        for (const auto& o : oracles_) {
            if (o->listens()) recorder_.add_listener(*o);
        }
        recorder_.add_listener(progress_);
        if (story) recorder_.add_listener(teller);
        run_phases();
        if (!judge_.finding()) {
            judge_.end_of_run();
            for (const auto& o : oracles_) o->finish(world_.now());
        }
        Outcome out = outcome();
        if (story) out.story = teller.sentences();
        return out;
    }

private:
    void add_nodes() {
        for (int i = 1; i <= scenario_.cluster.brokers; ++i) {
            const std::string host = fmt::format("n{}", i);
            context_.bootstrap.push_back({host, kBrokerPort});
            const NodeId id = add(host, scenario_.cluster.shards, NodeRole::broker,
                                  [this, host](Env& env, fiber::StopToken stop) {
                                      run_broker(env, stop, brokers_.at(env.node), host);
                                  });
            brokers_[id] = scenario_.cluster;
        }
        for (int i = 1; i <= scenario_.cluster.controllers; ++i) {
            const std::string host = fmt::format("c{}", i);
            const NodeId id =
                add(host, 1, NodeRole::controller, [this, host](Env& env, fiber::StopToken stop) {
                    run_broker(env, stop, brokers_.at(env.node), host);
                });
            brokers_[id] = scenario_.cluster;
        }
        context_.run = seed_;
        context_.topics = scenario_.cluster.topics;
        for (const NodeSpec& place : scenario_.cluster.nodes) {
            if (!place.rack.empty()) context_.racks[place.name] = place.rack;
        }
        context_.memory = &memory_;
        context_.on_corrupt = [this](const std::string& who, const std::string& what) {
            judge_.report({kNoCorruptData, "no-corrupt-data", world_.now(),
                           fmt::format("{} got {}", who, what)});
        };
        context_.on_foreign = [this](const std::string& who, const std::string& what) {
            judge_.report({kTopicIsolation, "topic-isolation", world_.now(),
                           fmt::format("{} found at {}", who, what)});
        };
        admin_ = add("admin", 1, NodeRole::client, [this](Env& env, fiber::StopToken stop) {
            create_topics(env, stop, context_);
            ready_ = true;
        });
        for (std::size_t i = 0; i < cast_.producers.size(); ++i) {
            clients_.push_back(add(cast_.producers[i].id, 1, NodeRole::producer,
                                   [this, i](Env& env, fiber::StopToken stop) {
                                       run_producer(env, stop, context_, cast_.producers[i],
                                                    static_cast<std::int32_t>(i));
                                   }));
        }
        for (std::size_t i = 0; i < cast_.consumers.size(); ++i) {
            clients_.push_back(add(cast_.consumers[i].id, 1, NodeRole::consumer,
                                   [this, i](Env& env, fiber::StopToken stop) {
                                       run_consumer(
                                           env, stop, context_, topics_of(cast_.consumers[i].topic),
                                           cast_.consumers[i].id, static_cast<std::int32_t>(i),
                                           cast_.consumers[i].start);
                                   }));
        }
        for (std::size_t i = 0; i < scenario_.admins.size(); ++i) {
            const auto number = static_cast<std::int32_t>(cast_.producers.size() + i);
            churners_.push_back(add(scenario_.admins[i].id, 1, NodeRole::client,
                                    [this, i, number](Env& env, fiber::StopToken stop) {
                                        run_admin(env, stop, context_, scenario_.admins[i], number);
                                    }));
        }
        auditor_ = add("audit", 1, NodeRole::consumer, [this](Env& env, fiber::StopToken stop) {
            run_consumer(env, stop, context_, context_.topics, "audit", cast_.auditor(), 0s);
        });
        add_operators();
    }

    // One for each thing that people ask of the cluster: a process that does it and ends.
    void add_operators() {
        for (FaultId i = 0; i < scenario_.faults.size(); ++i) {
            const FaultSpec& what = scenario_.faults[i];
            if (info(what.kind).group != FaultClass::operation) continue;
            std::vector<std::int32_t> replicas;
            for (const std::string& name : what.replicas) replicas.push_back(names_.at(name).v);
            operators_[i] = add(fmt::format("op-{}", what.id), 1, NodeRole::client,
                                [this, i, replicas](Env& env, fiber::StopToken stop) {
                                    if (operate(env, stop, i, replicas))
                                        world_.faults().effect(i, env.node, "it was accepted");
                                });
        }
    }

    bool operate(Env& env, fiber::StopToken stop, FaultId fault,
                 const std::vector<std::int32_t>& replicas) {
        const FaultSpec& what = scenario_.faults[fault];
        if (!changes_voters(what.kind)) return run_operator(env, stop, context_, what, replicas);
        std::vector<ControllerPlace> places;
        for (const NodeId node : operated_.at(fault))
            places.push_back({node, {world_.name(node), kControllerPort}});
        return run_voter_operator(env, stop, context_, what, places);
    }

    NodeId add(const std::string& name, unsigned shards, NodeRole role, World::Main main) {
        const NodeId id = world_.add_node(name, shards, std::move(main));
        infos_.push_back({id, name, role});
        names_[name] = id;
        return id;
    }

    std::vector<TopicSpec> topics_of(const std::string& name) const {
        std::vector<TopicSpec> found;
        std::ranges::copy_if(context_.topics, std::back_inserter(found),
                             [&](const auto& t) { return t.name == name; });
        return found;
    }

    // Runs until `done` holds or `limit` has passed; false when it does not hold then.
    template <class Done>
    bool run_until(MonoTime limit, Done done) {
        while (!judge_.finding() && !done() && world_.now() < limit)
            world_.run_until(std::min(limit, world_.now() + kStep));
        return done();
    }

    void run_phases() {
        roles_.emplace(scenario_, names_, recorder_);
        furnish(world_, scenario_, names_, *roles_);
        injector_.emplace(
            world_, scenario_, *roles_,
            [this](NodeId node, const auto& changes) {
                for (const auto& [key, value] : changes) brokers_.at(node).config[key] = value;
            },
            [this](FaultId fault, const std::vector<NodeId>& nodes) {
                operated_[fault] = nodes;
                world_.start(operators_.at(fault));
            });
        recorder_.add_listener(*roles_);
        recorder_.add_listener(*injector_);
        for (const auto& [node, spec] : brokers_) world_.start(node);
        world_.start(admin_);
        run_until(MonoTime{} + 10s, [this] { return ready_; });
        // Clients start when their topics are there; the scenario's times count from the beginning.
        for (const NodeId client : clients_) world_.start(client);
        for (const NodeId churner : churners_) world_.start(churner);
        injector_->arm();
        run_until(MonoTime{} + scenario_.length, [] { return false; });
        if (judge_.finding()) return report_faults();
        for (const NodeId churner : churners_) world_.stop(churner);
        for (const auto& [fault, node] : operators_) world_.crash(node);
        injector_->heal_all(roles_->resolve(scenario_.liveness.core, world_.rng("core")));
        const auto settled = [this] {
            return progress_.producers_done() && progress_.consumers_done(recorder_);
        };
        if (!run_until(world_.now() + scenario_.liveness.within, settled)) report_missing();
        // A cluster is watched for a while longer: INV-148.
        if (cast_.healed != MonoTime::never())
            run_until(cast_.healed + kSettled, [] { return false; });
        world_.start(auditor_);
        if (!run_until(world_.now() + kAudit, [this] { return progress_.auditor_done(recorder_); }))
            report_missing();
        report_faults();
    }

    void report_faults() {
        const auto& vacuous = scenario_.expect.vacuous;
        for (FaultId i = 0; i < scenario_.faults.size(); ++i) {
            const FaultSpec& f = scenario_.faults[i];
            const bool may_be = std::ranges::any_of(
                vacuous, [&](const std::string& id) { return id == f.id || id == "*"; });
            reports_.push_back({f.id, f.kind, injector_->effects(i), may_be});
        }
    }

    void report_missing() {
        if (judge_.finding()) return;
        judge_.end_of_run();
        const std::string what = progress_.missing(recorder_);
        if (what.empty()) return;
        const bool refused = scenario_.expect.all_acked && progress_.failed > 0;
        if (!scenario_.expect.progress && !refused) return;
        judge_.report({kProgress, "progress", world_.now(),
                       fmt::format("the faults were over at {}, but at {} {}",
                                   format_seconds(scenario_.length),
                                   format_seconds(world_.now() - MonoTime{}), what)});
    }

    Outcome outcome() {
        if (scenario_.expect.all_acked && progress_.failed > 0 && !judge_.finding()) {
            judge_.report({kProgress, "progress", world_.now(),
                           fmt::format("every record had to be acknowledged, but {} were refused",
                                       progress_.failed)});
        }
        Outcome out;
        out.scenario = scenario_.name;
        out.seed = seed_;
        out.hash = recorder_.hash().hex();
        out.schedule_hash = world_.driver().schedule().low();
        out.events = recorder_.events();
        out.sim_time = world_.now() - MonoTime{};
        out.finding = judge_.finding();
        out.expected_violation = scenario_.expect.violates;
        out.faults = reports_;
        out.must_reach = scenario_.expect.reached;
        for (std::size_t i = 0; i < std::size(probe::kSites); ++i) {
            out.sites[std::string(probe::kSites[i].name)] =
                recorder_.reached_count(static_cast<probe::Site>(i));
        }
        for (const auto& o : oracles_) {
            if (auto remark = o->remark(); !remark.empty())
                out.remarks.push_back(std::move(remark));
        }
        for (const auto& o : oracles_)
            out.oracles.push_back({o->invariant(), std::string(o->name()), o->premises()});
        out.acked = progress_.acked;
        out.failed = progress_.failed;
        out.delivered = progress_.delivered;
        return out;
    }

    const Scenario& scenario_;
    std::uint64_t seed_;
    bool broken_ = false;
    RarePaths rare_paths_{Rng(seed_).fork("rare")};
    Cast cast_;
    Recorder recorder_;
    Judge judge_{recorder_};
    std::vector<std::unique_ptr<Oracle>> oracles_;
    WorkloadContext context_;
    Memory memory_;
    bool ready_ = false;
    std::vector<NodeInfo> infos_;
    std::map<std::string, NodeId> names_;
    World world_;
    Progress progress_;
    NodeId admin_, auditor_;
    std::vector<NodeId> clients_, churners_;
    std::map<FaultId, NodeId> operators_;
    std::map<FaultId, std::vector<NodeId>> operated_;  // whom the operation is about
    std::map<NodeId, ClusterSpec> brokers_;            // what each reads at its next start
    std::optional<Roles> roles_;
    std::optional<Injector> injector_;
    std::vector<FaultReport> reports_;
};

Run* g_run = nullptr;  // hooks have no argument; one run at a time

// A second assertion, or one outside of any fiber, ends the process as without a hook.
void on_assert(const AssertInfo& info) {
    if (Run* run = std::exchange(g_run, nullptr)) run->assertion_failed(info);
}
}  // namespace

Result<Outcome> execute(const Scenario& scenario, const ExecuteOptions& options) {
    const auto begin = std::chrono::steady_clock::now();
    auto run = std::make_unique<Run>(scenario, options.seed);
    if (!options.trace.empty())
        FL_CHECK(run->recorder().write_to(options.trace, to_json(run->head())));
    g_run = run.get();
    set_assert_hook(on_assert);
    Outcome outcome = run->execute(options.story, options.observer);
    set_assert_hook(nullptr);
    g_run = nullptr;
    FL_CHECK(run->recorder().finish());
    if (run->broken()) (void)run.release();
    outcome.wall_time = std::chrono::steady_clock::now() - begin;
    return outcome;
}
}  // namespace faultline::sim
