// Who of the brokers is alive, as the active controller sees it: heartbeats, and a connection to
// each broker that breaks when its process ends. Soft state: a new controller begins with a fresh
// session for everybody, but see suspect().
#pragma once
#include <functional>
#include <map>
#include <memory>

#include "core/env/env.h"
#include "core/model/metadata_image.h"

namespace faultline::controller {

class BrokerSessions {
public:
    // `lost` is called, from a fiber of `fibers`, for a broker whose process is gone or whose
    // session is over; it may park.
    using Lost = std::function<void(NodeId, std::int64_t epoch)>;
    BrokerSessions(Env& env, NodeId self, Duration session, fiber::Group& fibers, Lost lost);

    // The brokers of `image` are the ones that count. Never parks.
    void follow(const model::MetadataImage& image);
    // It may be gone: it has but this long to show that it lives (leases.h).
    void suspect(NodeId broker, Duration left);
    // A heartbeat came.
    void touch(NodeId broker, std::int64_t epoch);
    // `lost` was called, and is still to be told for: it may park before it decides. What is
    // answered to that broker now must come after it.
    bool ending(NodeId broker, std::int64_t epoch) const;
    // Still not heard of, when it comes to the decision.
    bool over(NodeId broker, std::int64_t epoch) const;
    // Heard of within its session, and its connection has not broken since.
    bool alive(NodeId broker, std::int64_t epoch) const;

private:
    struct Session {
        std::int64_t epoch = -1;
        Endpoint endpoint;
        bool fenced = true;
        MonoTime heard{};
        bool broken = false;   // its connection broke after the last heartbeat
        bool refused = false;  // and its port was refused
        bool ending = false;   // `lost` is under way
        bool watched = false;  // a fiber looks after it
    };
    void watch(NodeId broker, std::int64_t epoch, fiber::StopToken stop);
    void expire(fiber::StopToken stop);
    Session* find(NodeId broker, std::int64_t epoch);
    const Session* find(NodeId broker, std::int64_t epoch) const;
    void lose(NodeId broker, std::int64_t epoch);

    Env& env_;
    NodeId self_;
    Duration session_;
    fiber::Group& fibers_;
    Lost lost_;
    std::map<NodeId, Session> sessions_;
};
}  // namespace faultline::controller
