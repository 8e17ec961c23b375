// One replica of the metadata log's quorum: Raft as Kafka speaks it (KIP-595, KIP-630, KIP-853,
// KIP-996). Pure: inputs are calls with the time, what is to be done comes out as effects.
// Followers pull; pre-vote keeps a replica that was cut off from ending a reign that works; a
// leader that a majority no longer fetches from resigns.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "core/logic/raft/log_view.h"
#include "core/logic/raft/messages.h"
#include "core/logic/raft/vote_rules.h"
#include "core/logic/raft/voter_set.h"

namespace faultline::logic::raft {

// Defaults as Kafka's controller.quorum.*.
struct RaftConfig {
    Duration election_timeout = std::chrono::seconds(1);   // drawn between one and two of it
    Duration election_backoff = std::chrono::seconds(1);   // most, after an election that is lost
    Duration fetch_timeout = std::chrono::seconds(2);      // without the leader, then an election
    Duration request_timeout = std::chrono::seconds(2);    // then a request is sent again
    Duration fetch_wait = std::chrono::milliseconds(500);  // a fetch without news is held so long
    // Asked who leads, beside the voters (controller.quorum.bootstrap.servers): a replica may know
    // of no voter yet, or only of such as are gone. The shell knows their addresses; ids may be
    // made up.
    std::vector<NodeId> bootstrap{};
};

// In the order in which they must be done; an effect may rely on those before it: a vote is on the
// disk before it is told.
struct PersistState {  // durable when the next effect is done
    QuorumState state;
};
struct Send {
    NodeId to;
    Message message;
};
struct SendFetched {  // the response with the batches of the log from `from` on, whole ones
    NodeId to;
    FetchResponse response;
    Offset from, up_to;
};
struct AppendBatches {  // then flushed() when they are durable
    std::vector<Batch> batches;
};
struct Truncate {
    Offset to;
};
// Part by part, each answer to snapshot_part(); then snapshot_loaded() or snapshot_failed(). It
// ends the one before it, of which nothing is reported any more.
struct FetchSnapshot {
    NodeId from;
    LogEnd id;
};
struct Committed {  // all below it is, for ever
    Offset high_watermark;
};
struct BecameLeader {  // it may decide when all below `ready_at` is committed and applied
    Epoch epoch;
    Offset ready_at;
};
struct LostLeadership {
    Epoch epoch;
};
using Effect = std::variant<PersistState, Send, SendFetched, AppendBatches, Truncate, FetchSnapshot,
                            Committed, BecameLeader, LostLeadership>;

// --- roles: what a replica knows only while it plays one -----------------------------------------
struct Unattached {  // no leader is known, or it has said good-bye
    MonoTime election_at, ask_at;
    std::optional<NodeId> asked{};  // last
};
struct Prospective {  // asks whether it would be elected
    std::set<NodeId> granted, denied;
    MonoTime until;
};
struct Candidate {
    std::set<NodeId> granted, denied;
    MonoTime until;
};
struct Progress {  // of a replica that fetches
    ReplicaKey replica;
    Offset held{0};  // on its disk
    MonoTime last_fetch{};
    // When it was answered last, and on which connection; when last an answer of before had come,
    // as a fetch on the same connection shows.
    MonoTime answered{}, confirmed{};
    std::uint64_t lane = 0;
    bool in_reign = false;  // it has fetched in this epoch
};
struct HeldFetch {
    FetchRequest request;
    MonoTime until;
};
using HeldFetches = std::map<NodeId, HeldFetch>;
struct Leader {
    Offset epoch_start;  // of its LeaderChange record
    std::map<NodeId, Progress> progress;
    HeldFetches waiting;
    std::set<NodeId> not_told;  // voters that have not acknowledged the epoch
    MonoTime tell_at{}, since{};
};
struct Follower {
    NodeId leader;
    MonoTime lost_at;         // without news
    bool asking = false;      // a fetch is under way
    bool installing = false;  // a snapshot is
    LogEnd wanted{};          // that one
    MonoTime ask_again_at{};
    std::uint64_t number = 0;  // of that fetch
};
struct Resigned {
    MonoTime until;
};
using Role = std::variant<Unattached, Prospective, Candidate, Leader, Follower, Resigned>;

enum class ChangeRefusal : std::uint8_t {
    none,
    not_leader,
    not_ready,  // nothing of this epoch is committed, or another change is not
    duplicate,  // a replica of that node votes already
    not_voter,
    not_caught_up,
    last_voter,
};

class Raft {
public:
    // As it was found on the disk; all of `log` is durable. `rng` draws time-outs.
    Raft(ReplicaKey self, const RaftConfig& config, QuorumState stored, LogView log,
         VoterHistory voters, Rng rng, MonoTime now);

