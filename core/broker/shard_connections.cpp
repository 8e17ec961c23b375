// A shard's listeners and connections.
#include "core/broker/api_table.h"
#include "core/broker/shard.h"

namespace faultline::broker {
namespace {
// Connections that wait for their turn: how often they look, and how many a listener takes.
constexpr Duration kSlotLook = std::chrono::milliseconds(20);
constexpr std::size_t kMostWaiting = 128;
constexpr Duration kSlotAnswer = 5s;  // of shard 0, which may be busy; then it is asked again
}  // namespace

Result<std::vector<Endpoint>> Shard::listen(const std::vector<Endpoint>& at) {
    std::vector<Endpoint> real;
    for (const Endpoint& endpoint : at) {
        FL_TRY(auto listener, env_.net.listen(endpoint));
        real.push_back(listener->local());
        listeners_.push_back(std::move(listener));
    }
    return real;
}

void Shard::start_accepting() {
    background_.spawn({.name = "partition retry"}, [this](fiber::StopToken stop) {
        while (env_.fibers.sleep_until(env_.clock.in(1s), stop) == fiber::Wake::timed_out) {
            if (!unavailable_.empty()) retry_unavailable();
        }
    });
    background_.spawn({.name = "producer expiry"}, [this](fiber::StopToken stop) {
        // Kafka looks every ten minutes (producer.id.expiration.check.interval.ms).
        while (env_.fibers.sleep_until(env_.clock.in(10min), stop) == fiber::Wake::timed_out) {
            const Duration idle = std::chrono::milliseconds(dynamic_.producer_id_expiration_ms);
            for (const auto& [tp, partition] : partitions_) partition->expire_producers(idle);
        }
    });
    background_.spawn({.name = "leader watch"},
                      [this](fiber::StopToken stop) { watch_leaders(stop); });
    background_.spawn({.name = "isr"}, [this](fiber::StopToken stop) { keep_isr(stop); });
    for (const auto& listener : listeners_) {
        accepting_.spawn({.name = "accept"}, [this, l = listener.get()](fiber::StopToken stop) {
            accept(*l, nullptr, stop);
        });
    }
}

Result<Endpoint> Shard::listen_as_controller(const Endpoint& at,
                                             controller::Controller& controller) {
    FL_TRY(controller_listener_, env_.net.listen(at));
    controller_connections_.spawn({.name = "accept"}, [this, &controller](fiber::StopToken stop) {
        accept(*controller_listener_, &controller, stop);
    });
    return controller_listener_->local();
}

void Shard::accept(Listener& listener, controller::Controller* controller, fiber::StopToken stop) {
    const auto waiting = std::make_shared<std::size_t>(0);  // for a place
    while (!stop.stop_requested()) {
        auto connection = listener.accept(stop);
        if (!connection.ok()) {
            if (connection.code() == Errc::cancelled || connection.code() == Errc::closed) return;
            env_.log.warn("a connection cannot be accepted: {}", to_string(connection.error()));
            env_.fibers.sleep_until(env_.clock.in(std::chrono::milliseconds(100)), stop);
            continue;
        }
        const bool returns = controller == nullptr && ended_connections_;
        fiber::Group& group = controller != nullptr ? controller_connections_
                              : returns             ? returned_
                                                    : connections_;
        group.spawn({.name = "connection"},
                    [this, controller, waiting, returns,
                     c = *std::move(connection)](fiber::StopToken inner) mutable {
                        const std::string host = c->peer().host;
                        const bool counted = controller == nullptr;
                        ++*waiting;
                        if (returns) wait_to_return(inner);
                        const bool granted = !counted || take_slot(host, inner);
                        --*waiting;
                        if (!granted) return;
                        serve(std::move(c), controller, inner);
                        if (counted) give_slot_back(host);
                    });
        // The others wait in the kernel's queue.
        while (*waiting >= kMostWaiting && !stop.stop_requested())
            env_.fibers.sleep_until(env_.clock.in(kSlotLook), stop);
    }
}

// Who was sent away and knows another broker is told there who leads, and must not be served here
// first: librdkafka waits for up to a second when it changes its leader with a request under way.
void Shard::wait_to_return(fiber::StopToken stop) {
    const auto wait = std::chrono::milliseconds(shared_->config.shutdown_return_wait_ms);
    env_.fibers.sleep_until(env_.clock.in(wait), stop);
}

void Shard::serve(ConnectionPtr connection, controller::Controller* controller,
                  fiber::StopToken stop) {
    rpc::ServerConnection server(std::move(connection), shared_->config.limits, env_.clock,
                                 env_.fibers, controller == nullptr ? budget_ : quorum_budget_,
                                 env_.probe, env_.log);
    const auto run = [this, controller, number = ++served_connections_](
                         rpc::Request request, rpc::Responder responder, fiber::Group& fibers) {
        return dispatch({*this, fibers, controller, number}, std::move(request),
                        std::move(responder));
    };
    server.run(run, stop);
}

// Late is never: what the first shard would grant after that it keeps.
Result<ConnectionSlots::Answer> Shard::ask_for_slot(const std::string& host) {
    struct Ask {  // touched on the first shard alone
        bool given_up = false, granted = false;
    };
    const auto ask = std::make_shared<Ask>();
    const auto answer = env_.shards.call(
        ShardId{0}, env_.clock.in(kSlotAnswer), [shared = shared_, host, ask](Env& env) {
            if (ask->given_up) return ConnectionSlots::Answer::full;
            const auto taken = shared->at(env).slots_.take(host, env.clock.now());
            ask->granted = taken == ConnectionSlots::Answer::granted;
            return taken;
        });
    if (!answer.ok() && answer.code() == Errc::timed_out) {
        (void)env_.shards.post(ShardId{0}, [shared = shared_, host, ask](Env& env) {  // going down
            ask->given_up = true;
            Shard* const first = shared->shards[env.shard.v];
            if (ask->granted && first != nullptr) first->slots_.give_back(host);
        });
    }
    return answer;
}

bool Shard::take_slot(const std::string& host, fiber::StopToken stop) {
    using Answer = ConnectionSlots::Answer;
    bool told = false;
    while (!stop.stop_requested()) {
        Answer answer = Answer::full;
        if (env_.shard.v == 0) {
            answer = slots_.take(host, env_.clock.now());
        } else {
            const auto asked = ask_for_slot(host);
            if (!asked.ok() && asked.code() == Errc::timed_out) continue;
            if (!asked.ok()) return false;  // going down
            answer = *asked;
        }
        if (answer == Answer::granted) return true;
        if (answer == Answer::too_many_of) {
            env_.log.warn("closing a connection of {}: max.connections.per.ip is reached", host);
            return false;
        }
        if (!std::exchange(told, true))
            env_.log.warn(
                "a connection of {} waits: {} is reached", host,
                answer == Answer::full ? "max.connections" : "max.connection.creation.rate");
        env_.fibers.sleep_until(env_.clock.in(kSlotLook), stop);
    }
    return false;
}

void Shard::give_slot_back(const std::string& host) {
    if (env_.shard.v == 0) {
        slots_.give_back(host);
        return;
    }
    (void)env_.shards.post(ShardId{0},
                           [shared = shared_, host](Env& env) {  // going down: no matter
                               if (Shard* first = shared->shards[env.shard.v])
                                   first->slots_.give_back(host);
                           });
}
}  // namespace faultline::broker
