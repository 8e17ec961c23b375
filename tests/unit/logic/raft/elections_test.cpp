// How soon there is a leader again when the one there was stands still.
#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft {
namespace {
using Delivered = std::function<bool(const test::Letter&)>;

// Ten milliseconds, the time of a message: what is on its way comes (what `comes` denies is lost),
// then clocks go on.
void step(test::World& world, const Delivered& comes) {
    std::vector<test::Letter> due;
    due.swap(world.letters);
    for (test::Letter& letter : due) {
        if (!comes(letter)) continue;
        world.letters.push_back(std::move(letter));
        world.deliver(world.letters.size() - 1, false);
    }
    world.now = world.now + 10ms;
    for (std::size_t i = 0; i < world.replicas.size(); ++i) world.tick(i);
}

std::size_t leader_of(const test::World& world, std::size_t but) {
    for (std::size_t i = 0; i < world.replicas.size(); ++i) {
        if (i != but && world.replicas[i].raft->leads()) return i;
    }
    return world.replicas.size();
}

struct Gap {
    Duration unnoticed, election;  // until the first one stands, and then until another leads
};

ReplicaKey key(std::int32_t id) { return {NodeId{id}, Uuid{0, static_cast<std::uint64_t>(id)}}; }

// What `raft` sent last, of that kind.
template <typename M>
M sent(Raft& raft) {
    std::optional<M> last;
    for (const Effect& e : raft.effects()) {
        const auto* send = std::get_if<Send>(&e);
        const auto* m = send ? std::get_if<M>(&send->message) : nullptr;
        if (m != nullptr) last = *m;
    }
    raft.effects().clear();
    REQUIRE(last);
    return *last;
}

// The leader of `voters` is heard no more.
Gap without_leader(std::size_t voters, std::uint64_t seed) {
    test::World world(voters, 0, seed);
    for (int i = 0; i < 1'000; ++i) step(world, [](const test::Letter&) { return true; });
    const std::size_t old = leader_of(world, voters);
    REQUIRE(old < voters);
    // Something new is told to all at once: their time-outs end together.
    REQUIRE(world.append(old));
    step(world, [](const test::Letter&) { return true; });
    const NodeId silent = world.replicas[old].key.id;
    const MonoTime begin = world.now;
    const auto wait_for = [&](const std::function<bool(std::size_t)>& is) {
        const auto some = [&] {
            for (std::size_t i = 0; i < voters; ++i) {
                if (i != old && is(i)) return true;
            }
            return false;
        };
        while (!some() && world.now < begin + 60s)
            step(world, [&](const test::Letter& l) { return l.from != silent && l.to != silent; });
        return world.now;
    };
    const MonoTime noticed = wait_for([&](std::size_t i) {
        return std::holds_alternative<Prospective>(world.replicas[i].raft->role());
    });
    const MonoTime over = wait_for([&](std::size_t i) { return world.replicas[i].raft->leads(); });
    CHECK(world.broken() == "");
    return {noticed - begin, over - noticed};
}
}  // namespace

TEST_CASE("raft: those who lose their leader at the same moment do not stand against each other") {
    const RaftConfig config;
    for (const std::size_t voters : {3U, 5U}) {
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            CAPTURE(voters, seed);
            const Gap gap = without_leader(voters, seed);
            CHECK(gap.unnoticed <= config.fetch_timeout + 20ms);
            CHECK(gap.election <= 50ms);
        }
    }
}

