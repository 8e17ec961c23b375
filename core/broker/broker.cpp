#include "core/broker/broker.h"

#include <algorithm>

#include "core/broker/controller.h"
#include "core/broker/shard.h"

namespace faultline {
template <>
inline constexpr bool crosses_shards<std::vector<storage::LogDirState>> = true;
}  // namespace faultline

namespace faultline::broker {
namespace {
constexpr Duration kStartTimeout = std::chrono::hours(24);  // recovery of a large directory
constexpr Duration kStopTimeout = std::chrono::minutes(5);

class Broker {
public:
    Broker(Env& env, BrokerConfig config) : env_(env), shared_(std::make_shared<Shared>()) {
        shared_->config = std::move(config);
        shared_->shards.resize(env.shards.count());
    }

    Result<void> start() {
        first_ = std::make_unique<Shard>(env_, shared_);
        FL_CHECK(first_->open_logs({}));
        // At once: when the start fails, a shard that never opened its logs must not count as
        // clean.
        set_peers();
        controller_ = std::make_unique<Controller>(env_, shared_);
        FL_CHECK(controller_->open(first_->logs()));
        for (unsigned i = 1; i < env_.shards.count(); ++i) FL_CHECK(start_shard(i));
        FL_CHECK(match_logs());
        FL_CHECK(controller_->begin_epochs());
        FL_CHECK(listen());
        controller_->publish();
        each_shard([](Shard& shard) { shard.start_accepting(); });
        return {};
    }

    Result<void> stop() {
        Result<void> outcome;
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            auto done = env_.shards.call(shard_id(i), env_.clock.in(kStopTimeout),
                                         [shared = shared_](Env& env) {
                                             Shard* shard = shared->shards[env.shard.v];
                                             Result<Unit> result = Unit{};
                                             if (shard == nullptr) return result;
                                             if (const auto closed = shard->stop(); !closed.ok())
                                                 result = closed.error();
                                             return result;
                                         });
            if (!done.ok())
                outcome = done.error();
            else if (!(*done).ok())
                outcome = (*done).error();
        }
        if (first_ != nullptr) {
            if (auto closed = first_->stop(); !closed.ok()) outcome = closed;
        }
        // Checkpoints of the first shard asked the others: only now may they go.
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            (void)env_.shards.call(shard_id(i), env_.clock.in(kStopTimeout),
                                   [shared = shared_](Env& env) {
                                       if (Shard* shard = shared->shards[env.shard.v]) shard->end();
                                       return Unit{};
                                   });
        }
        return outcome;
    }

    const std::vector<Endpoint>& endpoints() const { return endpoints_; }

private:
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

    Result<void> match_logs() {
        const KnownTopics known = controller_->known_topics();
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
        const ListenerConfig& first = shared_->config.listeners.front();
        const std::string host =
            !first.advertised.host.empty() ? first.advertised.host : endpoints_[0].host;
        const std::uint16_t port =
            first.advertised.port != 0 ? first.advertised.port : endpoints_[0].port;
        controller_->set_broker({shared_->config.node, host, port});
        return {};
    }

    template <class Fn>
    void each_shard(Fn fn) {
        fn(*first_);
        for (unsigned i = 1; i < env_.shards.count(); ++i) {
            (void)env_.shards.call(shard_id(i), env_.clock.in(kStartTimeout),
                                   [shared = shared_, fn](Env& env) {
                                       fn(shared->at(env));
                                       return Unit{};
                                   });
        }
    }

    Env& env_;
    SharedRef shared_;
    std::unique_ptr<Shard> first_;
    std::unique_ptr<Controller> controller_;
    std::vector<Endpoint> endpoints_;
};
}  // namespace

Result<void> run_broker(Env& env, BrokerConfig config, fiber::StopToken stop) {
    FL_ASSERT(!config.listeners.empty() && !config.log_dirs.empty());
    const auto on_ready = config.on_ready;
    Broker broker(env, std::move(config));
    const auto started = broker.start();
    if (!started.ok()) {
        (void)broker.stop();  // the first error is the one to tell
        return started;
    }
    const std::uint32_t port = broker.endpoints().front().port;
    env.probe.emit([&] { return probe::BrokerReady{port}; });
    if (on_ready) on_ready(broker.endpoints());
    env.fibers.sleep_until(Deadline::never(), stop);
    const auto stopped = broker.stop();
    env.probe.emit([&] { return probe::BrokerStopped{stopped.ok()}; });
    return stopped;
}
}  // namespace faultline::broker