    // --- inputs; `now` never goes back
    // -------------------------------------------------------------
    void tick(MonoTime now);
    void receive(MonoTime now, NodeId from, const Message& message);
    // What was sent to `peer` did not reach it. `gone`: its process is not running, so it leads
    // nothing: its followers need not wait for a time-out to elect another.
    void unreachable(MonoTime now, NodeId peer, bool was_fetch, bool gone);
    // The log is durable up to `end`: a sync that was begun when all effects were done, and with
    // cuts() as it was then. A report from before a truncation tells nothing of what was appended
    // since, and is dropped. No sync is under way that matters then: a log is cut only when it was
    // reported durable to its end (INV-124).
    void flushed(MonoTime now, Offset end, std::uint64_t cuts);
    // What is durable of the log as it is now; requires that all effects are done.
    void flushed(MonoTime now, Offset end) { flushed(now, end, cuts()); }
    // How often the log was cut or replaced since the start.
    std::uint64_t cuts() const noexcept { return log_.cuts; }
    // As the leader: appends one batch of `count` offsets. Nothing when this is no leader.
    std::optional<Offset> append(std::int32_t count, std::uint64_t payload);
    // KIP-853: one change at a time; it counts from its append on and is final when committed.
    ChangeRefusal add_voter(const ReplicaKey& replica, VoterAddresses addresses = {});
    ChangeRefusal remove_voter(const ReplicaKey& replica);
    // The same voters, told better: with other addresses, or for the first time in the log.
    ChangeRefusal restate_voters(VoterSet voters);
    // Gives up leadership, naming the followers that hold most as successors.
    void resign(MonoTime now);

    // --- snapshots (KIP-630) ---
    // A part is asked of this replica. With error none the shell gives it, if it has it; who asks
    // is heard of as by a fetch.
    FetchSnapshotResponse serve_snapshot(MonoTime now, NodeId from, const FetchSnapshotRequest& q);
    // A part came, or why it did not. True: the snapshot is still awaited, and the leader is there.
    bool snapshot_part(MonoTime now, NodeId from, const FetchSnapshotResponse& r);
    // Whether FetchSnapshot asked for `id` last and nothing has ended that. The shell asks before
    // it replaces the log, and there is no other input between that and snapshot_loaded().
    bool awaits_snapshot(const LogEnd& id) const;
    // The snapshot that FetchSnapshot asked for replaced the log; `voters` are those that it holds.
    // Requires awaits_snapshot(id).
    void snapshot_loaded(MonoTime now, const LogEnd& id, VoterSet voters);
    // FetchSnapshot failed (no answer, the leader has it no more, the disk): fetches again, soon.
    void snapshot_failed(MonoTime now);
    // The shell has a snapshot up to `id`, which is committed, and deleted the log before it.
    void trimmed(const LogEnd& id);

    // What is to be done, since it was taken last.
    std::vector<Effect>& effects() noexcept { return effects_; }
    // When tick() has something to do.
    MonoTime deadline() const;