// INV-128: a leader counts on what the process before this one had heard.
TEST_CASE("raft: a voter that starts again gives no vote before a fetch time-out is over") {
    const RaftConfig config;
    const MonoTime start = MonoTime{} + 100s;
    const auto granted = [&](QuorumState stored, Duration after, bool pre_vote) {
        Raft raft(key(1), config, std::move(stored), {},
                  VoterHistory(VoterSet({key(1), key(2), key(3)})), Rng(1), start);
        raft.effects().clear();
        VoteRequest q{raft.state().epoch, key(2), {}, pre_vote, key(1)};
        if (!pre_vote) q.epoch = Epoch{q.epoch.v + 1};
        raft.receive(start + after, NodeId{2}, q);
        return sent<VoteResponse>(raft).granted;
    };
    for (const bool pre_vote : {true, false}) {
        CAPTURE(pre_vote);
        const Duration just_before = config.fetch_timeout - 1ms;
        const QuorumState followed{Epoch{4}, NodeId{3}, {}}, unknown{Epoch{4}, {}, {}};
        for (const QuorumState& stored : {followed, unknown}) {
            CHECK_FALSE(granted(stored, just_before, pre_vote));
            CHECK(granted(stored, config.fetch_timeout, pre_vote));
        }
        // It led, stood itself, or nobody has ever led: it has promised nothing.
        CHECK(granted({Epoch{4}, NodeId{1}, key(1)}, 1ms, pre_vote));
        CHECK(granted({Epoch{4}, {}, key(1)}, 1ms, pre_vote));
        CHECK(granted({}, 1ms, pre_vote));
    }
}

// Who believed it would follow it for a fetch time-out, and for a broker that is a session.
TEST_CASE("raft: who led, and started again, does not name itself as the leader of that epoch") {
    const MonoTime now = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(1), {}, {Epoch{4}, NodeId{1}, key(1)}, {}, VoterHistory(three), Rng(1), now);
    REQUIRE(std::holds_alternative<Resigned>(raft.role()));
    CHECK(raft.leader() == std::nullopt);
    raft.effects().clear();

    raft.receive(now, NodeId{4}, FetchRequest{Epoch{3}, key(4), {}});
    CHECK(sent<FetchResponse>(raft).leader == std::nullopt);
    raft.receive(now, NodeId{2}, VoteRequest{Epoch{3}, key(2), {}, true, key(1)});
    CHECK(sent<VoteResponse>(raft).leader == std::nullopt);
    raft.receive(now, NodeId{2}, BeginQuorumEpochRequest{Epoch{3}, NodeId{2}, key(1)});
    CHECK(sent<BeginQuorumEpochResponse>(raft).leader == std::nullopt);
    const auto part = raft.serve_snapshot(now, NodeId{4}, {Epoch{3}, key(4), {}});
    CHECK(part.leader == std::nullopt);
    CHECK(part.epoch == Epoch{4});
}

TEST_CASE("raft: a leader that says itself that it leads no more is not waited for") {
    const MonoTime now = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    for (const std::int32_t self : {2, 4}) {  // a voter, and who only reads
        CAPTURE(self);
        Raft raft(key(self), {}, {Epoch{4}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1), now);
        FetchResponse no;
        no.epoch = no.asked = Epoch{4};
        no.error = RaftError::not_leader;
        no.number = sent<FetchRequest>(raft).number - 1;
        raft.receive(now, NodeId{1}, no);
        CHECK(raft.deadline() > now + 1s);  // that was said to the process before this one
        CHECK(raft.leader() == NodeId{1});
        ++no.number;
        no.leader = NodeId{1};
        Raft other = raft;
        other.receive(now, NodeId{1}, no);  // another replica listens at that address
        CHECK(other.leader() == NodeId{1});
        no.leader.reset();
        raft.receive(now, NodeId{1}, no);
        // One after the other, those who only read at the end.
        CHECK(raft.deadline() <= now + RaftConfig{}.election_timeout / 8);
        CHECK(raft.leader() == std::nullopt);
        CHECK(raft.state().leader == NodeId{1});
        raft.tick(raft.deadline());
        CHECK(std::holds_alternative<Prospective>(raft.role()) == (self == 2));
        CHECK(std::holds_alternative<Unattached>(raft.role()) == (self == 4));
        raft.effects().clear();
        raft.receive(now, NodeId{5}, FetchRequest{Epoch{3}, key(5), {}});
        CHECK(sent<FetchResponse>(raft).leader == std::nullopt);
        // The next one is named.
        raft.receive(now, NodeId{3}, BeginQuorumEpochRequest{Epoch{5}, NodeId{3}, key(self)});
        CHECK(sent<BeginQuorumEpochResponse>(raft).leader == NodeId{3});
    }
}

