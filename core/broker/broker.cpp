#include "core/broker/broker.h"

#include <algorithm>

#include "core/broker/controller_channel.h"
#include "core/broker/lifecycle.h"
#include "core/broker/shard.h"

namespace faultline {
template <>
inline constexpr bool crosses_shards<std::vector<storage::LogDirState>> = true;
}  // namespace faultline

namespace faultline::broker {
namespace {
constexpr Duration kStartTimeout = std::chrono::hours(24);  // recovery of a large directory
constexpr Duration kStopTimeout = std::chrono::minutes(5);
constexpr Duration kStopLook = 1s;

// Directories that no cluster has marked yet belong to the one that these voters make: nodes that
// are started with the same list find each other without being formatted.
Uuid id_of_voters(const std::vector<VoterConfig>& voters) {
    Uuid id{.hi = 0x4661756c746c696eULL, .lo = 0x65};
    for (const VoterConfig& v : voters) {
        const std::string text = to_string(v.endpoint);
        id.hi = mix64(id.hi ^ static_cast<std::uint64_t>(v.id.v));
        for (const char c : text) id.lo = mix64(id.lo ^ static_cast<unsigned char>(c) ^ id.hi);
    }
    return id;
}

// Who asks is shown what acts: defaults of ours that are not Kafka's, and both names of the node.
void tell_presets(BrokerConfig& c) {
    for (const BrokerNumber& n : kBrokerNumbers) {
        const model::ConfigKey* key = model::find_broker_key(n.name);
        const std::string value = std::to_string(c.*n.member);
        if (key == nullptr || c.given.contains(n.name) || value == key->preset) continue;
        c.presets[std::string(n.name)] = value;
    }
    if (const auto id = c.given.find("node.id"); id != c.given.end())
        c.given.try_emplace("broker.id", id->second);
}

class Broker final : public controller::ControllerEvents {
public:
    Broker(Env& env, BrokerConfig config)
        : env_(env), shared_(std::make_shared<Shared>()), fibers_(env.fibers) {
        shared_->config = std::move(config);
        BrokerConfig& c = shared_->config;
        if (c.voters.empty() && c.quorum_bootstrap.empty()) c.voters.push_back({c.node, {}});
        tell_presets(c);
        if (c.voters.size() > 1 && c.fresh_cluster_id.is_zero())
            c.fresh_cluster_id = id_of_voters(c.voters);
        shared_->shards.resize(env.shards.count());
    }

    // Parks until this node serves. cancelled: `stop`.
    Result<void> start(fiber::StopToken stop) {
        fibers_.spawn({.name = "stop"}, [this, stop](fiber::StopToken end) {
            // Whichever comes first ends the start.
            while (!stop.stop_requested() && !end.stop_requested() && !started_) {
                if (env_.fibers.sleep_until(env_.clock.in(kStopLook), stop) ==
                    fiber::Wake::cancelled)
                    break;
            }
            if (!started_) stopping_.request_stop();
        });
        FL_CHECK(start_parts());
        started_ = true;
        return {};
    }

    // Parks until the node is told to stop, or cannot go on.
    Result<void> serve(fiber::StopToken stop) {
        (void)failed_changed_.wait(Deadline::never(), stop, [this] { return failed_.has_value(); });
        if (failed_) return *failed_;
        return {};
    }

    // Nodes that are started with the same list of voters agree on a cluster id by it; others are
    // told it by `faultline storage format`.
    Result<void> is_formatted() {
        const BrokerConfig& c = shared_->config;
        if (!c.voters.empty()) return {};
        for (const std::string& dir : c.log_dirs) {
            const auto meta = env_.disk.open(dir + "/meta.properties", OpenMode::read);
            if (!meta.ok() && meta.code() == Errc::not_found)
                return Error{Errc::invalid, 0, "broker.unformatted"};
            if (!meta.ok()) return meta.error();
        }
        return {};
    }

