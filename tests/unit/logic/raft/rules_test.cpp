// The rules one by one.
#include "tests/support/catch.h"
#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft {
namespace {
ReplicaKey key(std::int32_t id, std::uint64_t directory = 0) {
    return {NodeId{id}, Uuid{0, directory}};
}
LogEnd log(std::int32_t epoch, std::int64_t end) { return {Epoch{epoch}, Offset{end}}; }
}  // namespace

TEST_CASE("raft rules: which log is more up to date") {
    CHECK(log_is_current(log(3, 5), log(3, 5)));
    CHECK(log_is_current(log(3, 6), log(3, 5)));
    CHECK(log_is_current(log(4, 1), log(3, 5)));
    CHECK_FALSE(log_is_current(log(3, 4), log(3, 5)));
    CHECK_FALSE(log_is_current(log(2, 9), log(3, 5)));
}

TEST_CASE("raft rules: one vote in an epoch, none where a leader is known") {
    const QuorumState fresh{Epoch{4}, {}, {}};
    CHECK(may_vote(fresh, key(2), log(3, 5), log(3, 5)));
    CHECK_FALSE(may_vote(fresh, key(2), log(3, 4), log(3, 5)));
    const QuorumState voted{Epoch{4}, {}, key(2, 9)};
    CHECK(may_vote(voted, key(2, 9), log(3, 5), log(3, 5)));
    CHECK_FALSE(may_vote(voted, key(2, 8), log(3, 5), log(3, 5)));
    CHECK_FALSE(may_vote(voted, key(3), log(3, 5), log(3, 5)));
    const QuorumState led{Epoch{4}, NodeId{1}, {}};
    CHECK_FALSE(may_vote(led, key(2), log(3, 9), log(3, 5)));
    CHECK(may_pre_vote(false, log(3, 5), log(3, 5)));
    CHECK_FALSE(may_pre_vote(true, log(3, 5), log(3, 5)));
    CHECK_FALSE(may_pre_vote(false, log(3, 4), log(3, 5)));
}

TEST_CASE("raft rules: a set of voters changes by one") {
    const VoterSet three({key(1, 11), key(2, 12), key(3, 13)});
    CHECK(three.majority() == 2);
    CHECK(three.with(key(4, 14))->majority() == 3);
    CHECK_FALSE(three.with(key(2, 99)).has_value());
    CHECK(three.contains(key(2)));
    CHECK_FALSE(three.contains(key(2, 99)));
    CHECK(three.without(key(2, 12))->size() == 2);
    CHECK_FALSE(three.without(key(2, 99)).has_value());
    CHECK_FALSE(VoterSet({key(1)}).without(key(1)).has_value());

    VoterHistory history(three);
    history.append(Offset{10}, *three.with(key(4, 14)));
    history.append(Offset{20}, three);
    CHECK(history.before(Offset{10}).size() == 3);
    CHECK(history.before(Offset{11}).size() == 4);
    history.truncate_end(Offset{20});
    CHECK(history.current().size() == 4);
    CHECK(history.current_offset() == Offset{10});
    history.restart(Offset{15}, three);
    CHECK(history.current().size() == 3);
    CHECK(history.current_offset() < Offset{15});
}

TEST_CASE("raft rules: where two logs part") {
    LogView view;
    const auto add = [&](std::int32_t epoch, std::int64_t base, std::int32_t count) {
        Batch b;
        b.epoch = Epoch{epoch};
        b.base = Offset{base};
        b.count = count;
        view.append(b);
    };
    add(1, 0, 4);
    add(3, 4, 4);
    CHECK(view.match(log(0, 0))->same);
    CHECK(view.match(log(1, 3))->same);
    CHECK(view.match(log(1, 4))->same);
    CHECK(view.match(log(3, 8))->same);
    CHECK(view.match(log(1, 6))->parts_at == log(1, 4));
    CHECK(view.match(log(2, 6))->parts_at == log(1, 4));
    CHECK(view.match(log(3, 9))->parts_at == log(3, 8));
    CHECK(view.match(log(5, 2))->parts_at == log(3, 2));
    view.trim(log(3, 6));
    CHECK_FALSE(view.match(log(1, 3)).has_value());
    CHECK(view.match(log(3, 6))->same);
    CHECK(view.match(log(3, 8))->same);
    CHECK(view.last() == log(3, 8));
}

