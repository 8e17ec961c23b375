// A replica that knows no leader, and the votes that it gives.
#include <algorithm>

#include "core/logic/raft/raft.h"

namespace faultline::logic::raft {

void Raft::become_unattached(MonoTime now, Epoch epoch) {
    const HeldFetches held = stop_leading();
    if (epoch > state_.epoch) persist({epoch, {}, {}});
    const Duration wait = drawn_timeout();
    const Duration soon = config_.request_timeout / 20;
    const MonoTime ask_at = now + soon + Duration{rng_.between(0, soon.count())};
    // Who was lost is the last to know.
    role_ = Unattached{std::max(now + wait, promised_until_), ask_at, state_.leader};
    refuse_all(held);
}

std::vector<NodeId> Raft::who_may_know() const {
    std::vector<NodeId> others;
    for (const ReplicaKey& voter : voters_.current().all()) others.push_back(voter.id);
    for (const NodeId id : config_.bootstrap) {
        if (std::ranges::find(others, id) == others.end()) others.push_back(id);
    }
    std::erase(others, self_.id);
    return others;
}

void Raft::tick(MonoTime now, Unattached& role) {
    if (stands() && now >= std::max(role.election_at, promised_until_))
        return become_prospective(now);
    if (now < role.ask_at) return;
    // Whoever is asked for records says who leads.
    std::vector<NodeId> others = who_may_know();
    // Who does not answer may be gone, and a broker has no more than its session.
    role.ask_at = now + std::min(config_.request_timeout, config_.fetch_timeout) / 2;
    if (others.size() > 1 && role.asked) std::erase(others, *role.asked);
    if (others.empty()) return;
    NodeId to = others[rng_.below(others.size())];
    const auto led = leader();
    if (led && led != role.asked && rng_.chance(1, 2)) to = *led;
    role.asked = to;
    ask_whether_leads(to);
}

// Who was asked does not know, or cannot be reached.
void Raft::ask_another_soon(MonoTime now, Unattached& role) const {
    role.ask_at = std::min(role.ask_at, now + config_.request_timeout / 10);
}

// It asks from what is on the disk, as fetch() does: a leader counts that as held.
void Raft::ask_whether_leads(NodeId other) {
    if (log_.durable < log_.end) return;
    send(other, FetchRequest{state_.epoch, self_, log_.last(), high_watermark_, ++fetches_});
}

// What it promised to a leader outlasts the role: a later epoch says nothing of whether that one
// still counts on it.
bool Raft::hears_leader(MonoTime now) const { return leads() || now < promised_until_; }

void Raft::on(MonoTime now, NodeId from, const VoteRequest& q) {
    catch_up(now, q.epoch, {});
    VoteResponse r;
    r.pre_vote = q.pre_vote;
    r.asked = q.epoch;
    if (!q.voter.same(self_)) {
        r.error = RaftError::invalid_voter_key;
    } else if (q.epoch == state_.epoch) {
        if (q.pre_vote) {
            r.granted = may_pre_vote(hears_leader(now), q.last, log_.last());
            if (r.granted) leave_it_to(now, q.candidate);
        } else if (!hears_leader(now) && may_vote(state_, q.candidate, q.last, log_.last())) {
            r.granted = true;
            QuorumState promised = state_;
            if (!promised.voted) promised.voted = q.candidate;
            persist(std::move(promised));
            become_unattached(now, state_.epoch);  // it gets the time to win
        }
    }
    r.epoch = state_.epoch;
    r.leader = leader();
    send(from, r);
}

void Raft::on(MonoTime now, NodeId, const EndQuorumEpochRequest& q) {
    if (q.epoch < state_.epoch || q.leader == self_.id || names_another(q.epoch, q.leader)) return;
    promised_until_ = {};
    become_unattached(now, q.epoch);
    QuorumState known = state_;
    known.leader = q.leader;
    persist(std::move(known));
    reign_over_ = true;
    // The best successor at once, the others later, in their order. That is a wish: a fetch that
    // waited there may be refused before, and who hears that does not wait for its place.
    const auto& order = q.preferred_successors;
    const auto self = [&](const ReplicaKey& replica) { return replica.same(self_); };
    const auto place = std::ranges::find_if(order, self) - order.begin();
    if (place == std::ssize(order)) return;
    if (place == 0 && stands()) return become_prospective(now);
    auto& role = std::get<Unattached>(role_);
    role.election_at = std::min(role.election_at, now + config_.election_timeout / 4 * place);
}
}  // namespace faultline::logic::raft
