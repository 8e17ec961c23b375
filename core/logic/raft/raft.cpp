// What all roles share: the state that is promised, the log, sending.
#include "core/logic/raft/raft.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic::raft {

Raft::Raft(ReplicaKey self, const RaftConfig& config, QuorumState stored, LogView log,
           VoterHistory voters, Rng rng, MonoTime now)
    : self_(std::move(self)),
      config_(config),
      rng_(rng),
      state_(std::move(stored)),
      log_(std::move(log)),
      voters_(std::move(voters)),
      high_watermark_(log_.start),
      role_(Unattached{now, now, {}}),
      // So that an answer to the process before this one is not taken for an answer to this one.
      fetches_(rng_.next()) {
    // A log may have seen a later epoch than the file of promises tells, when the disk lost that.
    if (log_.last().epoch > state_.epoch) persist({log_.last().epoch, {}, {}});
    // The process before this one may have heard of a leader just now. When it led or stood itself
    // it owed nobody anything, and has promised nothing since.
    const bool stood = state_.leader == self_.id || (!state_.leader && state_.voted == self_);
    if (state_.epoch > Epoch{0} && !stood) promised_until_ = now + config_.fetch_timeout;
    if (state_.leader && *state_.leader != self_.id) {
        become_follower(now, state_.epoch, *state_.leader);
    } else if (state_.leader) {
        // It led, and does not know what has happened since. That epoch is over for it.
        role_ = Resigned{now + drawn_timeout()};
    } else {
        become_unattached(now, state_.epoch);
    }
    // Nobody has ever led: there is no reign to disturb. One after the other, as in unreachable().
    if (auto* fresh = std::get_if<Unattached>(&role_); fresh && state_.epoch == Epoch{0})
        fresh->election_at = now + turn(self_.id);
    // Alone, nobody has to be waited for.
    const bool alone = voters_.current().size() == 1 && votes();
    if (alone && now >= promised_until_) become_prospective(now);
}

Duration Raft::drawn_timeout() {
    const std::int64_t one = config_.election_timeout.count();
    return Duration{rng_.between(one, 2 * one)};
}

// Twice as long after each election.
Duration Raft::drawn_backoff() {
    const std::int64_t most = config_.election_backoff.count();
    const std::int64_t high = std::min(most, (most / 16) << std::min(elections_ - 1, 4U));
    return Duration{rng_.between(high / 4, high)};
}

void Raft::persist(QuorumState state) {
    // INV-123  In an epoch a replica votes once and knows one leader.
    FL_INVARIANT(
        123, state.epoch > state_.epoch ||
                 (state.epoch == state_.epoch && (!state_.voted || state.voted == state_.voted) &&
                  (!state_.leader || state.leader == state_.leader)));
    if (state == state_) return;
    if (state.leader) elections_ = 0;
    if (state.epoch > state_.epoch) reign_over_ = false;
    state_ = std::move(state);
    effects_.push_back(PersistState{state_});
}

void Raft::send(NodeId to, Message message) { effects_.push_back(Send{to, std::move(message)}); }

void Raft::send_to_voters(const Message& message) {
    for (const ReplicaKey& voter : voters_.current().all()) {
        if (voter.id != self_.id) send(voter.id, message);
    }
}

// Of an epoch that has a leader. Whoever says so is wrong, and changes nothing.
bool Raft::names_another(Epoch epoch, NodeId leader) const {
    return epoch == state_.epoch && state_.leader && *state_.leader != leader;
}

// Follows what another replica says of a later epoch, or of who leads in this one. True when this
// replica changed.
bool Raft::catch_up(MonoTime now, Epoch epoch, std::optional<NodeId> leader) {
    if (epoch < state_.epoch) return false;
    const bool news = leader && !state_.leader && *leader != self_.id;
    if (epoch == state_.epoch && !news) return false;
    if (leader && *leader != self_.id) {
        become_follower(now, epoch, *leader);
    } else {
        become_unattached(now, epoch);
    }
    return true;
}

void Raft::raise_high_watermark(Offset to) {
    if (to <= high_watermark_) return;
    FL_INVARIANT(121, to <= log_.end);
    high_watermark_ = to;
    effects_.push_back(Committed{to});
}

void Raft::append_own(Batch batch) {
    batch.epoch = state_.epoch;
    batch.base = log_.end;
    log_.append(batch);
    if (batch.voters) voters_.append(batch.base, *batch.voters);
    effects_.push_back(AppendBatches{{std::move(batch)}});
    answer_waiting();
}

void Raft::tick(MonoTime now) {
    now_ = now;
    std::visit([&](auto& role) { tick(now, role); }, role_);
}

void Raft::receive(MonoTime now, NodeId from, const Message& message) {
    now_ = now;
    resign_if_lost(now);
    std::visit([&](const auto& m) { on(now, from, m); }, message);
}

void Raft::flushed(MonoTime now, Offset end, std::uint64_t cuts) {
    if (cuts != log_.cuts) return;
    log_.durable = std::max(log_.durable, std::min(end, log_.end));
    if (leads()) {
        advance_leader(now);
    } else {
        fetch(now);
    }
}

std::optional<Offset> Raft::append(std::int32_t count, std::uint64_t payload) {
    if (!leads()) return {};
    const Offset base = log_.end;
    Batch batch;
    batch.count = count;
    batch.payload = payload;
    append_own(std::move(batch));
    return base;
}

std::optional<NodeId> Raft::leader() const {
    const bool over = reign_over_ || (state_.leader == self_.id && !leads());
    return over ? std::nullopt : state_.leader;
}

bool Raft::ready() const noexcept {
    const auto* leader = std::get_if<Leader>(&role_);
    return leader != nullptr && high_watermark_ > leader->epoch_start;
}

void Raft::trimmed(const LogEnd& id) {
    FL_INVARIANT(121, id.end <= high_watermark_);
    log_.trim(id);
}

MonoTime Raft::deadline() const {
    struct Next {
        const Raft& raft;
        MonoTime operator()(const Unattached& r) const {
            const MonoTime election_at = std::max(r.election_at, raft.promised_until_);
            return raft.stands() ? std::min(election_at, r.ask_at) : r.ask_at;
        }
        MonoTime operator()(const Prospective& r) const { return r.until; }
        MonoTime operator()(const Candidate& r) const { return r.until; }
        MonoTime operator()(const Leader& r) const {
            MonoTime next = raft.quorum_lost_at(r);
            if (!r.not_told.empty()) next = std::min(next, r.tell_at);
            for (const auto& [id, held] : r.waiting) next = std::min(next, held.until);
            return next;
        }
        MonoTime operator()(const Follower& r) const {
            return r.asking ? std::min(r.lost_at, r.ask_again_at) : r.lost_at;
        }
        MonoTime operator()(const Resigned& r) const {
            return std::max(r.until, raft.promised_until_);
        }
    };
    return std::visit(Next{*this}, role_);
}
}  // namespace faultline::logic::raft