TEST_CASE("raft: alone it leads at once, and commits what it has synced") {
    Raft raft(key(1), {}, {}, {}, VoterHistory(VoterSet({key(1)})), Rng(1), MonoTime{});
    CHECK(raft.leads());
    CHECK_FALSE(raft.ready());
    CHECK(raft.state().voted == key(1));
    CHECK(raft.append(3, 7) == Offset{1});
    CHECK(raft.high_watermark() == Offset{0});
    raft.flushed(MonoTime{}, Offset{4});
    CHECK(raft.ready());
    CHECK(raft.high_watermark() == Offset{4});
    // The promise comes before everything that relies on it.
    CHECK(std::holds_alternative<PersistState>(raft.effects().front()));
}

// Ongaro's thesis, 4.2.2: until its removal is committed, the others may need it as their leader.
TEST_CASE("raft: a voter that holds its own removal stands for election until that is committed") {
    const VoterSet two({key(1, 11), key(2, 12)});
    const auto started = [&](std::int32_t id, std::uint64_t directory, bool removal) {
        LogView log;
        VoterHistory voters(two);
        Batch b;
        b.epoch = Epoch{3};
        b.leader_change = true;
        log.append(b);
        if (removal) {
            b.leader_change = false;
            b.base = Offset{1};
            log.append(b);
            voters.append(b.base, *two.without(key(1, 11)));
        }
        log.durable = log.end;
        return Raft(key(id, directory), {}, {Epoch{3}, {}, {}}, std::move(log), std::move(voters),
                    Rng(1), MonoTime{});
    };
    Raft removed = started(1, 11, true), left = started(2, 12, false);
    MonoTime now{};
    const auto post = [&](Raft& from, Raft& to) {
        std::vector<Effect> todo;
        todo.swap(from.effects());
        for (const Effect& e : todo) {
            if (const auto* s = std::get_if<Send>(&e)) to.receive(now, from.self().id, s->message);
        }
    };
    for (int i = 0; i < 1'000 && !removed.leads(); ++i) {
        now = now + 10ms;
        removed.tick(now);
        left.tick(now);
        post(removed, left);
        post(left, removed);
        CHECK_FALSE(left.leads());  // its log is behind
    }
    CHECK(removed.leads());
    // It does not count itself: nothing is committed before the one that is left has it.
    removed.flushed(now, removed.log().end);
    CHECK(removed.high_watermark() == Offset{0});
}

TEST_CASE("raft: a replica that knows no voter but itself asks the bootstrap servers who leads") {
    RaftConfig config;
    config.bootstrap = {NodeId{1}, NodeId{4}};
    // Its disk was replaced when it was the only voter there had been: that set is all it has read.
    Raft raft(key(1, 31), config, {}, {}, VoterHistory(VoterSet({key(1, 11)})), Rng(1), MonoTime{});
    raft.tick(MonoTime{} + 10s);
    REQUIRE(raft.effects().size() == 1);
    const auto* send = std::get_if<Send>(&raft.effects()[0]);
    REQUIRE(send != nullptr);
    CHECK(send->to == NodeId{4});
    CHECK(std::holds_alternative<FetchRequest>(send->message));
}