    Result<void> start_parts() {
        FL_CHECK(is_formatted());
        first_ = std::make_unique<Shard>(env_, shared_);
        FL_CHECK(first_->open_logs({}));
        // At once: when the start fails, a shard that never opened its logs must not count as
        // clean.
        set_peers();
        controller_ = std::make_unique<controller::Controller>(env_, controller_config(), *this);
        FL_CHECK(controller_->open(first_->logs()));
        channel_ = std::make_unique<ControllerChannel>(env_, *controller_);
        shared_->channel = channel_.get();
        for (unsigned i = 1; i < env_.shards.count(); ++i) FL_CHECK(start_shard(i));
        if (shared_->config.is_broker) FL_CHECK(may_listen());
        if (shared_->config.controller_bind) {
            FL_TRY(const Endpoint real,
                   first_->listen_as_controller(*shared_->config.controller_bind, *controller_));
            if (!shared_->config.is_broker) endpoints_.push_back(real);
        }
        controller_->start();
        if (!shared_->config.is_broker) return {};
        return join();
    }

    Result<void> stop() {
        std::int64_t epoch = -1;
        if (lifecycle_ != nullptr) {
            // Alone there is nobody to take over.
            if (latest_->brokers.size() > 1 && !failed_) {
                hand_over(*lifecycle_);
                send_away();
            }
            epoch = lifecycle_->epoch();
        }
        each_shard([](Shard& shard) { shard.stop_accepting(); });
        each_shard([](Shard& shard) { shard.close_clients(); });
        stopping_.request_stop();
        fibers_.request_stop();
        fibers_.join();
        Result<void> outcome;
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            auto done = env_.shards.call(
                shard_id(i), env_.clock.in(kStopTimeout), [shared = shared_, epoch](Env& env) {
                    Shard* shard = shared->shards[env.shard.v];
                    Result<Unit> result = Unit{};
                    if (shard == nullptr) return result;
                    if (const auto closed = shard->stop(epoch); !closed.ok())
                        result = closed.error();
                    return result;
                });
            if (!done.ok())
                outcome = done.error();
            else if (!(*done).ok())
                outcome = (*done).error();
        }
        if (controller_ != nullptr) controller_->stop();
        if (first_ != nullptr) {
            if (auto closed = first_->stop(epoch); !closed.ok()) outcome = closed;
        }
        if (channel_ != nullptr) channel_->close();
        // Checkpoints of the first shard asked the others: only now may they go.
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            (void)env_.shards.call(shard_id(i), env_.clock.in(kStopTimeout),
                                   [shared = shared_](Env& env) {
                                       if (Shard* shard = shared->shards[env.shard.v]) shard->end();
                                       return Unit{};
                                   });
        }
        if (failed_) return *failed_;
        return outcome;
    }

    const std::vector<Endpoint>& endpoints() const { return endpoints_; }

private:
    // Others lead what this node led, and its clients follow them.
    void hand_over(Lifecycle& lifecycle) {
        const BrokerConfig& c = shared_->config;
        const MonoTime until = env_.clock.now() + std::chrono::milliseconds(c.shutdown_hold_ms);
        const Deadline settled = env_.clock.in(std::chrono::milliseconds(c.shutdown_hold_ms / 2));
        each_shard([until](Shard& shard) { shard.hold_appends(until); });
        each_shard([settled](Shard& shard) { shard.wait_settled(settled); });
        lifecycle.shut_down(env_.clock.in(std::chrono::milliseconds(c.shutdown_ms)));
        // The other brokers learn who leads before clients ask them.
        env_.fibers.sleep_until(env_.clock.in(std::chrono::milliseconds(c.shutdown_linger_ms)));
    }

    // librdkafka asks who leads when a connection ends, but has nobody to ask when that was its
    // only one, and thinks of it again a second later. So connections end twice: after the first
    // time such a client connects to another broker and to this one, after the second it can ask.
    void send_away() {
        each_shard([](Shard& shard) { shard.end_connections(); });
        each_shard([](Shard& shard) { shard.wait_connections_ended(); });
        env_.fibers.sleep_until(
            env_.clock.in(std::chrono::milliseconds(shared_->config.shutdown_return_ms)));
    }

    static ShardId shard_id(unsigned i) { return ShardId{static_cast<std::uint16_t>(i)}; }