TEST_CASE("raft: who has said good-bye is not named as the leader") {
    const MonoTime now = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(2), {}, {Epoch{4}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1), now);
    raft.receive(now, NodeId{1}, EndQuorumEpochRequest{Epoch{4}, NodeId{1}, {key(3)}});
    raft.effects().clear();
    raft.receive(now, NodeId{4}, FetchRequest{Epoch{4}, key(4), {}});
    CHECK(sent<FetchResponse>(raft).leader == std::nullopt);
    CHECK(raft.state().leader == NodeId{1});
    // What it had answered before comes late.
    FetchResponse late;
    late.epoch = late.asked = Epoch{4};
    late.leader = NodeId{1};
    raft.receive(now, NodeId{1}, late);
    CHECK_FALSE(raft.hears_leader(now));
    CHECK_FALSE(std::holds_alternative<Follower>(raft.role()));
}

// INV-128: what the leader said before it was one is no word of the end of its reign.
TEST_CASE("raft: a refusal from before the election does not end the promise") {
    const MonoTime now = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(2), {}, {}, {}, VoterHistory(three), Rng(1), now);
    raft.receive(now, NodeId{1}, VoteRequest{Epoch{1}, key(1), {}, false, key(2)});
    REQUIRE(sent<VoteResponse>(raft).granted);
    // The candidate is asked whether it leads, in the epoch in which it stands.
    raft.tick(raft.deadline());
    const FetchRequest asked = sent<FetchRequest>(raft);
    REQUIRE(asked.epoch == Epoch{1});
    FetchResponse late;
    late.epoch = late.asked = Epoch{1};
    late.error = RaftError::not_leader;
    late.number = asked.number;
    // It wins, and is heard.
    raft.receive(now, NodeId{1}, BeginQuorumEpochRequest{Epoch{1}, NodeId{1}, key(2)});
    FetchResponse news;
    news.epoch = news.asked = Epoch{1};
    news.leader = NodeId{1};
    news.number = sent<FetchRequest>(raft).number;
    raft.receive(now, NodeId{1}, news);
    REQUIRE(raft.hears_leader(now + 1s));
    raft.receive(now, NodeId{1}, late);
    CHECK(raft.hears_leader(now + 1s));
    CHECK(raft.leader() == NodeId{1});
}

TEST_CASE("raft: what names another leader of an epoch that has one changes nothing") {
    const MonoTime now = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(2), {}, {Epoch{4}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1), now);
    raft.effects().clear();
    raft.receive(now, NodeId{3}, BeginQuorumEpochRequest{Epoch{4}, NodeId{3}, key(2)});
    const auto refused = sent<BeginQuorumEpochResponse>(raft);
    CHECK(refused.error == RaftError::invalid_request);
    CHECK(refused.leader == NodeId{1});
    raft.receive(now, NodeId{3}, EndQuorumEpochRequest{Epoch{4}, NodeId{3}, {key(2)}});
    FetchResponse r;
    r.epoch = r.asked = Epoch{4};
    r.leader = NodeId{3};
    raft.receive(now, NodeId{3}, r);
    CHECK(raft.leader() == NodeId{1});
    CHECK(raft.effects().empty());
}

TEST_CASE(
    "raft: who asks again for the vote that it has got is told so, with more of its name too") {
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(2), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
    // As version 0 asks, without the directory.
    raft.receive(MonoTime{}, NodeId{1},
                 VoteRequest{Epoch{1}, {NodeId{1}, {}}, {}, false, {NodeId{2}, {}}});
    raft.receive(MonoTime{}, NodeId{1}, VoteRequest{Epoch{1}, key(1), {}, false, key(2)});
    CHECK(sent<VoteResponse>(raft).granted);
    CHECK(raft.state().voted == ReplicaKey{NodeId{1}, {}});
}