TEST_CASE("raft: who lost its leader asks it again when another says that it leads") {
    const VoterSet three({key(1, 11), key(2, 12), key(3, 13)});
    // An observer: it stands for no election, and may have nobody else to learn it from.
    Raft raft(key(4, 14), {}, {Epoch{3}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1),
              MonoTime{});
    MonoTime now{};
    while (!std::holds_alternative<Unattached>(raft.role())) {
        now = std::max(now + 1ms, raft.deadline());
        raft.tick(now);
    }
    raft.effects().clear();
    FetchResponse r;
    r.epoch = r.asked = Epoch{3};
    r.leader = NodeId{1};
    r.error = RaftError::not_leader;
    raft.receive(now, NodeId{2}, r);
    // It is asked, not believed: it may be gone.
    CHECK(std::holds_alternative<Unattached>(raft.role()));
    REQUIRE(raft.effects().size() == 1);
    const auto* send = std::get_if<Send>(&raft.effects()[0]);
    REQUIRE(send != nullptr);
    CHECK(send->to == NodeId{1});
    CHECK(std::holds_alternative<FetchRequest>(send->message));
    raft.effects().clear();
    raft.receive(now, NodeId{1}, r);  // it says itself that it does not
    CHECK(raft.effects().empty());
    CHECK(raft.deadline() <= now + RaftConfig{}.request_timeout / 10);  // then another is asked
    r.error = RaftError::none;
    raft.receive(now, NodeId{1}, r);
    CHECK(std::holds_alternative<Follower>(raft.role()));
}

TEST_CASE("raft: who waits for records at a leader hears at once that it leads no more") {
    const VoterSet alone({key(1, 11)});  // it leads at once
    const auto leader = [&] {
        Raft raft(key(1, 11), {}, {}, {}, VoterHistory(alone), Rng(1), MonoTime{});
        REQUIRE(raft.leads());
        raft.flushed(MonoTime{}, raft.log().end);
        FetchRequest q{raft.state().epoch, key(4, 14), raft.log().last(), raft.high_watermark(), 7};
        raft.receive(MonoTime{}, NodeId{4}, q);
        raft.effects().clear();
        return raft;
    };
    const auto told = [](Raft& raft) {
        std::vector<FetchResponse> out;
        for (const Effect& e : raft.effects()) {
            const auto* send = std::get_if<Send>(&e);
            const auto* r = send ? std::get_if<FetchResponse>(&send->message) : nullptr;
            if (r != nullptr && send->to == NodeId{4}) out.push_back(*r);
        }
        return out;
    };
    Raft resigns = leader();
    CHECK(told(resigns).empty());  // it waits
    resigns.resign(MonoTime{});
    REQUIRE(told(resigns).size() == 1);
    CHECK(told(resigns)[0].error == RaftError::not_leader);
    CHECK(told(resigns)[0].number == 7);

    Raft deposed = leader();
    const Epoch next{deposed.state().epoch.v + 1};
    deposed.receive(MonoTime{}, NodeId{2}, BeginQuorumEpochRequest{next, NodeId{2}, key(1, 11)});
    REQUIRE(told(deposed).size() == 1);
    CHECK(told(deposed)[0].epoch == next);
    CHECK(told(deposed)[0].leader == NodeId{2});
    CHECK(told(deposed)[0].error == RaftError::fenced_leader_epoch);

    Raft outvoted = leader();
    VoteRequest q;
    q.epoch = next;
    q.candidate = key(2, 12);
    q.voter = key(1, 11);
    outvoted.receive(MonoTime{}, NodeId{2}, q);
    REQUIRE(told(outvoted).size() == 1);
    CHECK(told(outvoted)[0].epoch == next);
}

TEST_CASE("raft: when a leader says good-bye, its best successor stands at once") {
    const VoterSet three({key(1, 11), key(2, 12), key(3, 13)});
    const auto after_goodbye = [&](std::vector<ReplicaKey> order) {
        Raft raft(key(2, 12), {}, {Epoch{3}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1),
                  MonoTime{});
        raft.receive(MonoTime{}, NodeId{1},
                     EndQuorumEpochRequest{Epoch{3}, NodeId{1}, std::move(order)});
        return raft;
    };
    const auto stands = [](const Raft& raft) {
        return std::holds_alternative<Prospective>(raft.role());
    };
    CHECK(stands(after_goodbye({key(2, 12), key(3, 13)})));
    CHECK(stands(after_goodbye({key(2, 0)})));  // as version 0 names it
    Raft second = after_goodbye({key(3, 13), key(2, 12)});
    CHECK_FALSE(stands(second));
    second.tick(MonoTime{} + RaftConfig{}.election_timeout / 4);
    CHECK(stands(second));
    CHECK_FALSE(stands(after_goodbye({key(3, 13)})));
    CHECK_FALSE(stands(after_goodbye({key(2, 99)})));  // its disk was replaced
}