    // The shard lives on the stack of a fiber of its own: should the node die, that fiber is older
    // than every fiber that uses the shard, and is unwound after them.
    Result<void> start_shard(unsigned i) {
        struct Reply {
            Result<void> opened = Error{Errc::cancelled, 0, "broker.start_shard"};
            fiber::Waiter waiter;
        };
        Reply reply;
        FL_CHECK(env_.shards.post(shard_id(i), [shared = shared_, states = first_->logs().states(),
                                                &reply](Env& env) {
            Shard shard(env, shared);
            const auto opened = shard.open_logs(states);
            (void)env.shards.post(ShardId{0}, [&reply, opened](Env&) {  // going down: nobody waits
                reply.opened = opened;
                reply.waiter.wake();
            });
            shard.wait_for_end();
        }));
        reply.waiter.park(Deadline::never());
        return reply.opened;
    }

    // What the other shards know goes into the checkpoint files of the first.
    void set_peers() {
        if (env_.shards.count() == 1) return;
        first_->logs().set_peers([this](std::uint32_t dir) {
            std::vector<storage::LogDirState> all;
            for (unsigned i = 1; i < env_.shards.count(); ++i) {
                auto state = env_.shards.call(shard_id(i), env_.clock.in(kStopTimeout),
                                              [shared = shared_, dir](Env& env) {
                                                  std::vector<storage::LogDirState> one;
                                                  if (Shard* shard = shared->shards[env.shard.v])
                                                      one.push_back(shard->logs().collect(dir));
                                                  return one;
                                              });
                if (!state.ok() || state->empty()) return std::vector<storage::LogDirState>{};
                all.insert(all.end(), state->begin(), state->end());
            }
            return all;
        });
    }

    controller::ControllerConfig controller_config() const {
        const BrokerConfig& c = shared_->config;
        controller::ControllerConfig out;
        out.quorum.node = c.node;
        out.quorum.cluster_id = to_string(first_->logs().cluster_id());
        for (const VoterConfig& v : c.voters) out.quorum.voters.push_back({v.id, v.endpoint});
        out.quorum.advertised = c.controller_advertised;
        out.quorum.listener = c.controller_listener;
        for (const Endpoint& e : c.quorum_bootstrap) {
            if (e != c.controller_advertised) out.quorum.bootstrap.push_back(e);
        }
        out.quorum.raft.election_timeout = std::chrono::milliseconds(c.quorum_election_ms);
        out.quorum.raft.election_backoff = std::chrono::milliseconds(c.quorum_backoff_ms);
        out.quorum.raft.fetch_timeout = std::chrono::milliseconds(c.quorum_fetch_ms);
        out.quorum.raft.request_timeout = std::chrono::milliseconds(c.quorum_request_ms);
        auto& snapshots = out.quorum.snapshots;
        snapshots.record_bytes = c.snapshot_record_bytes;
        snapshots.interval = std::chrono::milliseconds(c.snapshot_interval_ms);
        snapshots.retention_bytes = c.metadata_retention_bytes;
        snapshots.retention_ms = c.metadata_retention_ms;
        snapshots.part_bytes = static_cast<std::int32_t>(c.snapshot_part_bytes);
        out.defaults.partitions = c.num_partitions;
        out.defaults.tiny_segments = c.tiny_segments;
        out.defaults.config = c.topic_defaults;
        out.defaults.given = c.given;
        out.defaults.replication_factor = static_cast<std::int16_t>(c.default_replication);
        out.delete_topics = c.delete_topics;
        out.session = std::chrono::milliseconds(c.session_ms);
        out.balance_leaders = c.balance_leaders;
        out.balance_every = std::chrono::seconds(c.balance_check_s);
        out.balance_percent = static_cast<std::int32_t>(c.balance_percent);
        return out;
    }

