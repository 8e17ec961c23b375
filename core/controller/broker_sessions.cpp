#include "core/controller/broker_sessions.h"

#include <algorithm>

#include "core/controller/quorum_peer.h"

namespace faultline::controller {
namespace {
constexpr Duration kConnectTimeout = 1s;
constexpr Duration kConnectAgain = 200ms, kConnectSoon = 2ms;  // at most, and at first
}  // namespace

BrokerSessions::BrokerSessions(Env& env, NodeId self, Duration session, fiber::Group& fibers,
                               Lost lost)
    : env_(env), self_(self), session_(session), fibers_(fibers), lost_(std::move(lost)) {
    fibers_.spawn({.name = "broker sessions"}, [this](fiber::StopToken stop) { expire(stop); });
}

BrokerSessions::Session* BrokerSessions::find(NodeId broker, std::int64_t epoch) {
    const auto it = sessions_.find(broker);
    return it == sessions_.end() || it->second.epoch != epoch ? nullptr : &it->second;
}

const BrokerSessions::Session* BrokerSessions::find(NodeId broker, std::int64_t epoch) const {
    const auto it = sessions_.find(broker);
    return it == sessions_.end() || it->second.epoch != epoch ? nullptr : &it->second;
}

bool BrokerSessions::ending(NodeId broker, std::int64_t epoch) const {
    const Session* s = find(broker, epoch);
    return s != nullptr && s->ending;
}

bool BrokerSessions::over(NodeId broker, std::int64_t epoch) const {
    const Session* s = find(broker, epoch);
    return s != nullptr && (s->refused || env_.clock.now() - s->heard >= session_);
}

void BrokerSessions::lose(NodeId broker, std::int64_t epoch) {
    lost_(broker, epoch);
    if (Session* s = find(broker, epoch)) s->ending = false;
}

void BrokerSessions::follow(const model::MetadataImage& image) {
    std::erase_if(sessions_, [&](const auto& s) { return image.broker(s.first) == nullptr; });
    for (const model::BrokerImage& b : image.brokers) {
        Session& s = sessions_[b.id];
        if (s.epoch != b.epoch) s = {b.epoch, {b.host, b.port}, true, env_.clock.now()};
        if (s.fenced && !b.fenced) s.heard = env_.clock.now();
        s.fenced = b.fenced;
        if (s.fenced || s.watched || b.id == self_) continue;
        s.watched = true;
        fibers_.spawn({.name = "broker watch"},
                      [this, id = b.id, epoch = b.epoch](fiber::StopToken stop) {
                          watch(id, epoch, stop);
                          if (Session* left = find(id, epoch)) left->watched = false;
                      });
    }
}

void BrokerSessions::suspect(NodeId broker, Duration left) {
    const auto it = sessions_.find(broker);
    if (it != sessions_.end()) it->second.heard = env_.clock.now() + (left - session_);
}

void BrokerSessions::touch(NodeId broker, std::int64_t epoch) {
    Session* s = find(broker, epoch);
    if (s == nullptr) return;
    s->heard = env_.clock.now();
    s->broken = s->refused = false;
}

bool BrokerSessions::alive(NodeId broker, std::int64_t epoch) const {
    const auto it = sessions_.find(broker);
    if (it == sessions_.end() || it->second.epoch != epoch || it->second.fenced) return false;
    return !it->second.broken && env_.clock.now() - it->second.heard < session_;
}

// A process that ends closes its connections, and its port is refused: there is nothing to wait
// for. Whatever else breaks a connection is left to the session.
void BrokerSessions::watch(NodeId broker, std::int64_t epoch, fiber::StopToken stop) {
    Duration pause = kConnectSoon;
    while (!stop.stop_requested()) {
        const Session* s = find(broker, epoch);
        if (s == nullptr || s->fenced) return;
        auto conn = env_.net.connect(s->endpoint, env_.clock.in(kConnectTimeout), stop);
        if (conn.ok()) {
            const MonoTime since = env_.clock.now();
            IoBuf nothing;  // nobody writes there
            (void)(*conn)->read_some(nothing, 1, Deadline::never(), stop);
            if (Session* broken = find(broker, epoch)) broken->broken = true;
            // While a process ends its port may be open for a moment longer than its connections.
            if (env_.clock.now() - since > kConnectAgain) pause = kConnectSoon;
        } else if (is_refused(conn.error())) {
            if (Session* gone = find(broker, epoch)) {
                env_.probe.reached(probe::Site::broker_gone_at_once);
                gone->refused = gone->ending = true;
                lose(broker, epoch);
            }
        }
        env_.fibers.sleep_until(env_.clock.in(pause), stop);
        pause = std::min(pause * 2, kConnectAgain);
    }
}

void BrokerSessions::expire(fiber::StopToken stop) {
    const Duration step = std::clamp<Duration>(session_ / 20, 10ms, 500ms);
    while (true) {
        const MonoTime due = env_.clock.now() + step;
        if (env_.fibers.sleep_until(Deadline{due}, stop) != fiber::Wake::timed_out) return;
        // When this process stood still, the heartbeats of then wait to be read, or all stood
        // still.
        if (const Duration late = env_.clock.now() - due; late > step) {
            for (auto& [id, s] : sessions_) s.heard = s.heard + late;
        }
        std::vector<std::pair<NodeId, std::int64_t>> over;
        for (auto& [id, s] : sessions_) {
            if (s.fenced || env_.clock.now() - s.heard < session_) continue;
            s.ending = true;
            over.emplace_back(id, s.epoch);
        }
        for (const auto& [id, epoch] : over) {
            env_.probe.reached(probe::Site::broker_session_expired);
            lose(id, epoch);
        }
    }
}
}  // namespace faultline::controller