TEST_CASE(
    "raft: nobody is told of records that are not on the disk, in search of a leader either") {
    const VoterSet two({key(1, 11), key(2, 12)});
    LogView log;
    Batch b;
    b.epoch = Epoch{3};
    log.append(b);
    log.durable = log.end;
    // An observer that follows, takes a record, and loses its leader before that is synced.
    Raft raft(key(4, 14), {}, {Epoch{3}, NodeId{1}, {}}, std::move(log), VoterHistory(two), Rng(1),
              MonoTime{});
    MonoTime now{};
    const auto claims = [&] {
        std::vector<Offset> ends;
        for (const Effect& e : raft.effects()) {
            const auto* send = std::get_if<Send>(&e);
            const auto* q = send ? std::get_if<FetchRequest>(&send->message) : nullptr;
            if (q != nullptr) ends.push_back(q->at.end);
        }
        return ends;
    };
    REQUIRE(claims().size() == 1);
    FetchResponse r;
    r.epoch = r.asked = Epoch{3};
    r.leader = NodeId{1};
    b.base = Offset{1};
    r.batches = {b};
    r.number = std::get<FetchRequest>(std::get<Send>(raft.effects().back()).message).number;
    raft.effects().clear();
    raft.receive(now, NodeId{1}, r);
    CHECK(raft.log().end == Offset{2});
    for (int i = 0; i < 1'000; ++i) {
        now = std::max(now + 1ms, raft.deadline());
        raft.tick(now);
    }
    REQUIRE(std::holds_alternative<Unattached>(raft.role()));
    CHECK(claims().empty());
    raft.flushed(now, Offset{2});
    for (int i = 0; i < 10 && claims().empty(); ++i) {
        now = std::max(now + 1ms, raft.deadline());
        raft.tick(now);
    }
    REQUIRE(claims().size() == 1);
    CHECK(claims()[0] == Offset{2});
}

TEST_CASE("raft: a sync from before a truncation does not vouch for what was appended since") {
    const VoterSet two({key(1, 11), key(2, 12)});
    LogView log;
    Batch b;
    b.epoch = Epoch{3};
    b.count = 10;
    log.append(b);
    log.durable = log.end;
    Raft raft(key(2, 12), {}, {Epoch{5}, NodeId{1}, {}}, std::move(log), VoterHistory(two), Rng(1),
              MonoTime{});
    const std::uint64_t before = raft.cuts();
    const auto answer = [&](FetchResponse r) {
        r.epoch = r.asked = Epoch{5};
        r.leader = NodeId{1};
        r.number = std::get<FetchRequest>(std::get<Send>(raft.effects().back()).message).number;
        raft.receive(MonoTime{}, NodeId{1}, r);
    };
    FetchResponse cut, more;
    cut.diverging = LogEnd{Epoch{2}, Offset{4}};
    answer(cut);
    REQUIRE(raft.log().end == Offset{0});
    b.epoch = Epoch{4};
    more.batches = {b};
    answer(more);
    REQUIRE(raft.log().end == Offset{10});
    raft.flushed(MonoTime{}, Offset{10}, before);
    CHECK(raft.log().durable == Offset{0});
    raft.flushed(MonoTime{}, Offset{10}, raft.cuts());
    CHECK(raft.log().durable == Offset{10});
}

