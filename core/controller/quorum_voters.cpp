// Who the replicas of the quorum are and where they listen (KIP-853).
#include <algorithm>

#include "core/base/assert.h"
#include "core/controller/quorum.h"
#include "gen/wire/update_raft_voter_request.h"
#include "gen/wire/update_raft_voter_response.h"

namespace faultline::controller {
namespace {
constexpr Duration kAgain = 20ms;           // between attempts to change the voters
constexpr Duration kCompareAddresses = 1s;  // with what the log says of this one
}  // namespace

// Not known yet, and asked who leads: by numbers that no node has.
NodeId bootstrap_id(std::size_t index) { return NodeId{-2 - static_cast<std::int32_t>(index)}; }

std::optional<Endpoint> Quorum::endpoint_of(NodeId node) const {
    if (node.v <= bootstrap_id(0).v) {
        const auto index = static_cast<std::size_t>(bootstrap_id(0).v - node.v);
        if (index < config_.bootstrap.size()) return config_.bootstrap[index];
        return {};
    }
    if (raft_) {
        const auto* addresses = raft_->voters().current().addresses(node);
        if (addresses != nullptr && !addresses->empty())
            return Endpoint{addresses->front().host, addresses->front().port};
    }
    const auto it = std::ranges::find(config_.voters, node, &VoterEndpoint::id);
    if (it != config_.voters.end()) return it->endpoint;
    const auto learned = learned_.find(node);
    if (learned != learned_.end()) return learned->second;
    return {};
}

void Quorum::learned(NodeId node, const Endpoint& endpoint) {
    if (node.v >= 0 && !endpoint.host.empty()) learned_[node] = endpoint;
}

QuorumPeer* Quorum::peer(NodeId node) {
    if (node == config_.node) return nullptr;
    const auto endpoint = endpoint_of(node);
    const auto it = peers_.find(node);
    if (it != peers_.end()) {
        if (endpoint) it->second->move_to(*endpoint);
        return it->second.get();
    }
    if (!endpoint) return nullptr;
    PeerConfig peer;
    peer.node = node;
    peer.endpoint = *endpoint;
    peer.cluster_id = config_.cluster_id;
    const raft::RaftConfig& times = config_.raft;
    peer.request_timeout = times.request_timeout;
    // Who asked has given that leader up by then, or that election.
    peer.patience =
        std::min(times.request_timeout, std::max(times.fetch_timeout, 2 * times.fetch_wait));
    peer.vote_patience =
        std::min(times.request_timeout, std::max(peer.patience, 2 * times.election_timeout));
    peer.fetch_wait_ms = static_cast<std::int32_t>(times.fetch_wait / 1ms);
    if (config_.advertised) peer.own = {config_.listener, *config_.advertised};
    return (peers_[node] = std::make_unique<QuorumPeer>(env_, std::move(peer), *this, fibers_))
        .get();
}

raft::VoterAddresses Quorum::own_addresses() const {
    if (!config_.advertised) return {};
    return {{config_.listener, config_.advertised->host, config_.advertised->port}};
}

Result<raft::ChangeRefusal> Quorum::change_voters(
    const std::function<raft::ChangeRefusal()>& change, Deadline deadline) {
    using raft::ChangeRefusal;
    ChangeRefusal refusal = ChangeRefusal::none;
    while (true) {
        if (broken_) return *broken_;
        refusal = change();
        poke();
        const bool later =
            refusal == ChangeRefusal::not_ready || refusal == ChangeRefusal::not_caught_up;
        if (!later || env_.clock.now() >= deadline.at) break;
        const Deadline soon = std::min(deadline, env_.clock.in(kAgain));
        if (env_.fibers.sleep_until(soon, fibers_.token()) == fiber::Wake::cancelled)
            return Error{Errc::cancelled, 0, "quorum.change_voters"};
    }
    if (refusal == ChangeRefusal::not_leader) return Error{Errc::fenced, 0, "quorum.change_voters"};
    if (refusal != ChangeRefusal::none) return refusal;
    const Epoch epoch = raft_->state().epoch;
    const Offset at = raft_->voters().current_offset();
    const auto committed = [&] { return raft_->high_watermark() > at; };
    FL_CHECK(handed_out_.wait(deadline, fibers_.token(), [&] {
        return committed() || broken_ || raft_->state().epoch != epoch;
    }));
    // Another leader may have carried it on, but that is not known here.
    if (!committed() || raft_->state().epoch != epoch)
        return Error{Errc::fenced, 0, "quorum.change_voters"};
    return refusal;
}

Result<raft::ChangeRefusal> Quorum::add_voter(const raft::ReplicaKey& replica,
                                              const raft::VoterAddresses& addresses,
                                              Deadline deadline) {
    return change_voters([&] { return raft_->add_voter(replica, addresses); }, deadline);
}

Result<raft::ChangeRefusal> Quorum::remove_voter(const raft::ReplicaKey& replica,
                                                 Deadline deadline) {
    return change_voters([&] { return raft_->remove_voter(replica); }, deadline);
}

Result<raft::ChangeRefusal> Quorum::update_voter(const raft::ReplicaKey& replica,
                                                 const raft::VoterAddresses& addresses,
                                                 Deadline deadline) {
    return change_voters(
        [&] {
            const raft::VoterSet& now = raft_->voters().current();
            auto other = now.updated(replica, addresses);
            if (!other) return raft::ChangeRefusal::not_voter;
            if (*other == now) return raft::ChangeRefusal::none;
            return raft_->restate_voters(*std::move(other));
        },
        deadline);
}

Result<raft::ChangeRefusal> Quorum::begin_dynamic_voters(Deadline deadline) {
    return change_voters([&] { return restate_in_log(); }, deadline);
}

// The voters of the configuration, with the directories that they showed in their fetches.
raft::ChangeRefusal Quorum::restate_in_log() {
    using raft::ChangeRefusal;
    const auto* leader = std::get_if<raft::Leader>(&raft_->role());
    if (leader == nullptr) return ChangeRefusal::not_leader;
    const raft::VoterSet& now = raft_->voters().current();
    if (now.in_log()) return ChangeRefusal::none;
    std::vector<raft::ReplicaKey> keys;
    std::map<NodeId, raft::VoterAddresses> addresses;
    for (const raft::ReplicaKey& voter : now.all()) {
        const auto it = leader->progress.find(voter.id);
        raft::ReplicaKey key = voter.id == raft_->self().id ? raft_->self() : voter;
        if (it != leader->progress.end() && voter.id != raft_->self().id) key = it->second.replica;
        if (key.directory.is_zero()) return ChangeRefusal::not_caught_up;
        const auto endpoint = endpoint_of(key.id);
        if (key.id == config_.node && config_.advertised) {
            addresses[key.id] = own_addresses();
        } else if (endpoint) {
            addresses[key.id] = {{config_.listener, endpoint->host, endpoint->port}};
        }
        keys.push_back(key);
    }
    return raft_->restate_voters(raft::VoterSet(std::move(keys), std::move(addresses)));
}

// A voter that listens elsewhere than the log says tells the leader.
void Quorum::compare_addresses(fiber::StopToken stop) {
    while (env_.fibers.sleep_until(env_.clock.in(kCompareAddresses), stop) ==
           fiber::Wake::timed_out) {
        const raft::VoterSet& voters = raft_->voters().current();
        const auto* known = voters.addresses(config_.node);
        if (!config_.advertised || !voters.in_log() || !voters.contains(raft_->self()) ||
            (known != nullptr && *known == own_addresses()))
            continue;
        if (raft_->leads()) {
            (void)update_voter(raft_->self(), own_addresses(),
                               env_.clock.in(config_.raft.request_timeout));  // else soon again
            continue;
        }
        QuorumPeer* const to = leader() ? peer(*leader()) : nullptr;
        if (to == nullptr) continue;
        wire::UpdateRaftVoterRequest q;
        q.cluster_id = config_.cluster_id;
        q.current_leader_epoch = raft_->state().epoch.v;
        q.voter_id = config_.node.v;
        q.voter_directory_id = raft_->self().directory;
        q.kraft_version_feature.max_supported_version = 1;
        for (const auto& a : own_addresses()) {
            auto& listener = q.listeners.emplace_back();
            listener.name = a.listener;
            listener.host = a.host;
            listener.port = a.port;
        }
        to->update_voter(q, stop);
    }
}
}  // namespace faultline::controller
