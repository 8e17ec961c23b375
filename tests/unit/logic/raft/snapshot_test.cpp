// A follower far behind is told to fetch a snapshot (KIP-630), and who may count on what meanwhile.
#include "tests/support/catch.h"
#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft {
namespace {
ReplicaKey key(std::int32_t id) {
    return {NodeId{id}, Uuid{0, static_cast<std::uint64_t>(10 + id)}};
}
const VoterSet kThree({key(1), key(2), key(3)});
const LogEnd kSnapshot{Epoch{4}, Offset{100}};

// Node 2 follows node 1 in epoch 5 with an empty log, and was told to fetch the snapshot.
Raft told() {
    Raft raft(key(2), {}, {Epoch{5}, NodeId{1}, {}}, {}, VoterHistory(kThree), Rng(1), MonoTime{});
    FetchResponse r;
    r.epoch = r.asked = Epoch{5};
    r.leader = NodeId{1};
    r.snapshot = kSnapshot;
    r.number = std::get<FetchRequest>(std::get<Send>(raft.effects().back()).message).number;
    raft.effects().clear();
    raft.receive(MonoTime{}, NodeId{1}, r);
    return raft;
}
FetchSnapshotResponse part(std::int32_t epoch, std::optional<NodeId> leader = NodeId{1}) {
    FetchSnapshotResponse r;
    r.epoch = Epoch{epoch};
    r.leader = leader;
    r.id = kSnapshot;
    return r;
}
}  // namespace

TEST_CASE("raft snapshot: a follower far behind fetches it, then what comes behind it") {
    Raft raft = told();
    REQUIRE(raft.effects().size() == 1);
    const auto* fetch = std::get_if<FetchSnapshot>(&raft.effects()[0]);
    REQUIRE(fetch != nullptr);
    CHECK(fetch->from == NodeId{1});
    CHECK(fetch->id == kSnapshot);
    CHECK(raft.awaits_snapshot(kSnapshot));
    CHECK_FALSE(raft.awaits_snapshot({Epoch{4}, Offset{101}}));
    CHECK(raft.snapshot_part(MonoTime{}, NodeId{1}, part(5)));
    raft.effects().clear();
    raft.snapshot_loaded(MonoTime{}, kSnapshot, kThree);
    CHECK(raft.high_watermark() == Offset{100});
    const auto* send = std::get_if<Send>(&raft.effects().back());
    REQUIRE(send != nullptr);
    CHECK(std::get<FetchRequest>(send->message).at == kSnapshot);
    CHECK_FALSE(raft.awaits_snapshot(kSnapshot));
}

TEST_CASE(
    "raft snapshot: parts are news of the leader; without any the follower stands for election") {
    Raft raft = told();
    MonoTime now{};
    for (int i = 0; i < 10; ++i) {
        now = now + 1500ms;
        raft.tick(now);
        REQUIRE(raft.snapshot_part(now, NodeId{1}, part(5)));
    }
    CHECK(raft.deadline() == now + 2s);
    now = now + 2s;
    raft.tick(now);
    CHECK(std::holds_alternative<Prospective>(raft.role()));
    // The download is for nothing: another leader may have another snapshot.
    CHECK_FALSE(raft.awaits_snapshot(kSnapshot));
    CHECK_FALSE(raft.snapshot_part(now, NodeId{1}, part(5)));
}

TEST_CASE("raft snapshot: a part that comes from another leader or epoch ends the download") {
    Raft later = told();
    CHECK_FALSE(later.snapshot_part(MonoTime{}, NodeId{1}, part(6, NodeId{3})));
    CHECK(later.state().epoch == Epoch{6});
    CHECK(later.state().leader == NodeId{3});
    Raft other = told();
    CHECK_FALSE(other.snapshot_part(MonoTime{}, NodeId{3}, part(5)));
    CHECK(other.awaits_snapshot(kSnapshot));  // the leader's answer may come yet
}

TEST_CASE("raft snapshot: one that fails is not asked for again at once") {
    Raft raft = told();
    raft.effects().clear();
    raft.snapshot_failed(MonoTime{});
    CHECK(raft.effects().empty());
    CHECK_FALSE(raft.awaits_snapshot(kSnapshot));
    raft.tick(raft.deadline());
    REQUIRE(raft.effects().size() == 1);
    CHECK(std::holds_alternative<FetchRequest>(std::get<Send>(raft.effects()[0]).message));
}

TEST_CASE("raft snapshot: who fetches one counts for the leader's quorum") {
    Raft raft(key(1), {}, {Epoch{4}, {}, {}}, {}, VoterHistory(kThree), Rng(1), MonoTime{});
    MonoTime now{};
    VoteResponse yes;
    yes.granted = true;
    for (int i = 0; i < 100 && !raft.leads(); ++i) {
        now = raft.deadline();
        raft.tick(now);
        for (const bool pre_vote : {true, false}) {
            yes.epoch = yes.asked = raft.state().epoch;
            yes.pre_vote = pre_vote;
            raft.receive(now, NodeId{2}, yes);
        }
    }
    REQUIRE(raft.leads());
    const FetchSnapshotRequest q{raft.state().epoch, key(2), kSnapshot};
    for (int i = 0; i < 10; ++i) {
        now = now + 2s;
        raft.tick(now);
        CHECK(raft.serve_snapshot(now, NodeId{2}, q).error == RaftError::none);
    }
    CHECK(raft.leads());
    FetchSnapshotRequest early = q, late = q;
    early.epoch = Epoch{q.epoch.v - 1};
    late.epoch = Epoch{q.epoch.v + 1};
    CHECK(raft.serve_snapshot(now, NodeId{2}, early).error == RaftError::fenced_leader_epoch);
    CHECK(raft.serve_snapshot(now, NodeId{2}, late).error == RaftError::unknown_leader_epoch);
    now = now + 3s;
    raft.tick(now);
    CHECK_FALSE(raft.leads());
    CHECK(raft.serve_snapshot(now, NodeId{2}, q).error == RaftError::not_leader);
}
}  // namespace faultline::logic::raft