TEST_CASE("raft: an answer to the process before is not taken for one to this process") {
    const VoterSet two({key(1, 11), key(2, 12)});
    std::set<std::uint64_t> numbers;
    for (std::uint64_t start = 1; start <= 100; ++start) {
        Raft raft(key(2, 12), {}, {Epoch{5}, NodeId{1}, {}}, {}, VoterHistory(two), Rng(start),
                  MonoTime{});
        const auto* send = std::get_if<Send>(&raft.effects().back());
        REQUIRE(send != nullptr);
        numbers.insert(std::get<FetchRequest>(send->message).number);
    }
    CHECK(numbers.size() == 100);
}

TEST_CASE("raft: a node whose disk was replaced does not vote for the disk that it had") {
    const VoterSet three({key(1, 11), key(2, 12), key(3, 13)});
    const auto asks = [](const ReplicaKey& candidate, const ReplicaKey& voter) {
        VoteRequest q{Epoch{5}, candidate, {}, false};
        q.voter = voter;
        return q;
    };
    const auto answer = [](Raft& raft) {
        for (const Effect& e : raft.effects()) {
            const auto* send = std::get_if<Send>(&e);
            if (send != nullptr && std::holds_alternative<VoteResponse>(send->message))
                return std::get<VoteResponse>(send->message);
        }
        FAIL("no answer");
        return VoteResponse{};
    };
    Raft before(key(2, 12), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
    before.receive(MonoTime{}, NodeId{1}, asks(key(1, 11), key(2, 12)));
    CHECK(answer(before).granted);
    CHECK(answer(before).error == RaftError::none);
    // The same node a moment later, with an empty disk: it knows of no vote in epoch 5.
    Raft after(key(2, 22), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
    after.receive(MonoTime{}, NodeId{3}, asks(key(3, 13), key(2, 12)));
    CHECK_FALSE(answer(after).granted);
    CHECK(answer(after).error == RaftError::invalid_voter_key);
    CHECK_FALSE(after.state().voted.has_value());
    CHECK(after.state().epoch == Epoch{5});  // what is said of epochs is heard all the same
    // Nor does a voter that is not named at all.
    Raft unnamed(key(2, 12), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
    unnamed.receive(MonoTime{}, NodeId{3}, asks(key(3, 13), {}));
    CHECK(answer(unnamed).error == RaftError::invalid_voter_key);
}

TEST_CASE("raft: the new disk of a voter follows, and does not acknowledge the epoch for the old") {
    const VoterSet three({key(1, 11), key(2, 12), key(3, 13)});
    for (const std::uint64_t directory : {12, 22}) {
        Raft raft(key(2, directory), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
        BeginQuorumEpochRequest q{Epoch{5}, NodeId{1}};
        q.voter = key(2, 12);
        raft.receive(MonoTime{}, NodeId{1}, q);
        CHECK(std::holds_alternative<Follower>(raft.role()));
        const auto* send = std::get_if<Send>(&raft.effects().back());
        REQUIRE(send != nullptr);
        const auto* r = std::get_if<BeginQuorumEpochResponse>(&send->message);
        REQUIRE(r != nullptr);
        CHECK(r->error == (directory == 12 ? RaftError::none : RaftError::invalid_voter_key));
    }
}

TEST_CASE("raft: a voter that hears its leader denies pre-votes, and a cut one raises no epoch") {
    test::World world(3, 0, 5);
    const auto settle = [&](Duration time, std::optional<NodeId> cut) {
        const MonoTime end = world.now + time;
        while (world.now < end) {
            for (std::size_t guard = 0; !world.letters.empty() && guard < 10'000; ++guard) {
                const test::Letter& l = world.letters[0];
                if (cut && (l.from == *cut) != (l.to == *cut)) {
                    world.lose(0);
                } else {
                    world.deliver(0, false);
                }
            }
            world.now = world.now + 10ms;
            for (std::size_t i = 0; i < 3; ++i) world.tick(i);
        }
    };
    settle(10s, {});
    std::size_t leader = 3;
    for (std::size_t i = 0; i < 3; ++i) {
        if (world.replicas[i].raft->ready()) leader = i;
    }
    REQUIRE(leader < 3);
    const Epoch epoch = world.replicas[leader].raft->state().epoch;
    const std::size_t lone = (leader + 1) % 3;
    settle(60s, world.replicas[lone].key.id);
    CHECK(world.replicas[lone].raft->state().epoch == epoch);
    CHECK(world.replicas[leader].raft->leads());
    settle(10s, {});
    CHECK(world.replicas[leader].raft->leads());
    CHECK(world.replicas[lone].raft->state().epoch == epoch);
    CHECK(world.elections == 1);
    // A leader that no majority fetches from resigns.
    settle(10s, world.replicas[leader].key.id);
    CHECK_FALSE(world.replicas[leader].raft->leads());
    CHECK(world.elections == 2);
    CHECK(world.broken() == "");
}

// A leader of three that stood still for so long, with a fetch of before to be read, or with a
// snapshot that is asked for. What it is before it reads that, and after.
enum class Waiting { fetch, fetch_snapshot };
struct StoodStill {
    bool majority_before, majority_after, leads_after;
};
StoodStill stand_still(Duration pause, Waiting waiting) {
    test::World world(3, 0, 5);
    const auto deliver_all = [&] {
        for (std::size_t guard = 0; !world.letters.empty() && guard < 10'000; ++guard)
            world.deliver(0, false);
    };
    const auto tick_all = [&] {
        world.now = world.now + 10ms;
        for (std::size_t i = 0; i < 3; ++i) world.tick(i);
    };
    const MonoTime begin = world.now;
    std::size_t old = 3;
    while (world.now < begin + 20s) {
        deliver_all();
        tick_all();
        for (std::size_t i = 0; i < 3; ++i) {
            if (world.replicas[i].raft->leads()) old = i;
        }
        if (world.now < begin + 10s) continue;
        REQUIRE(old < 3);
        CHECK(world.replicas[old].raft->has_majority(world.now));  // as long as nothing is wrong
        CHECK_FALSE(world.replicas[(old + 1) % 3].raft->has_majority(world.now));
    }
    Raft& raft = *world.replicas[old].raft;
    const auto to_old = [&] {
        return std::ranges::find(world.letters, world.replicas[old].key.id, &test::Letter::to);
    };
    for (int i = 0; i < 200 && to_old() == world.letters.end(); ++i) {
        if (!world.letters.empty()) world.deliver(0, false);
        if (world.letters.empty()) tick_all();
    }
    REQUIRE(to_old() != world.letters.end());
    REQUIRE(raft.leads());
    world.now = world.now + pause;
    StoodStill is{};
    is.majority_before = raft.has_majority(world.now);
    if (waiting == Waiting::fetch) {
        world.deliver(static_cast<std::size_t>(to_old() - world.letters.begin()), false);
    } else {
        const ReplicaKey& who = world.replicas[(old + 1) % 3].key;
        FetchSnapshotRequest q{};
        q.epoch = raft.state().epoch;
        q.replica = who;
        const bool served = raft.serve_snapshot(world.now, who.id, q).error == RaftError::none;
        CHECK(served == raft.leads());
    }
    is.majority_after = raft.has_majority(world.now);
    is.leads_after = raft.leads();
    return is;
}

TEST_CASE("raft: a leader that stood still is none when it goes on, whatever waits for it") {
    const Waiting waiting = GENERATE(Waiting::fetch, Waiting::fetch_snapshot);
    const StoodStill shortly = stand_still(100ms, waiting);
    CHECK(shortly.majority_before);
    CHECK(shortly.majority_after);
    CHECK(shortly.leads_after);
    // The others' time-outs are over: what waits says nothing of now.
    const StoodStill longer = stand_still(RaftConfig{}.fetch_timeout * 5 / 4, waiting);
    CHECK_FALSE(longer.majority_before);
    CHECK_FALSE(longer.majority_after);
    const StoodStill long_ago = stand_still(10s, waiting);
    CHECK_FALSE(long_ago.majority_before);
    CHECK_FALSE(long_ago.majority_after);
    CHECK_FALSE(long_ago.leads_after);
}
}  // namespace faultline::logic::raft