TEST_CASE("raft: a grant counts in the epoch that it was asked for in") {
    const VoterSet three({key(1), key(2), key(3)});
    Raft raft(key(1), {}, {}, {}, VoterHistory(three), Rng(1), MonoTime{});
    raft.tick(raft.deadline());
    REQUIRE(std::holds_alternative<Prospective>(raft.role()));
    VoteResponse yes;
    yes.granted = yes.pre_vote = true;
    yes.asked = yes.epoch = Epoch{0};
    raft.receive(MonoTime{} + 2s, NodeId{2}, yes);
    REQUIRE(std::holds_alternative<Candidate>(raft.role()));
    // The answer to the pre-vote once more, as that to the vote.
    yes.pre_vote = false;
    yes.asked = Epoch{1};
    raft.receive(MonoTime{} + 2s, NodeId{3}, yes);
    CHECK(std::holds_alternative<Candidate>(raft.role()));
    yes.epoch = Epoch{1};
    raft.receive(MonoTime{} + 2s, NodeId{3}, yes);
    CHECK(raft.leads());
}

TEST_CASE("raft: who loses its leader and hears that the others have not follows it on") {
    const MonoTime start = MonoTime{} + 100s;
    const VoterSet three({key(1), key(2), key(3)});
    for (const bool gone : {false, true}) {
        CAPTURE(gone);
        Raft raft(key(2), {}, {Epoch{4}, NodeId{1}, {}}, {}, VoterHistory(three), Rng(1), start);
        FetchResponse news;
        news.epoch = news.asked = Epoch{4};
        news.leader = NodeId{1};
        news.number = sent<FetchRequest>(raft).number;
        raft.receive(start, NodeId{1}, news);
        if (gone) raft.unreachable(start, NodeId{1}, true, true);
        const MonoTime lost = raft.deadline() + RaftConfig{}.fetch_timeout;
        while (!std::holds_alternative<Prospective>(raft.role())) raft.tick(lost);
        VoteResponse no;
        no.pre_vote = true;
        no.asked = no.epoch = Epoch{4};
        no.leader = NodeId{1};
        raft.receive(lost, NodeId{3}, no);
        CHECK(std::holds_alternative<Prospective>(raft.role()));
        raft.receive(lost, NodeId{1}, no);
        // Whose process is gone would be asked over and over.
        CHECK(std::holds_alternative<Follower>(raft.role()) == !gone);
    }
}

TEST_CASE("raft: a candidate that was denied a vote tries again soon, and later each time") {
    const RaftConfig config;
    Raft raft(key(1), config, {}, {}, VoterHistory(VoterSet({key(1), key(2), key(3)})), Rng(1),
              MonoTime{});
    MonoTime now{};
    const auto answer = [&](std::int32_t from, bool pre_vote, bool granted) {
        VoteResponse r;
        r.asked = r.epoch = raft.state().epoch;
        r.pre_vote = pre_vote;
        r.granted = granted;
        raft.receive(now, NodeId{from}, r);
    };
    Duration longest{0};
    for (int election = 1; election <= 12; ++election) {
        CAPTURE(election);
        while (!std::holds_alternative<Prospective>(raft.role())) {
            now = std::max(now, raft.deadline());
            raft.tick(now);
        }
        answer(2, true, true);
        REQUIRE(std::holds_alternative<Candidate>(raft.role()));
        CHECK(raft.deadline() - now >= config.election_timeout);
        answer(2, false, false);  // the third may still give its vote
        const Duration one = raft.deadline() - now;
        CHECK(one > config.election_timeout / 2);
        CHECK(one <= config.election_timeout / 2 + config.election_backoff);
        answer(3, false, false);
        const Duration both = raft.deadline() - now;
        CHECK(both > Duration{0});
        CHECK(both <= config.election_backoff);
        if (election == 1) CHECK(both <= config.election_backoff / 16);
        longest = std::max(longest, both);
    }
    CHECK(longest > config.election_backoff / 4);
}
}  // namespace faultline::logic::raft
