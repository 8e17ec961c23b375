// A replica that follows a leader: it asks for what comes behind its log, and cuts what
// contradicts.
#include <algorithm>

#include "core/base/assert.h"
#include "core/logic/raft/raft.h"

namespace faultline::logic::raft {

void Raft::become_follower(MonoTime now, Epoch epoch, NodeId leader) {
    FL_ASSERT(leader != self_.id);
    // INV-120  An epoch has one leader.
    FL_INVARIANT(120, !names_another(epoch, leader));
    const HeldFetches held = stop_leading();
    QuorumState next = state_;
    if (epoch > state_.epoch) next = {epoch, {}, {}};
    next.leader = leader;
    persist(std::move(next));
    Follower role;
    role.leader = leader;
    role.lost_at = now + config_.fetch_timeout;
    role_ = role;
    refuse_all(held);
    fetch(now);
}

void Raft::tick(MonoTime now, Follower& role) {
    if (now >= role.lost_at) {
        if (stands()) return become_prospective(now);
        return become_unattached(now, state_.epoch);
    }
    if (role.asking && now >= role.ask_again_at) {
        role.asking = false;
        fetch(now);
    }
}

void Raft::hear_leader(MonoTime now, Follower& role) {
    role.lost_at = now + config_.fetch_timeout;
    promised_until_ = role.lost_at;
}

void Raft::fetch_later(MonoTime now) {
    auto& role = std::get<Follower>(role_);
    role.asking = true;
    role.ask_again_at = now + config_.request_timeout / 10;
}

// How long this voter leaves the election to those with smaller ids; `but` is out of it.
Duration Raft::turn(NodeId but) const {
    Duration wait{0};
    for (const ReplicaKey& voter : voters_.current().all()) {
        if (voter.id == self_.id) break;
        if (voter.id != but) wait += config_.election_timeout / 16;
    }
    return wait;
}

void Raft::unreachable(MonoTime now, NodeId peer, bool was_fetch, bool gone) {
    if (auto* lost = std::get_if<Unattached>(&role_); lost != nullptr && was_fetch)
        return ask_another_soon(now, *lost);
    auto* role = std::get_if<Follower>(&role_);
    if (role == nullptr || role->leader != peer || role->installing) return;
    if (was_fetch && role->asking)
        role->ask_again_at = std::min(role->ask_again_at, now + config_.request_timeout / 20);
    if (gone) leads_no_more(now, *role);
}

// Whom it follows leads no more, or runs no more: who led in an epoch never leads in it again. What
// was promised to leaders before that one was over when it was elected (INV-128).
void Raft::leads_no_more(MonoTime now, Follower& role) {
    promised_until_ = {};
    // One after the other: who asks alone is elected at once.
    role.lost_at = std::min(role.lost_at, now + turn(role.leader));
}

// Asks from what is on the disk: the leader counts it as held.
void Raft::fetch(MonoTime now) {
    auto* role = std::get_if<Follower>(&role_);
    if (role == nullptr || role->asking || role->installing || log_.durable < log_.end) return;
    role->asking = true;
    role->ask_again_at = now + config_.request_timeout;
    role->number = ++fetches_;
    send(role->leader,
         FetchRequest{state_.epoch, self_, log_.last(), high_watermark_, role->number});
}

void Raft::on(MonoTime now, NodeId from, const BeginQuorumEpochRequest& q) {
    BeginQuorumEpochResponse r;
    r.asked = q.epoch;
    // Who leads is good to know for any replica; only the voter that is named acknowledges it.
    if (!q.voter.same(self_)) r.error = RaftError::invalid_voter_key;
    if (names_another(q.epoch, q.leader)) {
        r.error = RaftError::invalid_request;
    } else if (q.epoch >= state_.epoch) {
        const auto* follower = std::get_if<Follower>(&role_);
        const bool known =
            q.epoch == state_.epoch && follower != nullptr && follower->leader == q.leader;
        if (!known && q.leader != self_.id) become_follower(now, q.epoch, q.leader);
    }
    r.epoch = state_.epoch;
    r.leader = leader();
    send(from, r);
}

// INV-128  What the leader answered counts as heard, whatever became of the question: a later fetch
// on the same connection tells it that the answer has come.
void Raft::on(MonoTime now, NodeId from, const FetchResponse& r) {
    const bool changed = catch_up(now, r.epoch, r.leader);
    const bool leads = r.epoch == state_.epoch && r.leader == from && r.error == RaftError::none &&
                       !reign_over_ && !names_another(r.epoch, from);
    // A leader that was lost of sight answers as one.
    const bool looks =
        std::holds_alternative<Unattached>(role_) || std::holds_alternative<Prospective>(role_);
    if (leads && looks) become_follower(now, r.epoch, from);
    if (auto* led = std::get_if<Follower>(&role_); leads && led != nullptr && led->leader == from)
        hear_leader(now, *led);
    if (changed || (leads && looks)) return;
    // Another says who leads. That is asked and not believed: it may be gone, and what two tell
    // each other of it must not keep them from an election.
    if (auto* lost = std::get_if<Unattached>(&role_); lost != nullptr) {
        const bool named =
            r.epoch == state_.epoch && r.leader && *r.leader != from && *r.leader != self_.id;
        if (named) return ask_whether_leads(*r.leader);
        ask_another_soon(now, *lost);
        return;
    }
    auto* role = std::get_if<Follower>(&role_);
    if (role == nullptr || role->leader != from || r.asked != state_.epoch) return;
    if (!role->asking || role->installing || r.number != role->number) return;
    role->asking = false;
    if (r.error != RaftError::none) {
        // Asked since it is followed, for an answer from before would be of no reign yet. Who names
        // the leader is not the one that was asked: another listens at that address.
        if (r.error == RaftError::not_leader && r.leader != from) {
            reign_over_ = true;
            leads_no_more(now, *role);
        }
        return fetch_later(now);
    }
    if (r.snapshot) {
        role->installing = true;
        role->wanted = *r.snapshot;
        effects_.push_back(FetchSnapshot{from, *r.snapshot});
        return;
    }
    take(r);
    fetch(now);
}

bool Raft::awaits_snapshot(const LogEnd& id) const {
    const auto* role = std::get_if<Follower>(&role_);
    return role != nullptr && role->installing && role->wanted == id;
}

bool Raft::snapshot_part(MonoTime now, NodeId from, const FetchSnapshotResponse& r) {
    if (catch_up(now, r.epoch, r.leader)) return false;
    auto* role = std::get_if<Follower>(&role_);
    if (role == nullptr || role->leader != from || r.epoch != state_.epoch) return false;
    if (r.error != RaftError::none) return false;
    hear_leader(now, *role);
    return awaits_snapshot(r.id);
}

void Raft::snapshot_loaded(MonoTime now, const LogEnd& id, VoterSet voters) {
    // INV-125  Only a follower that was told to loads a snapshot; its log is another one then.
    FL_INVARIANT(125, awaits_snapshot(id));
    FL_INVARIANT(121, id.end >= high_watermark_);
    log_.restart(id);
    voters_.restart(id.end, std::move(voters));
    raise_high_watermark(id.end);
    auto& role = std::get<Follower>(role_);
    role.installing = false;
    role.lost_at = now + config_.fetch_timeout;
    fetch(now);
}

void Raft::snapshot_failed(MonoTime now) {
    auto* role = std::get_if<Follower>(&role_);
    if (role == nullptr || !role->installing) return;
    role->installing = false;
    fetch_later(now);
}

void Raft::take(const FetchResponse& r) {
    if (r.diverging) {
        const Offset to = std::max(
            log_.start, log_.epochs.shared_end({r.diverging->epoch, r.diverging->end}, log_.end));
        // INV-122  What is committed is never cut.
        FL_INVARIANT(122, to >= high_watermark_);
        if (to == log_.end) return;
        log_.truncate(to);
        voters_.truncate_end(to);
        effects_.push_back(Truncate{to});
        return;
    }
    std::vector<Batch> fresh;
    for (const Batch& batch : r.batches) {
        // An answer to an earlier fetch may come late: only what continues the log is taken.
        if (batch.base != log_.end || batch.epoch < log_.last().epoch || batch.epoch > state_.epoch)
            break;
        log_.append(batch);
        if (batch.voters) voters_.append(batch.base, *batch.voters);
        fresh.push_back(batch);
    }
    if (!fresh.empty()) effects_.push_back(AppendBatches{std::move(fresh)});
    raise_high_watermark(std::min(r.high_watermark, log_.end));
}
}  // namespace faultline::logic::raft