    // Becomes a broker of the cluster.
    Result<void> join() {
        const BrokerConfig& c = shared_->config;
        LifecycleConfig life;
        life.node = c.node;
        life.cluster_id = to_string(first_->logs().cluster_id());
        life.advertised = advertised_;
        life.listener = c.listeners.front().name;
        life.rack = c.rack;
        life.log_dirs = first_->logs().directory_ids();
        life.previous_epoch = first_->logs().previous_broker_epoch();
        life.heartbeat = std::chrono::milliseconds(c.heartbeat_ms);
        life.session = std::chrono::milliseconds(c.session_ms);
        lifecycle_ = std::make_unique<Lifecycle>(
            env_, std::move(life), *channel_, *controller_,
            Lifecycle::Hooks{[this] { return healthy(); }, [this](MonoTime t) { lease(t); }});
        FL_CHECK(told(lifecycle_->enlist(stopping_.token())));
        // Who can connect to every node may count on every one being registered.
        if (endpoints_.empty()) FL_CHECK(listen());
        FL_CHECK(match_logs());
        {
            const auto turn = publishing_.lock();
            serving_ = true;
            distribute(latest_, {});  // the first time a shard takes all
        }
        lifecycle_->start(fibers_);
        // Who connects before waits in the listener's queue: there is nothing to tell yet.
        FL_CHECK(told(lifecycle_->wait_unfenced(stopping_.token())));
        each_shard([](Shard& shard) { shard.start_accepting(); });
        return {};
    }

    // What went wrong with the metadata log tells more than that the start was given up.
    Result<void> told(Result<void> result) const {
        if (!result.ok() && failed_) return *failed_;
        return result;
    }

    // --- ControllerEvents
    // ---------------------------------------------------------------------------
    void publish(const controller::ImageRef& image, const model::ImageChanges& changes) override {
        const auto turn = publishing_.lock();
        latest_ = image;
        channel_->follow(image->controller);
        if (serving_) distribute(image, changes);
    }

    void deposed() override {
        if (lifecycle_ != nullptr) lifecycle_->own_controller_deposed();
    }

    void failed(const Error& error) override {
        env_.log.error("the metadata log cannot be kept: {}", to_string(error));
        failed_ = error;
        failed_changed_.notify_all();
        stopping_.request_stop();
    }

