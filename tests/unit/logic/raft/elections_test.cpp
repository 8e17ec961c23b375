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
    const auto key = [](std::int32_t id) {
        return ReplicaKey{NodeId{id}, Uuid{0, static_cast<std::uint64_t>(id)}};
    };
    const MonoTime start = MonoTime{} + 100s;
    const auto granted = [&](QuorumState stored, Duration after, bool pre_vote) {
        Raft raft(key(1), config, std::move(stored), {},
                  VoterHistory(VoterSet({key(1), key(2), key(3)})), Rng(1), start);
        raft.effects().clear();
        VoteRequest q{raft.state().epoch, key(2), {}, pre_vote, key(1)};
        if (!pre_vote) q.epoch = Epoch{q.epoch.v + 1};
        raft.receive(start + after, NodeId{2}, q);
        for (const Effect& e : raft.effects()) {
            const auto* sent = std::get_if<Send>(&e);
            const auto* r = sent ? std::get_if<VoteResponse>(&sent->message) : nullptr;
            if (r != nullptr) return r->granted;
        }
        FAIL("no answer");
        return false;
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

TEST_CASE("raft: a candidate that was denied a vote tries again soon, and later each time") {
    const RaftConfig config;
    const auto key = [](std::int32_t id) {
        return ReplicaKey{NodeId{id}, Uuid{0, static_cast<std::uint64_t>(id)}};
    };
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
