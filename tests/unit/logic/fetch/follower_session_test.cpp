// A follower's side of a session, against the leader's.
#include "core/logic/fetch/follower_session.h"

#include "core/base/random.h"
#include "core/logic/fetch/fetch_sessions.h"
#include "tests/support/catch.h"

namespace faultline::logic {
namespace {

Uuid topic(std::uint64_t n) { return {.hi = 1, .lo = n}; }

FollowerSession::Wanted all_of(int topics, int partitions) {
    FollowerSession::Wanted wanted;
    for (int t = 0; t < topics; ++t) {
        for (int p = 0; p < partitions; ++p) {
            wire::FetchRequest::FetchPartition asked;
            asked.partition = p;
            asked.partition_max_bytes = 100;
            wanted[{topic(static_cast<std::uint64_t>(t)), p}] = asked;
        }
    }
    return wanted;
}

std::size_t named(const wire::FetchRequest& q) {
    std::size_t n = 0;
    for (const auto& t : q.topics) n += t.partitions.size();
    return n;
}

// A leader that answers every request with nothing new.
struct Leader {
    FetchSessions sessions{FetchSessionLimits{}};
    Rng rng{1};
    FetchPlan plan;

    wire::FetchResponse answer(wire::FetchRequest q) {
        q.replica_state.replica_id = 2;
        wire::FetchResponse r;
        plan = sessions.begin(q, true, MonoTime{});
        r.error_code = plan.error;
        if (plan.kind == FetchPlan::Kind::refused) return r;
        std::vector<FetchFound> found;
        for (const auto& t : plan.topics) {
            for (const auto& p : t.partitions) {
                FetchFound f;
                f.key = {"", t.topic_id, p.partition};
                found.push_back(f);
            }
        }
        const auto verdict = sessions.finish(plan, found, MonoTime{}, rng);
        r.error_code = verdict.error;
        r.session_id = verdict.session;
        return r;
    }
    // What it takes the follower to want.
    FollowerSession::Wanted wanted() const {
        FollowerSession::Wanted out;
        for (const auto& t : plan.topics) {
            for (const auto& p : t.partitions) out[{t.topic_id, p.partition}] = p;
        }
        return out;
    }
};

void require_same(const FollowerSession::Wanted& a, const FollowerSession::Wanted& b) {
    REQUIRE(a.size() == b.size());
    for (const auto& [key, p] : a) {
        REQUIRE(b.contains(key));
        REQUIRE(b.at(key).fetch_offset == p.fetch_offset);
        REQUIRE(b.at(key).current_leader_epoch == p.current_leader_epoch);
    }
}
}  // namespace

TEST_CASE("follower session: a quiet follower of 5,000 partitions names none of them") {
    Leader leader;
    FollowerSession session;
    auto wanted = all_of(50, 100);
    wire::FetchRequest q;
    session.ask(wanted, q);
    CHECK(named(q) == 5000);
    CHECK(session.answered(leader.answer(q)));
    session.ask(wanted, q);
    CHECK(named(q) == 0);
    CHECK(q.session_id != 0);
    CHECK(session.answered(leader.answer(q)));
    wanted[{topic(3), 7}].fetch_offset = 12;
    session.ask(wanted, q);
    CHECK(named(q) == 1);
    CHECK(session.answered(leader.answer(q)));
    require_same(leader.wanted(), wanted);
}

TEST_CASE(
    "follower session: a high watermark that rose is told, or the leader goes on telling it") {
    Leader leader;
    FollowerSession session;
    auto wanted = all_of(2, 3);
    wire::FetchRequest q;
    session.ask(wanted, q);
    CHECK(session.answered(leader.answer(q)));
    wanted[{topic(1), 2}].high_watermark = 5;
    session.ask(wanted, q);
    REQUIRE(named(q) == 1);
    CHECK(q.topics[0].partitions[0].high_watermark == 5);
    CHECK(session.answered(leader.answer(q)));
    CHECK((leader.wanted()[{topic(1), 2}].high_watermark) == 5);
    session.ask(wanted, q);
    CHECK(named(q) == 0);
}

TEST_CASE("follower session: the leader always knows what is wanted") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Rng rng(seed);
        Leader leader;
        FollowerSession session;
        auto wanted = all_of(3, 4);
        std::size_t unknown = 0;  // sessions whose beginning the follower was not told
        for (int round = 0; round < 200; ++round) {
            for (auto& [key, p] : wanted) {
                if (rng.chance(1, 5)) ++p.fetch_offset;
                if (rng.chance(1, 20)) ++p.current_leader_epoch;
            }
            if (rng.chance(1, 4) && wanted.size() > 1) wanted.erase(wanted.begin());
            if (rng.chance(1, 4)) wanted.merge(all_of(3, 4));
            wire::FetchRequest q;
            session.ask(wanted, q);
            if (rng.chance(1, 10)) {  // the request is lost, or its answer is
                if (rng.chance(1, 2)) {
                    (void)leader.answer(q);
                    unknown += q.session_epoch == 0 ? 1 : 0;
                }
                session.lost();
                continue;
            }
            if (rng.chance(1, 20)) {
                leader.sessions = FetchSessions{FetchSessionLimits{}};
                unknown = 0;
            }
            const bool known = session.answered(leader.answer(q));
            if (known) require_same(leader.wanted(), wanted);
            REQUIRE(leader.sessions.size() <= unknown + 1);
        }
    }
}

TEST_CASE("follower session: a leader that has no room is told everything each time") {
    FollowerSession session;
    const auto wanted = all_of(1, 3);
    wire::FetchRequest q;
    for (int round = 0; round < 3; ++round) {
        session.ask(wanted, q);
        CHECK(named(q) == 3);
        CHECK(q.session_id == 0);
        CHECK(session.answered(wire::FetchResponse{}));
    }
}
}  // namespace faultline::logic
