#include "core/broker/lifecycle.h"

#include <algorithm>

#include "core/controller/leases.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;
constexpr Duration kSoon = 20ms;  // until the next heartbeat while something is awaited
}  // namespace

Lifecycle::Lifecycle(Env& env, LifecycleConfig config, ControllerChannel& channel,
                     controller::Controller& local, Hooks hooks)
    : env_(env),
      config_(std::move(config)),
      channel_(channel),
      local_(local),
      hooks_(std::move(hooks)),
      incarnation_{.hi = env.rng.next(), .lo = env.rng.next()} {}

Result<void> Lifecycle::enlist_once(fiber::StopToken stop) {
    wire::BrokerRegistrationRequest q;
    q.broker_id = config_.node.v;
    q.cluster_id = config_.cluster_id;
    q.incarnation_id = incarnation_;
    auto& listener = q.listeners.emplace_back();
    listener.name = config_.listener;
    listener.host = config_.advertised.host;
    listener.port = config_.advertised.port;
    q.rack = config_.rack;
    q.log_dirs = config_.log_dirs;
    q.previous_broker_epoch = config_.previous_epoch;
    FL_TRY(const auto answer,
           channel_.ask<wire::BrokerRegistrationResponse>(q, env_.clock.in(config_.session), stop));
    if (answer.error_code == KafkaError::inconsistent_cluster_id)
        return Error{Errc::invalid, 0, "broker.other_cluster"};
    if (answer.error_code != KafkaError::none) return Error{Errc::busy, 0, "broker.registration"};
    epoch_ = answer.broker_epoch;
    env_.probe.emit([&] { return probe::BrokerRegistered{epoch_, true}; });
    return {};
}

Result<void> Lifecycle::enlist(fiber::StopToken stop) {
    while (true) {
        const auto done = enlist_once(stop);
        if (done.ok()) break;
        if (done.code() == Errc::cancelled || done.code() == Errc::invalid) return done;
        env_.log.warn("broker {} is not registered yet: {}", config_.node.v,
                      to_string(done.error()));
        if (env_.fibers.sleep_until(env_.clock.in(kSoon * 5), stop) == fiber::Wake::cancelled)
            return Error{Errc::cancelled, 0, "broker.enlist"};
    }
    while (local_.quorum().applied().v <= epoch_) {
        if (env_.fibers.sleep_until(env_.clock.in(1ms), stop) == fiber::Wake::cancelled)
            return Error{Errc::cancelled, 0, "broker.enlist"};
    }
    return {};
}

void Lifecycle::start(fiber::Group& fibers) {
    fibers.spawn({.name = "broker heartbeat"}, [this](fiber::StopToken stop) { run(stop); });
}

void Lifecycle::run(fiber::StopToken stop) {
    while (!stop.stop_requested()) {
        const Duration pause = beat(stop);
        hurrying_ = false;
        (void)hurry_.wait(env_.clock.in(pause), stop, [&] { return hurrying_; });
    }
    ended_ = true;
    changed_.notify_all();
}

Duration Lifecycle::beat(fiber::StopToken stop) {
    if (forgotten_) {
        // Another process had the id meanwhile, or an operator unregistered this one.
        incarnation_ = {.hi = env_.rng.next(), .lo = env_.rng.next()};
        config_.previous_epoch = -1;
        if (!enlist_once(stop).ok()) return kSoon * 5;
        forgotten_ = false;
    }
    wire::BrokerHeartbeatRequest q;
    q.broker_id = config_.node.v;
    q.broker_epoch = epoch_;
    q.current_metadata_offset = local_.quorum().applied().v - 1;
    q.want_fence = !leaving_ && !hooks_.healthy();
    if (q.want_fence) {
        env_.probe.reached(probe::Site::broker_wants_fence);
        hooks_.lease(env_.clock.now());  // others may lead before the answer is here
    }
    q.want_shut_down = leaving_;
    const MonoTime sent = env_.clock.now();
    bool by_own = false;
    const auto answer = channel_.ask<wire::BrokerHeartbeatResponse>(
        q, env_.clock.in(config_.session / 2), stop, &by_own);
    if (!answer.ok()) return kSoon;
    judge(*answer, sent, by_own);
    if (fenced_ || leaving_ || sent < deposed_at_) return kSoon;
    // By its own word the lease is shorter.
    return by_own ? config_.heartbeat / 2 : config_.heartbeat;
}

void Lifecycle::own_controller_deposed() {
    deposed_at_ = env_.clock.now();
    hooks_.lease(deposed_at_);
    hurrying_ = true;
    hurry_.notify_all();
}

// `by_own`: the controller of this node has answered. When the others cannot hear it, its
// successor waits for its broker less long than for the other ones.
void Lifecycle::judge(const wire::BrokerHeartbeatResponse& answer, MonoTime sent, bool by_own) {
    if (answer.error_code == KafkaError::stale_broker_epoch ||
        answer.error_code == KafkaError::broker_id_not_registered) {
        env_.log.warn("broker {} was taken out of the cluster: it registers again", config_.node.v);
        forgotten_ = fenced_ = true;
        hooks_.lease(sent);
        return;
    }
    if (answer.error_code != KafkaError::none) return;
    if (fenced_ != answer.is_fenced)
        env_.probe.emit([&] { return probe::BrokerRegistered{epoch_, answer.is_fenced}; });
    fenced_ = answer.is_fenced;
    may_leave_ = answer.should_shut_down;
    MonoTime until = sent + controller::broker_lease(config_.session);
    if (by_own) {
        const MonoTime own = local_.own_lease();
        const bool only = local_.image().brokers.size() <= 1;  // nobody else can lead
        until = only ? own : std::min(until, own);
    }
    // Its successor counts from the moment at which the controller here lost the quorum.
    if (fenced_ || sent < deposed_at_) until = sent;
    hooks_.lease(until);
    changed_.notify_all();
}

Result<void> Lifecycle::wait_unfenced(fiber::StopToken stop) {
    return changed_.wait(Deadline::never(), stop, [&] { return !fenced_; });
}

void Lifecycle::shut_down(Deadline deadline) {
    leaving_ = hurrying_ = true;
    hurry_.notify_all();
    (void)changed_.wait(deadline, {}, [&] { return may_leave_ || ended_; });
}
}  // namespace faultline::broker