    // Brings the image to every shard; returns when each has it.
    void distribute(const controller::ImageRef& image, const model::ImageChanges& changes) {
        struct Gather {
            unsigned left;
            fiber::Waiter* waiter;
        };
        fiber::Waiter waiter;
        auto gather = std::make_shared<Gather>(Gather{env_.shards.count() - 1, &waiter});
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            const auto posted =
                env_.shards.post(shard_id(i), [shared = shared_, image, changes, gather](Env& env) {
                    if (Shard* shard = shared->shards[env.shard.v]) shard->apply(image, changes);
                    (void)env.shards.post(ShardId{0}, [gather](Env&) {  // going down: nobody waits
                        if (--gather->left == 0 && gather->waiter != nullptr)
                            gather->waiter->wake();
                    });
                });
            if (!posted.ok()) --gather->left;
        }
        first_->apply(image, changes);
        if (gather->left > 0) waiter.park(Deadline::never(), {});
        gather->waiter = nullptr;
    }

    // A shard that does not answer is stuck as well.
    bool healthy() {
        const BrokerConfig& c = shared_->config;
        if (latest_->brokers.size() <= 1) return true;  // nobody else could lead
        // A disk that is busy takes a second now and then, and the others' may be the same one.
        const Duration limit = std::chrono::milliseconds(c.session_ms);
        bool good = first_->healthy(limit);
        for (unsigned i = 1; good && i < env_.shards.count(); ++i) {
            const auto answer = env_.shards.call(
                shard_id(i), env_.clock.in(limit / 2),
                [shared = shared_, limit](Env& env) { return shared->at(env).healthy(limit); });
            good = answer.ok() && *answer;
        }
        return good;
    }

    void lease(MonoTime until) {
        first_->set_lease(until);
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            (void)env_.shards.post(shard_id(i), [shared = shared_, until](Env& env) {  // going down
                if (Shard* shard = shared->shards[env.shard.v]) shard->set_lease(until);
            });
        }
    }

    Result<void> match_logs() {
        const KnownTopics known{
            latest_, std::make_shared<const std::set<Uuid>>(controller_->removed_topics()),
            controller_->began_from_snapshot()};
        FL_CHECK(first_->match_logs(known));
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            FL_TRY(const Result<Unit> matched,
                   env_.shards.call(shard_id(i), env_.clock.in(kStartTimeout),
                                    [shared = shared_, known](Env& env) {
                                        Result<Unit> result = Unit{};
                                        const auto done = shared->at(env).match_logs(known);
                                        if (!done.ok()) result = done.error();
                                        return result;
                                    }));
            if (!matched.ok()) return matched.error();
        }
        return {};
    }

    // A port that is taken is told at once, before anything is asked of the cluster. Where any port
    // will do it is kept: the registration names it.
    Result<void> may_listen() {
        const auto& listeners = shared_->config.listeners;
        if (std::ranges::any_of(listeners, [](const auto& l) { return l.bind.port == 0; }))
            return listen();
        for (const ListenerConfig& l : listeners) {
            FL_TRY(const auto probe, env_.net.listen(l.bind));
            if (&l == &listeners.front()) advertise(probe->local());
        }
        return {};
    }

    void advertise(const Endpoint& bound) {
        const Endpoint& told = shared_->config.listeners.front().advertised;
        advertised_ = {told.host.empty() ? bound.host : told.host,
                       told.port == 0 ? bound.port : told.port};
    }

    Result<void> listen() {
        std::vector<Endpoint> at;
        for (const ListenerConfig& l : shared_->config.listeners) at.push_back(l.bind);
        FL_TRY(endpoints_, first_->listen(at));
        // With port 0 the first shard learns the port, and the others join it there.
        for (std::size_t i = 0; i < at.size(); ++i) at[i].port = endpoints_[i].port;
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            FL_TRY(const Result<Unit> joined,
                   env_.shards.call(
                       shard_id(i), env_.clock.in(kStartTimeout), [shared = shared_, at](Env& env) {
                           Result<Unit> result = Unit{};
                           if (const auto done = shared->at(env).listen(at); !done.ok())
                               result = done.error();
                           return result;
                       }));
            if (!joined.ok()) return joined.error();
        }
        advertise(endpoints_[0]);
        return {};
    }

    // Those that are there, one after the other; a start that failed has made only some.
    template <class Fn>
    void each_shard(Fn fn) {
        if (first_ != nullptr) fn(*first_);
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            (void)env_.shards.call(shard_id(i), env_.clock.in(kStartTimeout),
                                   [shared = shared_, fn](Env& env) {
                                       if (Shard* shard = shared->shards[env.shard.v]) fn(*shard);
                                       return Unit{};
                                   });
        }
    }

    Env& env_;
    SharedRef shared_;
    std::unique_ptr<Shard> first_;
    std::unique_ptr<controller::Controller> controller_;
    std::unique_ptr<ControllerChannel> channel_;
    std::unique_ptr<Lifecycle> lifecycle_;
    controller::ImageRef latest_;
    fiber::Mutex publishing_;
    bool started_ = false;
    bool serving_ = false;  // images go to the shards
    std::vector<Endpoint> endpoints_;
    Endpoint advertised_;
    std::optional<Error> failed_;
    fiber::Condition failed_changed_;
    fiber::StopSource stopping_;
    fiber::Group fibers_;
};
}  // namespace

Result<void> run_broker(Env& env, BrokerConfig config, fiber::StopToken stop) {
    FL_ASSERT((!config.listeners.empty() || config.controller_bind) && !config.log_dirs.empty());
    const auto on_ready = config.on_ready;
    Broker broker(env, std::move(config));
    const auto started = broker.start(stop);
    if (!started.ok()) {
        const auto stopped = broker.stop();
        // To be told to stop while it starts is no failure.
        if (started.code() == Errc::cancelled && stop.stop_requested()) return stopped;
        return started;  // the first error is the one to tell
    }
    const std::uint32_t port = broker.endpoints().front().port;
    env.probe.emit([&] { return probe::BrokerReady{port}; });
    if (on_ready) on_ready(broker.endpoints());
    const auto served = broker.serve(stop);
    const auto stopped = broker.stop();
    env.probe.emit([&] { return probe::BrokerStopped{stopped.ok()}; });
    return served.ok() ? stopped : served;
}
}  // namespace faultline::broker
