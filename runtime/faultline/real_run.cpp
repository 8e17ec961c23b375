#include "runtime/faultline/real_run.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/client/admin.h"
#include "core/client/consumer.h"
#include "runtime/faultline/event_rings.h"
#include "runtime/faultline/real_faults.h"
#include "runtime/posix/node.h"
#include "runtime/tools/tools.h"
#include "sim/oracle/oracle.h"
#include "sim/run/roles.h"
#include "sim/trace/story.h"
#include "sim/trace/trace_head.h"
#include "sim/workload/workload.h"

namespace faultline::binary {
namespace {

constexpr Duration kTopics = 60s, kAudit = 120s, kGlance = 20ms, kLook = 200ms;

// What one client of the run emits, under its own number and at the run's time.
class ClientSink final : public probe::Sink {
public:
    ClientSink(sim::Recorder& recorder, const Clock& clock, const MonoTime& start, NodeId node)
        : recorder_(recorder), clock_(clock), start_(start), node_(node) {}
    void on(MonoTime, NodeId, const probe::Event& event) override {
        recorder_.on(MonoTime{} + (clock_.now() - start_), node_, event);
    }
    probe::PartitionKey intern(std::string_view topic, PartitionIndex index) override {
        return recorder_.intern(topic, index);
    }
    void reached(probe::Site site) override { recorder_.reached(site); }
    bool perturb(probe::Site) override { return false; }

private:
    sim::Recorder& recorder_;
    const Clock& clock_;
    const MonoTime& start_;
    NodeId node_;
};

// How far each client has come.
class Followed final : public sim::Listener {
public:
    explicit Followed(std::int32_t auditor) : auditor_(auditor) {}
    void on_probe(MonoTime, NodeId, const probe::Event& event) override {
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            answered[a->client] += a->count;
            acked += static_cast<std::uint64_t>(a->count);
        } else if (const auto* f = std::get_if<probe::ProduceFailed>(&event)) {
            answered[f->client] += f->count;
            failed += static_cast<std::uint64_t>(f->count);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            next[{d->consumer, d->partition}] = d->at.v + 1;
            if (d->consumer != auditor_) ++delivered;
        }
    }
    std::map<std::int32_t, std::int64_t> answered;                              // by producer
    std::map<std::pair<std::int32_t, probe::PartitionKey>, std::int64_t> next;  // by consumer
    std::uint64_t acked = 0, failed = 0, delivered = 0;  // records; not those of the auditor

private:
    std::int32_t auditor_;
};

sim::Cast cast_of(const sim::Scenario& s) {
    sim::Cast cast;
    cast.producers = s.producers;
    cast.consumers = s.consumers;
    for (const sim::TopicSpec& t : s.cluster.topics) cast.topics.insert(t.name);
    for (const sim::FaultSpec& f : s.faults) cast.faults.push_back(f.kind);
    return cast;
}

class RealRun {
public:
    RealRun(const sim::Scenario& scenario, ClusterTool& tool, const RealRunOptions& options)
        : scenario_(scenario), tool_(tool), options_(options), cast_(cast_of(scenario)) {
        context_.run = options.seed;
        context_.topics = scenario.cluster.topics;
        context_.memory = &memory_;
        tools::Target target{.bootstrap = options.bootstrap};
        context_.bootstrap = tools::client_config(target)->bootstrap;
        context_.on_corrupt = [this](const std::string& who, const std::string& what) {
            report(sim::kNoCorruptData, "no-corrupt-data", fmt::format("{} got {}", who, what));
        };
        context_.on_foreign = [this](const std::string& who, const std::string& what) {
            report(sim::kTopicIsolation, "topic-isolation",
                   fmt::format("{} found at {}", who, what));
        };
        for (int i = 1; i <= scenario.cluster.brokers; ++i)
            add(fmt::format("n{}", i), sim::NodeRole::broker);
        for (const auto& p : scenario.producers) add(p.id, sim::NodeRole::producer);
        for (const auto& c : scenario.consumers) add(c.id, sim::NodeRole::consumer);
        for (const auto& a : scenario.admins) add(a.id, sim::NodeRole::client);
        add("audit", sim::NodeRole::consumer);
        roles_.emplace(scenario_, names_, recorder_);
        teller_.emplace(head(), recorder_);
    }

