#include "core/controller/quorum_peer.h"

#include <algorithm>

#include "gen/wire/update_raft_voter_response.h"

namespace faultline::controller {
namespace {
// What was not used for so long may have been forgotten on the way, without a word: a vote does not
// try it.
constexpr Duration kIdle = 10s;
}  // namespace

bool is_refused(const Error& error) noexcept {
    return error.code == Errc::unreachable && error.sys == kConnectionRefused;
}

QuorumPeer::QuorumPeer(Env& env, PeerConfig config, PeerEvents& events, fiber::Group& fibers)
    : env_(env), config_(std::move(config)), events_(events) {
    fibers.spawn({.name = "quorum fetch"}, [this](fiber::StopToken stop) { run(fetches_, stop); });
    fibers.spawn({.name = "quorum peer"}, [this](fiber::StopToken stop) { run(others_, stop); });
}

void QuorumPeer::send(raft::Message message) {
    Lane& lane = std::holds_alternative<raft::FetchRequest>(message) ? fetches_ : others_;
    std::erase_if(lane.waiting,
                  [&](const raft::Message& m) { return m.index() == message.index(); });
    lane.waiting.push_back(std::move(message));
    lane.more.notify_all();
}

void QuorumPeer::run(Lane& lane, fiber::StopToken stop) {
    while (lane.more.wait(Deadline::never(), stop, [&] { return !lane.waiting.empty(); }).ok()) {
        const raft::Message message = std::move(lane.waiting.front());
        lane.waiting.pop_front();
        const auto before = lane.conn;
        auto done = connect(lane, stop);
        const bool reused = done.ok() && lane.conn == before;
        if (done.ok()) done = exchange(lane, message, stop);
        if (done.ok()) continue;
        if (done.code() == Errc::cancelled) break;
        // Of where it is now: it may have moved while this was tried.
        const auto refused = [&](const Error& e) {
            return is_refused(e) && lane.tried == config_.endpoint;
        };
        bool gone = refused(done.error());
        if (lane.conn != nullptr) {
            lane.conn->close();
            lane.conn.reset();
            // The stream broke: whether the process went with it shows at once. One that was there
            // before may be of a process long gone; all of them may be said twice.
            if (done.code() != Errc::timed_out) {
                done = connect(lane, stop);
                gone = !done.ok() && refused(done.error());
                if (done.ok() && reused && exchange(lane, message, stop).ok()) continue;
            }
        }
        events_.unreachable(config_.node, std::holds_alternative<raft::FetchRequest>(message),
                            gone);
    }
    if (lane.conn != nullptr) lane.conn->close();
    lane.conn.reset();
}

Result<void> QuorumPeer::connect(Lane& lane, fiber::StopToken stop) {
    const bool fresh = env_.clock.now() - std::exchange(lane.used, env_.clock.now()) < kIdle;
    if (lane.conn != nullptr && lane.conn->usable() && lane.to == config_.endpoint && fresh)
        return {};
    if (lane.conn != nullptr) lane.conn->close();
    lane.conn.reset();
    const Deadline deadline = env_.clock.in(config_.patience);
    const Endpoint to = config_.endpoint;
    lane.tried = to;
    FL_TRY(auto stream, env_.net.connect(to, deadline, stop));
    auto conn = std::make_shared<rpc::ClientConn>(
        env_.fibers, std::move(stream), rpc::ClientConnOptions{.client_id = "quorum"}, env_.probe);
    if (const auto started = conn->start(deadline, stop); !started.ok()) {
        conn->close();
        return started;
    }
    lane.conn = std::move(conn);
    lane.to = to;
    return {};
}

Result<void> QuorumPeer::exchange(Lane& lane, const raft::Message& message, fiber::StopToken stop) {
    const bool fetches = std::holds_alternative<raft::FetchRequest>(message);
    const Deadline deadline = env_.clock.in(fetches ? config_.patience : config_.vote_patience);
    rpc::ClientConn& conn = *lane.conn;
    if (const auto* q = std::get_if<raft::FetchRequest>(&message)) {
        FL_TRY(const auto answer,
               conn.call<wire::FetchResponse>(
                   to_wire(*q, config_.cluster_id, config_.fetch_wait_ms), deadline, stop));
        for (const auto& e : answer.node_endpoints) {
            if (e.port > 0 && e.port <= UINT16_MAX)
                events_.learned(NodeId{e.node_id}, {e.host, static_cast<std::uint16_t>(e.port)});
        }
        IoBuf records;
        FL_TRY(auto response, from_wire(answer, *q, records));
        events_.fetched(config_.node, std::move(response), records);
    } else if (const auto* vote = std::get_if<raft::VoteRequest>(&message)) {
        FL_TRY(const auto answer,
               conn.call<wire::VoteResponse>(to_wire(*vote, config_.cluster_id), deadline, stop));
        FL_TRY(const auto response, from_wire(answer, *vote));
        events_.answered(config_.node, response);
    } else if (const auto* begin = std::get_if<raft::BeginQuorumEpochRequest>(&message)) {
        wire::BeginQuorumEpochRequest request = to_wire(*begin, config_.cluster_id);
        if (config_.own) {
            const auto& [name, at] = *config_.own;
            request.leader_endpoints.push_back({name, at.host, at.port, {}});
        }
        FL_TRY(const auto answer,
               conn.call<wire::BeginQuorumEpochResponse>(request, deadline, stop));
        FL_TRY(const auto response, from_wire(answer, *begin));
        events_.answered(config_.node, response);
    } else if (const auto* end = std::get_if<raft::EndQuorumEpochRequest>(&message)) {
        FL_TRY(const auto answer, conn.call<wire::EndQuorumEpochResponse>(
                                      to_wire(*end, config_.cluster_id), deadline, stop));
        (void)answer;  // nothing follows from it
    }
    return {};
}

Result<SnapshotPart> QuorumPeer::fetch_snapshot(const SnapshotPartRequest& q,
                                                fiber::StopToken stop) {
    const auto turn = snapshots_turn_.lock();
    FL_CHECK(connect(snapshots_, stop));
    FL_TRY(const auto answer,
           snapshots_.conn->call<wire::FetchSnapshotResponse>(
               to_wire(q, config_.cluster_id), env_.clock.in(config_.patience), stop));
    return from_wire(answer);
}

void QuorumPeer::update_voter(const wire::UpdateRaftVoterRequest& q, fiber::StopToken stop) {
    const auto turn = snapshots_turn_.lock();
    if (const auto connected = connect(snapshots_, stop); !connected.ok()) return;
    (void)snapshots_.conn->call<wire::UpdateRaftVoterResponse>(  // it is asked again
        q, env_.clock.in(config_.request_timeout), stop);
}

void QuorumPeer::close_snapshots() {
    const auto turn = snapshots_turn_.lock();
    if (snapshots_.conn != nullptr) snapshots_.conn->close();
    snapshots_.conn.reset();
}
}  // namespace faultline::controller
