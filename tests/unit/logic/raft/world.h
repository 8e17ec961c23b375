// A quorum in memory: replicas, their disks, a network that loses, doubles and reorders. What every
// replica says is compared with what any of them ever said.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/logic/raft/raft.h"

namespace faultline::logic::raft::test {

struct Replica {
    ReplicaKey key;
    std::optional<Raft> raft;  // empty: it is down
    // On its disk. Of `log`, what is at or above `durable` is only in the cache.
    QuorumState state;
    std::vector<Batch> log;
    Offset durable{0};
    struct Sync {
        Offset end;
        std::uint64_t cuts;
    };
    std::vector<Sync> syncs;  // done, not reported to `raft`
    Offset compared{0};       // the log below it, with what others committed
    LogEnd snapshot;
    VoterSet voters;  // before the log's first record
    struct Download {
        NodeId from;
        LogEnd id;
        int parts = 0;
        MonoTime ask_at{};  // again
        std::uint64_t lane = 0;
    };
    std::optional<Download> download;  // gone with the process
    // A connection to each of the others: one fetch at a time, the newest of those that wait next.
    // Another connection when an answer did not come in time.
    struct Lane {
        std::uint64_t id = 0, number = 0;
        std::optional<MonoTime> asked;  // without an answer
        std::optional<FetchRequest> next;
    };
    std::map<NodeId, Lane> lanes;
    Offset log_end() const { return log.empty() ? snapshot.end : log.back().end(); }
};

struct Letter {
    NodeId from, to;
    Message message;
    ReplicaKey sender{};  // who it was when it wrote
};

// A part of a snapshot, asked for or given. It has no bytes: what it is made of is known by its id.
struct Part {
    NodeId from, to;
    int number = 0;
    std::variant<FetchSnapshotRequest, FetchSnapshotResponse> message;
    bool found = true, last = false;
};

class World {
public:
    World(std::size_t voters, std::size_t observers, std::uint64_t seed, RaftConfig config = {});
    // Stops all and starts them with a record of epoch 1 that all hold; the first was its leader
    // and has removed the last, which nobody else knows.
    void contest();

    // --- what can happen
    // ---------------------------------------------------------------------------
    void tick(std::size_t i);                     // with the world's time
    void deliver(std::size_t letter, bool keep);  // keep: it will come again
    void lose(std::size_t letter);
    void deliver_part(std::size_t part, bool keep);
    void lose_part(std::size_t part);
    void flush(std::size_t i);
    void sync(std::size_t i);  // on the disk, but the report comes with
    void report(std::size_t i, std::size_t which);
    bool append(std::size_t i);  // false: no leader
    // What was not durable is lost, but for the first `kept` batches of it.
    void crash(std::size_t i, std::size_t kept);
    void start(std::size_t i);
    void wipe(std::size_t i);  // the disk is replaced: another directory id. Requires: it is down
    void snapshot(std::size_t i);
    void call(std::size_t i, const std::function<void(Raft&)>& input);

    // Whether every set of voters that anybody goes by keeps a majority of disks without that of
    // `i`.
    bool may_wipe(std::size_t i) const;
    // Whether a majority of `voters` still has the disks that they had, not counting `without`.
    bool keeps_majority(const VoterSet& voters, std::optional<NodeId> without) const;

    // "" while nothing contradicts; else what does.
    const std::string& broken() const { return broken_; }
    // A letter for each batch, as `1a`; to compare states.
    std::string describe(std::size_t i) const;

    std::vector<Replica> replicas;
    std::vector<Letter> letters;
    std::vector<Part> parts;
    MonoTime now{1'000'000};
    bool flush_at_once = true;
    std::size_t most_batches = 1'000;  // in one answer to a fetch
    std::uint64_t steps = 0, elections = 0, installed = 0;
    const std::map<std::int64_t, Batch>& committed() const { return committed_; }

private:
    std::vector<VoterSet> voters_of(const Replica& r) const;
    void run(std::size_t i);
    void perform(std::size_t i, Effect effect);
    void append_to(Replica& r, const Batch& batch);
    void check_committed(std::size_t i, Offset high_watermark);
    void check_leader(std::size_t i, Epoch epoch);
    void check_leases(std::size_t i);
    void fetch_from(Replica& r, NodeId to, FetchRequest fetch);
    void answered(Replica& r, NodeId to);
    void take_out(std::size_t letter);
    void broke_off(NodeId asker, NodeId asked, std::uint64_t number);
    void check_vote(const Letter& letter);
    void check_said(const Replica& r, const Send& said);
    void ask_part(std::size_t i);
    void serve(const Part& part);
    void take(const Part& part);
    void install(std::size_t i);
    struct Content {  // of a snapshot
        VoterSet voters;
        friend bool operator==(const Content&, const Content&) = default;
    };
    void broke(std::string what);
    std::size_t index(NodeId id) const { return static_cast<std::size_t>(id.v) - 1; }

    RaftConfig config_;
    VoterSet first_;
    Rng seed_;
    std::uint64_t starts_ = 0, payloads_ = 0, directories_ = 0, lanes_ = 0;
    std::map<std::int64_t, Batch> committed_;  // by base offset
    std::map<LogEnd, Content> snapshots_;      // every one that was taken
    std::map<Epoch, NodeId> leaders_;
    std::map<std::pair<std::int64_t, Epoch>, ReplicaKey> votes_;  // by directory and epoch
    std::string broken_;
};

// Random events, `steps` of them, then a calm end in which the quorum must get to work again.
struct Schedule {
    std::size_t voters = 3, observers = 0;
    bool changes = false;  // voters come and go
    bool snapshots = false;
    bool wipes = false;      // disks are replaced, a minority of any set of voters at a time
    bool contested = false;  // it begins with World::contest()
    std::uint64_t steps = 5'000;
};
// One of each kind in turn: 2, 3 and 5 voters, observers, changes, snapshots, new disks.
Schedule mixed_schedule(std::uint64_t seed);
// A short one with changes, that begins contested.
Schedule contested_schedule(std::uint64_t seed);
// "" or what went wrong. `out` gets the world's counters.
struct Totals {
    std::uint64_t steps = 0, elections = 0, committed = 0, installed = 0;
};
std::string run_random(const Schedule& schedule, std::uint64_t seed, Totals& out);
}  // namespace faultline::logic::raft::test