    sim::TraceHead head() const {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        sim::TraceHead head;
        head.scenario = scenario_.name;
        head.seed = options_.seed;
        head.world = options_.world;
        head.began = utc(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
        head.nodes = infos_;
        return head;
    }

    Result<sim::Outcome> execute() {
        if (!options_.trace.empty())
            FL_CHECK(recorder_.write_to(options_.trace, sim::to_json(head())));
        oracles_ = sim::make_client_oracles(judge_, cast_);
        for (const auto& o : oracles_) {
            if (o->listens()) recorder_.add_listener(*o);
        }
        recorder_.add_listener(followed_);
        recorder_.add_listener(*roles_);
        recorder_.add_listener(*teller_);
        posix::run_client([this](Env& env, fiber::StopToken stop) {
            main(env, stop);
            return 0;
        });
        if (!judge_.finding()) {
            judge_.end_of_run();
            for (const auto& o : oracles_) o->finish(end_);
        }
        FL_CHECK(recorder_.finish());
        return outcome();
    }

private:
    void add(const std::string& name, sim::NodeRole role) {
        const NodeId id{static_cast<std::int32_t>(infos_.size()) + 1};
        infos_.push_back({id, name, role});
        names_[name] = id;
    }

    void report(std::int32_t invariant, std::string_view name, std::string sentence) {
        judge_.report({invariant, name, now(), std::move(sentence)});
    }
    MonoTime now() const { return MonoTime{} + (env_->clock.now() - start_); }

    // The same world, under the name of one client.
    Env& env_of(const std::string& name) {
        const NodeId id = names_.at(name);
        auto& sink =
            *sinks_.emplace_back(std::make_unique<ClientSink>(recorder_, env_->clock, start_, id));
        return *envs_.emplace_back(std::make_unique<Env>(
            Env{id, env_->shard, env_->clock, env_->rng, env_->fibers, env_->net, env_->disk,
                env_->shards, probe::Probe(&sink, id, &start_), env_->log}));
    }

    // Parks until `done` holds, a finding, Ctrl-C, or the time is over; true when it holds.
    template <class Done>
    bool until(Deadline deadline, fiber::StopToken stop, Done done) {
        while (!done()) {
            if (judge_.finding() || stop.stop_requested() || env_->clock.now() >= deadline.at)
                return false;
            (void)env_->fibers.sleep_until(env_->clock.in(kGlance), stop);
        }
        return true;
    }

    void main(Env& env, fiber::StopToken stop) {
        env_ = &env;
        start_ = env.clock.now();
        fiber::Group clients(env.fibers), churners(env.fibers), faults(env.fibers);
        if (make_topics(stop)) {
            clients.spawn({.name = "watch", .stack_kib = 256},
                          [this](fiber::StopToken token) { watch_leaders(token); });
            (void)until(env.clock.in(kTopics), stop, [this] { return led(); });
            start_ = env.clock.now();
            faults_.emplace(scenario_, RealFaults::World{env, tool_, recorder_, *roles_,
                                                         options_.seed, start_});
            start_clients(clients, churners);
            faults_->arm(faults);
            (void)until({start_ + scenario_.length}, stop, [] { return false; });
            for (fiber::Group* group : {&faults, &churners}) {
                group->request_stop();
                group->join();
            }
            const auto why = faults_->heal_all();
            if (why && !judge_.finding())
                report(sim::kProgress, "progress",
                       fmt::format("the faults were over, but {}", *why));
            finish(clients, stop);
        }
        clients.request_stop();
        clients.join();
        end_ = now();
    }

    bool make_topics(fiber::StopToken stop) {
        bool made = false;
        fiber::Group group(env_->fibers);
        Env& env = env_of("audit");
        group.spawn({.name = "topics"}, [this, &env, &made](fiber::StopToken token) {
            sim::create_topics(env, token, context_);
            made = !token.stop_requested();
        });
        (void)until(env_->clock.in(kTopics), stop, [&] { return made; });
        group.request_stop();
        group.join();
        if (!made) report(sim::kProgress, "progress", "the topics could not be made within 60 s");
        return made;
    }

    void start_clients(fiber::Group& clients, fiber::Group& churners) {
        for (std::size_t i = 0; i < cast_.producers.size(); ++i) {
            Env& env = env_of(cast_.producers[i].id);
            clients.spawn({.name = "producer", .stack_kib = 256},
                          [this, i, &env](fiber::StopToken stop) {
                              sim::run_producer(env, stop, context_, cast_.producers[i],
                                                static_cast<std::int32_t>(i));
                          });
        }
        for (std::size_t i = 0; i < cast_.consumers.size(); ++i) {
            const sim::ConsumerSpec& c = cast_.consumers[i];
            start_reader(clients, c.id, topics_of(c.topic), static_cast<std::int32_t>(i), c.start);
        }
        for (std::size_t i = 0; i < scenario_.admins.size(); ++i) {
            Env& env = env_of(scenario_.admins[i].id);
            const auto number = static_cast<std::int32_t>(cast_.producers.size() + i);
            churners.spawn({.name = "churn", .stack_kib = 256},
                           [this, i, number, &env](fiber::StopToken stop) {
                               sim::run_admin(env, stop, context_, scenario_.admins[i], number);
                           });
        }
    }

    void start_reader(fiber::Group& group, const std::string& id,
                      std::vector<sim::TopicSpec> topics, std::int32_t number, Duration start) {
        Env& env = env_of(id);
        group.spawn({.name = "consumer", .stack_kib = 256},
                    [=, this, &env, topics = std::move(topics)](fiber::StopToken stop) {
                        sim::run_consumer(env, stop, context_, topics, id, number, start);
                    });
    }

    // Empty: all.
    std::vector<sim::TopicSpec> topics_of(const std::string& name) const {
        std::vector<sim::TopicSpec> found;
        std::ranges::copy_if(context_.topics, std::back_inserter(found),
                             [&](const auto& t) { return name.empty() || t.name == name; });
        return found;
    }

    // Who leads is a fact for roles and pictures; nobody but the cluster's answers tells it here.
    void watch_leaders(fiber::StopToken stop) {
        client::Admin admin(*env_, client_config());
        while (!stop.stop_requested()) {
            const auto view = admin.describe(env_->clock.in(2s), stop);
            for (const sim::TopicSpec& t : context_.topics) {
                for (std::int32_t p = 0; view.ok() && p < t.partitions; ++p) {
                    if (const auto* info = (*view)->partition(t.name, p))
                        tell_leader(t.name, p, *info);
                }
            }
            (void)env_->fibers.sleep_until(env_->clock.in(kLook), stop);
        }
        admin.close();
    }

    void tell_leader(const std::string& topic, std::int32_t p, const client::PartitionInfo& info) {
        auto& known = leaders_[{topic, p}];
        if (info.leader < 1 || info.leader_epoch < known.second) return;
        if (known == std::pair{info.leader, info.leader_epoch}) return;
        known = {info.leader, info.leader_epoch};
        const NodeId node{info.leader};
        const auto key = recorder_.intern(topic, PartitionIndex{p});
        recorder_.on(now(), node, probe::LeaderChanged{key, Epoch{info.leader_epoch}, node});
    }

    bool led() const {
        std::size_t partitions = 0;
        for (const sim::TopicSpec& t : context_.topics)
            partitions += static_cast<std::size_t>(t.partitions);
        return leaders_.size() == partitions;
    }

    client::ClientConfig client_config() const {
        client::ClientConfig config;
        config.bootstrap = context_.bootstrap;
        config.client_id = "watch";
        config.connect_timeout = 2s;
        config.request_timeout = 5s;
        return config;
    }

    // After the faults: producers have their answers, consumers and then the auditor read to the
    // end.
    void finish(fiber::Group& clients, fiber::StopToken stop) {
        const Deadline limit = env_->clock.in(scenario_.liveness.within);
        std::string missing;
        if (!until(limit, stop, [&] { return (missing = unanswered()).empty(); }) ||
            !find_ends(limit, stop, missing) ||
            !until(limit, stop, [&] { return (missing = behind_any()).empty(); })) {
            return report_missing(missing, stop);
        }
        start_reader(clients, "audit", topics_of(""), cast_.auditor(), 0s);
        const auto audited = [&] { return (missing = behind(cast_.auditor(), "")).empty(); };
        if (!until(env_->clock.in(kAudit), stop, audited)) report_missing(missing, stop);
    }

    void report_missing(const std::string& missing, fiber::StopToken stop) {
        if (judge_.finding()) return;
        if (stop.stop_requested())
            return report(sim::kProgress, "progress", "the run was interrupted");
        if (!scenario_.expect.progress) return;
        report(sim::kProgress, "progress",
               fmt::format("the faults were over at {}, but at {} {}",
                           format_seconds(scenario_.length), format_seconds(now() - MonoTime{}),
                           missing));
    }

    std::string unanswered() const {
        for (std::size_t i = 0; i < cast_.producers.size(); ++i) {
            const sim::ProducerSpec& p = cast_.producers[i];
            const auto it = followed_.answered.find(static_cast<std::int32_t>(i));
            const std::int64_t n = it == followed_.answered.end() ? 0 : it->second;
            if (n < p.count)
                return fmt::format("{} has an answer for {} of its {} records", p.id, n, p.count);
        }
        return "";
    }

    bool find_ends(Deadline limit, fiber::StopToken stop, std::string& missing) {
        client::Consumer reader(*env_, client_config());
        for (const sim::TopicSpec& t : context_.topics) {
            for (std::int32_t p = 0; p < t.partitions; ++p) {
                const auto end =
                    reader.find_offset(t.name, p, client::Position::end(), limit, stop);
                if (!end.ok())
                    missing = fmt::format("nobody tells the end of {}-{} ({})", t.name, p,
                                          to_string(end.error()));
                if (end.ok() && *end > 0) ends_[recorder_.intern(t.name, PartitionIndex{p})] = *end;
            }
        }
        reader.close();
        return missing.empty();
    }

    std::string behind_any() const {
        for (std::size_t i = 0; i < cast_.consumers.size(); ++i) {
            auto what = behind(static_cast<std::int32_t>(i), cast_.consumers[i].topic);
            if (!what.empty()) return what;
        }
        return "";
    }

    std::string behind(std::int32_t consumer, const std::string& topic) const {
        for (const auto& [key, end] : ends_) {
            const auto name = recorder_.partition_name(key);
            if (!topic.empty() && sim::topic_of(name) != topic) continue;
            const auto it = followed_.next.find({consumer, key});
            const std::int64_t next = it == followed_.next.end() ? 0 : it->second;
            if (next < end) {
                return fmt::format("{} has read {} up to offset {} of {}",
                                   cast_.consumer_name(consumer), name, next, end);
            }
        }
        return "";
    }

    sim::Outcome outcome() {
        if (scenario_.expect.all_acked && followed_.failed > 0 && !judge_.finding()) {
            judge_.report({sim::kProgress, "progress", end_,
                           fmt::format("every record had to be acknowledged, but {} were refused",
                                       followed_.failed)});
        }
        sim::Outcome out;
        out.scenario = scenario_.name;
        out.seed = options_.seed;
        out.world = options_.world;
        out.events = recorder_.events();
        out.finding = judge_.finding();
        out.expected_violation = scenario_.expect.violates;
        for (std::size_t i = 0; i < scenario_.faults.size(); ++i) {
            const sim::FaultSpec& f = scenario_.faults[i];
            const bool may_be =
                std::ranges::any_of(scenario_.expect.vacuous,
                                    [&](const std::string& id) { return id == f.id || id == "*"; });
            out.faults.push_back({f.id, f.kind, faults_ ? faults_->effects(i) : 0, may_be});
        }
        for (const auto& o : oracles_) {
            if (auto remark = o->remark(); !remark.empty())
                out.remarks.push_back(std::move(remark));
            out.oracles.push_back({o->invariant(), std::string(o->name()), o->premises()});
        }
        out.story = teller_->sentences();
        out.acked = followed_.acked;
        out.failed = followed_.failed;
        out.delivered = followed_.delivered;
        return out;
    }

    const sim::Scenario& scenario_;
    ClusterTool& tool_;
    const RealRunOptions& options_;
    sim::Cast cast_;
    sim::Recorder recorder_;
    sim::Judge judge_{recorder_};
    std::vector<std::unique_ptr<sim::Oracle>> oracles_;
    sim::WorkloadContext context_;
    sim::Memory memory_;
    std::vector<sim::NodeInfo> infos_;
    std::map<std::string, NodeId> names_;
    std::optional<sim::Roles> roles_;
    std::optional<sim::StoryTeller> teller_;
    Followed followed_{cast_.auditor()};
    Env* env_ = nullptr;  // of the process; the clients' are made of it
    std::vector<std::unique_ptr<ClientSink>> sinks_;
    std::vector<std::unique_ptr<Env>> envs_;
    MonoTime start_, end_;
    std::optional<RealFaults> faults_;
    std::map<std::pair<std::string, std::int32_t>, std::pair<std::int32_t, std::int32_t>>
        leaders_;  // node, epoch
    std::map<probe::PartitionKey, std::int64_t> ends_;
};
}  // namespace

Result<sim::Outcome> run_real(const sim::Scenario& scenario, ClusterTool& tool,
                              const RealRunOptions& options) {
    const auto begin = std::chrono::steady_clock::now();
    RealRun run(scenario, tool, options);
    auto outcome = run.execute();
    if (outcome.ok()) outcome->wall_time = std::chrono::steady_clock::now() - begin;
    return outcome;
}
}  // namespace faultline::binary