    const ReplicaKey& self() const noexcept { return self_; }
    // Its leader is the one that won the epoch; leader() tells whether it leads on.
    const QuorumState& state() const noexcept { return state_; }
    const Role& role() const noexcept { return role_; }
    const LogView& log() const noexcept { return log_; }
    const VoterHistory& voters() const noexcept { return voters_; }
    Offset high_watermark() const noexcept { return high_watermark_; }
    bool leads() const noexcept { return std::holds_alternative<Leader>(role_); }
    // Who leads in its epoch: whom state() names, unless that one has said that it leads no more or
    // is this replica, which knows. Who believed in it would follow it for a fetch time-out.
    std::optional<NodeId> leader() const;
    // It leads, and what it decides is decided on all that was ever committed.
    bool ready() const noexcept;
    // INV-128  Until then nobody else is elected, as long as clocks run alike: as many voters as it
    // takes have, as their fetches show, had an answer so lately that their fetch time-outs are not
    // over, and give their votes to nobody (Ongaro's thesis, 6.4.1). The past when this replica
    // does not lead. A process that stood still finds out here that it may have a successor,
    // whatever waits for it to be read.
    MonoTime majority_until() const;
    bool has_majority(MonoTime now) const { return leads() && now < majority_until(); }
    // It leads, or heard so lately of somebody who does that it gives its vote to nobody.
    bool hears_leader(MonoTime now) const;
    // Who led in the epoch before the one in which this replica stood last, where that is known.
    std::optional<NodeId> deposed() const noexcept { return deposed_; }

private:
    // raft.cpp
    bool votes() const { return voters_.current().contains(self_); }
    // Whether it may be elected: it votes, or what ended that may not be committed.
    bool stands() const;
    Duration drawn_timeout();
    Duration drawn_backoff();
    Duration turn(NodeId but) const;
    void persist(QuorumState state);
    void send(NodeId to, Message message);
    void send_to_voters(const Message& message);
    bool names_another(Epoch epoch, NodeId leader) const;
    bool catch_up(MonoTime now, Epoch epoch, std::optional<NodeId> leader);
    void raise_high_watermark(Offset to);
    void append_own(Batch batch);
    // unattached.cpp
    void become_unattached(MonoTime now, Epoch epoch);
    std::vector<NodeId> who_may_know() const;
    void ask_whether_leads(NodeId other);
    void ask_another_soon(MonoTime now, Unattached& role) const;
    void tick(MonoTime now, Unattached& role);
    void on(MonoTime now, NodeId from, const VoteRequest& q);
    void on(MonoTime now, NodeId from, const EndQuorumEpochRequest& q);
    void hear_leader(MonoTime now, Follower& role);
    // candidate.cpp
    void become_prospective(MonoTime now);
    void become_candidate(MonoTime now);
    std::set<NodeId> own_vote() const;
    void ask_for_votes(bool pre_vote);
    void tick(MonoTime now, Prospective& role);
    void tick(MonoTime now, Candidate& role);
    void on(MonoTime now, NodeId from, const VoteResponse& r);
    void leave_it_to(MonoTime now, const ReplicaKey& candidate);
    bool lost(const std::set<NodeId>& denied) const;
    void follow_on(MonoTime now);
    void back_off(MonoTime now, Candidate& role);
    // leader.cpp
    void become_leader(MonoTime now);
    void tick(MonoTime now, Leader& role);
    void tick(MonoTime now, Resigned& role);
    void on(MonoTime now, NodeId from, const FetchRequest& q);
    void on(MonoTime now, NodeId from, const BeginQuorumEpochResponse& r);
    std::optional<FetchResponse> refuse(const FetchRequest& q) const;
    void note_progress(MonoTime now, NodeId from, const ReplicaKey& replica, std::uint64_t lane);
    void answer_waiting();
    HeldFetches stop_leading();
    void refuse_all(const HeldFetches& held);
    void answer(NodeId to, const FetchRequest& q);
    void advance_leader(MonoTime now);
    MonoTime majority_since(const Leader& role, MonoTime Progress::*when, MonoTime first) const;
    void resign_if_lost(MonoTime now);
    MonoTime quorum_lost_at(const Leader& role) const;
    ChangeRefusal may_change() const;
    // follower.cpp
    void become_follower(MonoTime now, Epoch epoch, NodeId leader);
    void tick(MonoTime now, Follower& role);
    void on(MonoTime now, NodeId from, const BeginQuorumEpochRequest& q);
    void on(MonoTime now, NodeId from, const FetchResponse& r);
    void leads_no_more(MonoTime now, Follower& role);
    void fetch(MonoTime now);
    void fetch_later(MonoTime now);
    void take(const FetchResponse& r);

    ReplicaKey self_;
    RaftConfig config_;
    Rng rng_;
    QuorumState state_;
    LogView log_;
    VoterHistory voters_;
    // INV-121  log start <= high watermark <= log end; it never falls while the process lives.
    Offset high_watermark_{0};
    Role role_;
    std::uint64_t fetches_;        // the last one's number
    std::uint32_t elections_ = 0;  // it stood in, one after the other, since a leader was known
    std::optional<NodeId> deposed_;
    bool reign_over_ = false;  // of the leader of this epoch, as it has said itself
    // It gives no vote before, nor stands itself: a leader counts on that (majority_until()).
    MonoTime promised_until_{};
    MonoTime leave_it_until_{};  // to another that could be elected as well
    MonoTime now_{};             // of the last input that told it
    std::vector<Effect> effects_;
};
}  // namespace faultline::logic::raft
