// The way to one other replica of the quorum: two lanes, because a fetch may be held back by the
// leader and must not keep votes waiting behind it.
#pragma once
#include <deque>
#include <functional>
#include <memory>

#include "core/controller/quorum_messages.h"
#include "core/env/env.h"
#include "core/fiber/sync.h"
#include "core/rpc/client_conn.h"
#include "gen/wire/update_raft_voter_request.h"

namespace faultline::controller {

struct PeerConfig {
    NodeId node;
    Endpoint endpoint;
    std::string cluster_id;
    Duration request_timeout{};
    // A connection whose other end is gone takes what is sent without a word, and nothing else is
    // sent meanwhile. For connecting, fetches and parts of snapshots; and for votes and the like.
    Duration patience{}, vote_patience{};
    std::int32_t fetch_wait_ms = 0;
    std::optional<std::pair<std::string, Endpoint>> own{};  // a listener of this node, for the peer
};

// What comes back from a peer.
class PeerEvents {
public:
    virtual ~PeerEvents() = default;
    virtual void answered(NodeId from, const raft::Message& message) = 0;
    // A fetch's answer: the batches stand in `records`.
    virtual void fetched(NodeId from, raft::FetchResponse response, const IoBuf& records) = 0;
    // Where a node listens as a controller.
    virtual void learned(NodeId node, const Endpoint& endpoint) = 0;
    // Nothing came. `gone`: nobody listens there, its process is not running.
    virtual void unreachable(NodeId peer, bool was_fetch, bool gone) = 0;
};

class QuorumPeer {
public:
    QuorumPeer(Env& env, PeerConfig config, PeerEvents& events, fiber::Group& fibers);
    // Never parks. A request that still waits when another of its kind comes is replaced: Raft
    // repeats what matters.
    void send(raft::Message message);
    // The next part of a snapshot, over a connection of its own. One at a time. Parks.
    Result<SnapshotPart> fetch_snapshot(const SnapshotPartRequest& q, fiber::StopToken stop);
    void close_snapshots();
    // Parks. What comes back does not matter: it is said again while it is so.
    void update_voter(const wire::UpdateRaftVoterRequest& q, fiber::StopToken stop);
    // The node listens there now.
    void move_to(const Endpoint& endpoint) { config_.endpoint = endpoint; }
    const Endpoint& endpoint() const noexcept { return config_.endpoint; }

private:
    struct Lane {
        std::deque<raft::Message> waiting;
        fiber::Condition more;
        std::shared_ptr<rpc::ClientConn> conn;
        Endpoint to;      // of conn
        MonoTime used{};  // last
        Endpoint tried;   // last
    };
    void run(Lane& lane, fiber::StopToken stop);
    Result<void> connect(Lane& lane, fiber::StopToken stop);
    Result<void> exchange(Lane& lane, const raft::Message& message, fiber::StopToken stop);

    Env& env_;
    PeerConfig config_;
    PeerEvents& events_;
    Lane fetches_, others_, snapshots_;
    // Snapshots are fetched and addresses told by different fibers, over one connection.
    fiber::Mutex snapshots_turn_;
};

// Whether an error says that the machine is there, but nothing listens at that port.
bool is_refused(const Error& error) noexcept;
}  // namespace faultline::controller
