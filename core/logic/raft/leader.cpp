// The leader: who holds what, what is committed, whether a majority still fetches.
#include <algorithm>

#include "core/base/assert.h"
#include "core/logic/raft/raft.h"

namespace faultline::logic::raft {
namespace {
// Whether what is asked in an epoch is for this replica, in its own.
RaftError judge(Epoch asked, Epoch own, bool leads) {
    if (asked < own) return RaftError::fenced_leader_epoch;
    if (asked > own) return RaftError::unknown_leader_epoch;
    return leads ? RaftError::none : RaftError::not_leader;
}
}  // namespace

void Raft::become_leader(MonoTime now) {
    QuorumState reign = state_;
    reign.leader = self_.id;
    persist(std::move(reign));
    Leader role;
    role.epoch_start = log_.end;
    role.since = now;
    role.tell_at = now;
    for (const ReplicaKey& voter : voters_.current().all()) {
        if (voter.id != self_.id) role.not_told.insert(voter.id);
    }
    const Offset start = role.epoch_start;
    role_ = std::move(role);
    effects_.push_back(BecameLeader{state_.epoch, start + 1});
    // Raft paper, 5.4.2: only with a record of its own epoch does a leader commit those before it.
    Batch change;
    change.leader_change = true;
    append_own(std::move(change));
    tick(now);
}

// `when` of the voter without which there would be no majority, not before `first`; never() when
// this one is enough.
MonoTime Raft::majority_since(const Leader& role, MonoTime Progress::*when, MonoTime first) const {
    const VoterSet& voters = voters_.current();
    const std::size_t needed = voters.majority() - (votes() ? 1 : 0);  // of the others
    if (needed == 0) return MonoTime::never();
    std::vector<MonoTime> heard;
    for (const ReplicaKey& voter : voters.all()) {
        if (voter.id == self_.id) continue;
        const auto it = role.progress.find(voter.id);
        const bool fetched = it != role.progress.end() && it->second.replica.same(voter);
        heard.push_back(fetched ? std::max(it->second.*when, first) : first);
    }
    if (heard.size() < needed) return MonoTime::never();
    std::ranges::sort(heard, std::greater<>{});
    return heard[needed - 1];
}

MonoTime Raft::quorum_lost_at(const Leader& role) const {
    const MonoTime heard = majority_since(role, &Progress::last_fetch, role.since);
    return heard == MonoTime::never() ? heard : heard + config_.fetch_timeout * 3 / 2;
}

MonoTime Raft::majority_until() const {
    const auto* role = std::get_if<Leader>(&role_);
    if (role == nullptr) return {};
    const MonoTime since = majority_since(*role, &Progress::confirmed, {});
    // Who has voted has promised nothing: it may vote for the next one at once.
    if (since == MonoTime{} || since == MonoTime::never()) return since;
    return since + config_.fetch_timeout;
}

// What waited while this process stood still is no sign that a majority still fetches.
void Raft::resign_if_lost(MonoTime now) {
    const auto* role = std::get_if<Leader>(&role_);
    if (role != nullptr && now >= quorum_lost_at(*role)) resign(now);
}

void Raft::tick(MonoTime now, Leader& role) {
    if (now >= quorum_lost_at(role)) return resign(now);
    if (!role.not_told.empty() && now >= role.tell_at) {
        role.tell_at = now + config_.fetch_timeout / 2;
        for (const NodeId id : role.not_told) {
            if (const ReplicaKey* voter = voters_.current().find(id))
                send(id, BeginQuorumEpochRequest{state_.epoch, self_.id, *voter});
        }
    }
    std::vector<NodeId> due;
    for (const auto& [id, held] : role.waiting) {
        if (now >= held.until) due.push_back(id);
    }
    for (const NodeId id : due) {
        const FetchRequest q = role.waiting.at(id).request;
        role.waiting.erase(id);
        answer(id, q);
    }
}

void Raft::tick(MonoTime now, Resigned& role) {
    if (now < std::max(role.until, promised_until_)) return;
    if (stands()) return become_prospective(now);
    become_unattached(now, state_.epoch);
}

void Raft::resign(MonoTime now) {
    auto* role = std::get_if<Leader>(&role_);
    if (role == nullptr) return;
    std::vector<Progress> best;
    for (const auto& [id, p] : role->progress) {
        if (voters_.current().contains(p.replica)) best.push_back(p);
    }
    std::ranges::stable_sort(best, std::greater<>{}, &Progress::held);
    EndQuorumEpochRequest end{state_.epoch, self_.id, {}};
    for (const Progress& p : best) end.preferred_successors.push_back(p.replica);
    const HeldFetches held = stop_leading();
    role_ = Resigned{now + drawn_timeout()};
    // Nobody tells it who leads next.
    if (!votes()) become_unattached(now, state_.epoch);
    send_to_voters(end);
    refuse_all(held);
}

// Before the role changes, whatever it was.
HeldFetches Raft::stop_leading() {
    auto* role = std::get_if<Leader>(&role_);
    if (role == nullptr) return {};
    effects_.push_back(LostLeadership{state_.epoch});
    return std::move(role->waiting);
}

// After it: who waits for records learns at once that they do not come from here, and who leads
// instead where that is known.
void Raft::refuse_all(const HeldFetches& held) {
    for (const auto& [id, fetch] : held) {
        if (auto refusal = refuse(fetch.request)) send(id, *std::move(refusal));
    }
}

void Raft::on(MonoTime now, NodeId from, const BeginQuorumEpochResponse& r) {
    if (catch_up(now, r.epoch, r.leader)) return;
    auto* role = std::get_if<Leader>(&role_);
    if (role != nullptr && r.asked == state_.epoch && r.error == RaftError::none)
        role->not_told.erase(from);
}

std::optional<FetchResponse> Raft::refuse(const FetchRequest& q) const {
    FetchResponse r;
    r.asked = q.epoch;
    r.number = q.number;
    r.epoch = state_.epoch;
    r.leader = leader();
    r.high_watermark = high_watermark_;
    r.error = judge(q.epoch, state_.epoch, leads());
    if (r.error == RaftError::none) {
        const auto match = log_.match(q.at);
        if (match && match->same) return {};
        if (match) {
            r.diverging = match->parts_at;
        } else {
            r.snapshot = log_.snapshot;
        }
    }
    return r;
}

void Raft::on(MonoTime now, NodeId from, const FetchRequest& q) {
    auto refusal = refuse(q);
    // Who fetches in this epoch is alive, even where its log has to be cut first.
    if (leads() && q.epoch == state_.epoch) note_progress(now, from, q.replica, q.lane);
    if (refusal) return send(from, std::move(*refusal));
    auto& role = std::get<Leader>(role_);
    role.progress[from].held = q.at.end;
    role.progress[from].in_reign = true;
    role.not_told.erase(from);
    role.waiting.erase(from);
    const bool news = q.at.end < log_.end || q.high_watermark < high_watermark_;
    if (news) {
        answer(from, q);
    } else {
        role.waiting[from] = {q, now + config_.fetch_wait};
    }
    advance_leader(now);
}

FetchSnapshotResponse Raft::serve_snapshot(MonoTime now, NodeId from,
                                           const FetchSnapshotRequest& q) {
    now_ = now;
    resign_if_lost(now);
    FetchSnapshotResponse r{RaftError::none, state_.epoch, leader(), q.id};
    r.error = judge(q.epoch, state_.epoch, leads());
    if (r.error != RaftError::none) return r;
    note_progress(now, from, q.replica, q.lane);
    Progress& p = std::get<Leader>(role_).progress[from];
    p.answered = now;
    p.lane = q.lane;
    return r;
}

void Raft::note_progress(MonoTime now, NodeId from, const ReplicaKey& replica, std::uint64_t lane) {
    Progress& p = std::get<Leader>(role_).progress[from];
    if (p.replica != replica) p = Progress{replica};  // another disk: what was held is gone
    p.last_fetch = now;
    // What was answered on a connection that broke may never have come.
    if (p.lane == lane) p.confirmed = p.answered;
}

void Raft::answer(NodeId to, const FetchRequest& q) {
    FetchResponse r;
    r.asked = q.epoch;
    r.number = q.number;
    r.epoch = state_.epoch;
    r.leader = leader();
    r.high_watermark = high_watermark_;
    Progress& p = std::get<Leader>(role_).progress[to];
    p.answered = now_;
    p.lane = q.lane;
    effects_.push_back(SendFetched{to, std::move(r), q.at.end, log_.end});
}

void Raft::answer_waiting() {
    auto* role = std::get_if<Leader>(&role_);
    if (role == nullptr) return;
    std::vector<std::pair<NodeId, FetchRequest>> ripe;
    for (const auto& [id, held] : role->waiting) {
        const FetchRequest& q = held.request;
        if (q.at.end < log_.end || q.high_watermark < high_watermark_) ripe.emplace_back(id, q);
    }
    for (const auto& [id, q] : ripe) {
        role->waiting.erase(id);
        answer(id, q);
    }
}

void Raft::advance_leader(MonoTime now) {
    auto& role = std::get<Leader>(role_);
    const VoterSet& voters = voters_.current();
    std::vector<Offset> held;
    for (const ReplicaKey& voter : voters.all()) {
        if (voter.same(self_)) {
            held.push_back(log_.durable);
            continue;
        }
        const auto it = role.progress.find(voter.id);
        const bool known = it != role.progress.end() && it->second.replica.same(voter);
        held.push_back(known ? it->second.held : Offset{0});
    }
    if (held.size() < voters.majority()) return;
    std::ranges::sort(held, std::greater<>{});
    const Offset majority = held[voters.majority() - 1];
    // Raft paper, 5.4.2, figure 8: records of earlier epochs are committed by one of this epoch.
    if (majority <= role.epoch_start) return;
    const Offset before = high_watermark_;
    raise_high_watermark(majority);
    if (high_watermark_ == before) return;
    answer_waiting();
    // A leader that was voted out leads until that is committed.
    if (!votes() && voters_.current_offset() < high_watermark_) resign(now);
}

ChangeRefusal Raft::may_change() const {
    if (!leads()) return ChangeRefusal::not_leader;
    if (!ready() || voters_.current_offset() >= high_watermark_) return ChangeRefusal::not_ready;
    return ChangeRefusal::none;
}

ChangeRefusal Raft::add_voter(const ReplicaKey& replica, VoterAddresses addresses) {
    if (const auto no = may_change(); no != ChangeRefusal::none) return no;
    auto more = voters_.current().with(replica, std::move(addresses));
    if (!more) return ChangeRefusal::duplicate;
    // It must hold all that is committed, or a majority could come to hang on its catching up.
    const auto& progress = std::get<Leader>(role_).progress;
    const auto it = progress.find(replica.id);
    if (it == progress.end() || !(it->second.replica == replica) || !it->second.in_reign ||
        it->second.held < high_watermark_)
        return ChangeRefusal::not_caught_up;
    Batch change;
    change.voters = std::move(more);
    append_own(std::move(change));
    return ChangeRefusal::none;
}

ChangeRefusal Raft::remove_voter(const ReplicaKey& replica) {
    if (const auto no = may_change(); no != ChangeRefusal::none) return no;
    if (!voters_.current().contains(replica)) return ChangeRefusal::not_voter;
    auto fewer = voters_.current().without(replica);
    if (!fewer) return ChangeRefusal::last_voter;
    std::get<Leader>(role_).not_told.erase(replica.id);
    Batch change;
    change.voters = std::move(fewer);
    append_own(std::move(change));
    return ChangeRefusal::none;
}

ChangeRefusal Raft::restate_voters(VoterSet voters) {
    if (const auto no = may_change(); no != ChangeRefusal::none) return no;
    // INV-127  Who votes changes by one at a time: this is no way around it.
    FL_INVARIANT(127, std::ranges::equal(
                          voters.all(), voters_.current().all(),
                          [](const ReplicaKey& a, const ReplicaKey& b) { return a.same(b); }));
    Batch change;
    // The first voters in a log come with the version that says so.
    change.count = voters.in_log() && !voters_.current().in_log() ? 2 : 1;
    change.voters = std::move(voters);
    append_own(std::move(change));
    return ChangeRefusal::none;
}
}  // namespace faultline::logic::raft
