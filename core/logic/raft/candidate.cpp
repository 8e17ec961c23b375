// Elections: first the question whether one would be won (KIP-996), then the election.
#include <algorithm>

#include "core/logic/raft/raft.h"

namespace faultline::logic::raft {

// Ongaro's thesis, 4.2.2: a voter that holds its own removal may hold more of the log than the
// others, and they need its vote while the removal is not committed. It leads until it is.
bool Raft::stands() const {
    if (votes()) return true;
    const Offset at = voters_.current_offset();
    return at >= high_watermark_ && voters_.before(at).contains(self_);
}

// A removed voter's own vote does not count.
std::set<NodeId> Raft::own_vote() const {
    return votes() ? std::set<NodeId>{self_.id} : std::set<NodeId>{};
}

void Raft::become_prospective(MonoTime now) {
    Prospective role;
    role.granted = own_vote();
    role.until = now + drawn_timeout();
    const bool alone = role.granted.size() >= voters_.current().majority();
    role_ = std::move(role);
    if (alone) return become_candidate(now);
    ask_for_votes(true);
}

void Raft::become_candidate(MonoTime now) {
    deposed_ = state_.leader;
    persist({Epoch{state_.epoch.v + 1}, {}, self_});
    ++elections_;
    Candidate role;
    role.granted = own_vote();
    role.until = now + drawn_timeout();
    const bool alone = role.granted.size() >= voters_.current().majority();
    role_ = std::move(role);
    if (alone) return become_leader(now);
    ask_for_votes(false);
}

void Raft::ask_for_votes(bool pre_vote) {
    VoteRequest q{state_.epoch, self_, log_.last(), pre_vote};
    for (const ReplicaKey& voter : voters_.current().all()) {
        if (voter.id == self_.id) continue;
        q.voter = voter;
        send(voter.id, q);
    }
}

void Raft::tick(MonoTime now, Prospective& role) {
    if (now < role.until) return;
    if (role.granted.size() >= voters_.current().majority()) return become_candidate(now);
    // A leader that is known may be there all the same: it is asked before the voters are again.
    if (const auto led = leader()) return become_follower(now, state_.epoch, *led);
    if (!stands()) return become_unattached(now, state_.epoch);
    become_prospective(now);
}

void Raft::tick(MonoTime now, Candidate& role) {
    if (now < role.until) return;
    if (!stands()) return become_unattached(now, state_.epoch);
    become_prospective(now);
}

void Raft::on(MonoTime now, NodeId from, const VoteResponse& r) {
    if (catch_up(now, r.epoch, r.leader)) return;
    if (r.asked != state_.epoch || voters_.current().find(from) == nullptr) return;
    // Who grants does so in the epoch that it is asked in.
    if (r.granted && r.epoch != r.asked) return;
    if (auto* prospective = std::get_if<Prospective>(&role_); prospective && r.pre_vote) {
        (r.granted ? prospective->granted : prospective->denied).insert(from);
        if (lost(prospective->denied)) return follow_on(now);
        if (prospective->granted.size() < voters_.current().majority()) return;
        if (now >= leave_it_until_) return become_candidate(now);
        prospective->until = std::min(prospective->until, leave_it_until_);
    } else if (auto* candidate = std::get_if<Candidate>(&role_); candidate && !r.pre_vote) {
        (r.granted ? candidate->granted : candidate->denied).insert(from);
        if (candidate->granted.size() >= voters_.current().majority()) return become_leader(now);
        if (!r.granted) back_off(now, *candidate);
    }
}

// Who could be elected both, and both know it by now, would stand against each other, and neither
// win: the one with the larger id leaves it to the other for a moment.
void Raft::leave_it_to(MonoTime now, const ReplicaKey& candidate) {
    if (candidate.id < self_.id) leave_it_until_ = now + config_.election_timeout / 8;
}

// Whether so many denied their votes that there are not enough left.
bool Raft::lost(const std::set<NodeId>& denied) const {
    const VoterSet& voters = voters_.current();
    return voters.size() - denied.size() < voters.majority();
}

// The others hear the leader, so it is there: a connection to it was not. But who was told that its
// process is gone would ask it and them over and over.
void Raft::follow_on(MonoTime now) {
    const auto led = leader();
    if (led && promised_until_ != MonoTime{}) become_follower(now, state_.epoch, *led);
}

// There is nothing to wait for when too many denied their votes, and little when one did, who most
// likely stands itself: it is tried again after a short time of its own (KIP-595, back-off).
void Raft::back_off(MonoTime now, Candidate& role) {
    const Duration left = lost(role.denied) ? Duration{0} : config_.election_timeout / 2;
    role.until = std::min(role.until, now + left + drawn_backoff());
}
}  // namespace faultline::logic::raft
