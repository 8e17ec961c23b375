#include "core/logic/replica/leader_state.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
constexpr MonoTime at(int seconds) { return MonoTime{} + std::chrono::seconds(seconds); }
bool anybody(std::int32_t, std::int64_t) { return true; }

PartitionView view(model::BrokerIds isr, std::int32_t partition_epoch = 0) {
    return {Epoch{4}, partition_epoch, {1, 2, 3}, std::move(isr), false};
}
LeaderState leader(model::BrokerIds isr, std::int64_t min_isr = 1, std::int64_t log_end = 0) {
    return LeaderState(NodeId{1}, view(std::move(isr)), {min_isr, std::chrono::seconds(10)},
                       Offset{log_end}, Offset{0}, at(0));
}
FollowerFetch fetch(std::int32_t id, std::int64_t offset, std::int64_t broker_epoch = 7) {
    return {NodeId{id}, broker_epoch, Offset{offset}};
}
model::BrokerIds ids(const IsrProposal& p) {
    model::BrokerIds out;
    for (const auto& m : p.isr) out.push_back(m.id);
    return out;
}
}  // namespace

TEST_CASE("leader: high watermark waits for the slowest in-sync follower") {
    auto l = leader({1, 2, 3});
    l.holds(Offset{10});
    CHECK(l.high_watermark() == Offset{0});
    CHECK(l.fetched(at(1), fetch(2, 10), Offset{10}));
    CHECK(l.high_watermark() == Offset{0});
    CHECK(l.fetched(at(1), fetch(3, 6), Offset{10}));
    CHECK(l.high_watermark() == Offset{6});
    CHECK(l.fetched(at(1), fetch(3, 10), Offset{10}));
    CHECK(l.high_watermark() == Offset{10});
    CHECK(!l.fetched(at(1), fetch(9, 10), Offset{10}));
}

TEST_CASE("leader: nothing is committed below min.insync.replicas") {
    auto l = leader({1}, 2);
    l.holds(Offset{10});
    CHECK(!l.enough_in_sync());
    CHECK(l.high_watermark() == Offset{0});
    l.update(view({1, 2}, 1));
    CHECK(l.fetched(at(1), fetch(2, 8), Offset{10}));
    CHECK(l.high_watermark() == Offset{8});
}

TEST_CASE("leader: who is proposed counts before the controller has answered") {
    auto l = leader({1});
    l.holds(Offset{4});
    CHECK(l.high_watermark() == Offset{4});
    CHECK(l.fetched(at(1), fetch(2, 4), Offset{4}));
    const auto p = l.propose(at(1), anybody);
    REQUIRE(p);
    CHECK(ids(*p) == model::BrokerIds{1, 2});
    CHECK(p->isr[1].broker_epoch == 7);
    l.holds(Offset{9});
    CHECK(l.high_watermark() == Offset{4});  // 2 may be in the ISR by now
    CHECK(!l.propose(at(1), anybody));       // one at a time
    SECTION("refused: it does not count") {
        l.refused();
        CHECK(l.high_watermark() == Offset{9});
    }
    SECTION("no answer: it counts, and is asked again as it was") {
        l.unanswered();
        CHECK(l.propose(at(2), anybody) == p);
        CHECK(l.high_watermark() == Offset{4});
    }
    SECTION("accepted") {
        l.update(view({1, 2}, 1));
        CHECK(l.high_watermark() == Offset{4});
        CHECK(l.fetched(at(2), fetch(2, 9), Offset{9}));
        CHECK(l.high_watermark() == Offset{9});
    }
}

TEST_CASE("leader: who joins holds the high watermark and this reign's beginning") {
    auto l = leader({1}, 1, 20);
    CHECK(l.fetched(at(1), fetch(2, 19), Offset{20}));
    CHECK(!l.propose(at(1), anybody));
    CHECK(l.fetched(at(1), fetch(2, 20), Offset{20}));
    CHECK(!l.propose(at(1), [](std::int32_t, std::int64_t) { return false; }));
    CHECK(l.propose(at(1), anybody));
}

TEST_CASE("leader: a follower that stays behind leaves, and counts until the controller says so") {
    auto l = leader({1, 2, 3});
    l.holds(Offset{5});
    CHECK(l.fetched(at(9), fetch(2, 5), Offset{5}));
    CHECK(l.fetched(at(9), fetch(3, 2), Offset{5}));
    CHECK(!l.propose(at(10), anybody));
    CHECK(l.next_check() == at(10));
    const auto p = l.propose(at(11), anybody);
    REQUIRE(p);
    CHECK(ids(*p) == model::BrokerIds{1, 2});
    CHECK(l.high_watermark() == Offset{2});
    l.update(view({1, 2}, 1));
    CHECK(l.high_watermark() == Offset{5});
}

TEST_CASE("leader: a follower that says nothing does not come back, whatever it held") {
    auto l = leader({1, 2, 3});
    l.holds(Offset{4});
    CHECK(l.fetched(at(1), fetch(2, 4), Offset{4}));
    CHECK(l.fetched(at(1), fetch(3, 4), Offset{4}));
    CHECK(l.fetched(at(12), fetch(2, 4), Offset{4}));
    const auto out = l.propose(at(12), anybody);
    REQUIRE(out);
    CHECK(ids(*out) == model::BrokerIds{1, 2});
    l.update(view({1, 2}, 1));
    CHECK(!l.propose(at(12), anybody));  // the controller has not noticed that it is gone
    CHECK(l.fetched(at(13), fetch(3, 4), Offset{4}));
    const auto in = l.propose(at(13), anybody);
    REQUIRE(in);
    CHECK(ids(*in) == model::BrokerIds{1, 2, 3});
}

TEST_CASE("leader: caught up is also who reached what there was at its last fetch") {
    auto l = leader({1, 2, 3});
    for (int second = 1; second <= 30; ++second) {
        l.holds(Offset{second * 10});
        // Always one step behind a log that grows.
        CHECK(l.fetched(at(second), fetch(2, (second - 1) * 10), Offset{second * 10}));
        CHECK(l.fetched(at(second), fetch(3, second * 10), Offset{second * 10}));
    }
    CHECK(!l.propose(at(31), anybody));
}

TEST_CASE("leader: another process of a follower begins from what it holds itself") {
    auto l = leader({1, 2});
    l.holds(Offset{5});
    CHECK(l.fetched(at(1), fetch(2, 5), Offset{5}));
    CHECK(l.high_watermark() == Offset{5});
    l.holds(Offset{9});
    CHECK(l.fetched(at(2), fetch(2, 3, 8), Offset{9}));
    CHECK(l.high_watermark() == Offset{5});  // it never falls
    CHECK(l.fetched(at(2), fetch(2, 9, 8), Offset{9}));
    CHECK(l.high_watermark() == Offset{9});
}

TEST_CASE("leader: an unclean leader says that it has recovered before others join") {
    LeaderState l(NodeId{1}, {Epoch{4}, 0, {1, 2}, {1}, true}, {1, std::chrono::seconds(10)},
                  Offset{3}, Offset{0}, at(0));
    CHECK(l.fetched(at(1), fetch(2, 3), Offset{3}));
    const auto p = l.propose(at(1), anybody);
    REQUIRE(p);
    CHECK(ids(*p) == model::BrokerIds{1});
    l.update({Epoch{4}, 1, {1, 2}, {1}, false});
    CHECK(ids(*l.propose(at(1), anybody)) == model::BrokerIds{1, 2});
}

TEST_CASE("leader: news that are older than what is known are passed over") {
    auto l = leader({1, 2});
    l.update(view({1}, 5));
    l.update(view({1, 2, 3}, 4));
    CHECK(l.view().isr == model::BrokerIds{1});
}

TEST_CASE("leader: consumers may read members of the ISR that hold what they ask for") {
    auto l = leader({1, 2});
    l.holds(Offset{10});
    CHECK(l.readable(Offset{0}).empty());  // nothing is known of a member that has not fetched
    auto f = fetch(2, 8);
    f.log_start = Offset{3};
    CHECK(l.fetched(at(1), f, Offset{10}));
    CHECK(l.fetched(at(1), fetch(3, 10), Offset{10}));  // no member
    REQUIRE(l.readable(Offset{5}).size() == 1);
    CHECK(l.readable(Offset{5})[0].id == NodeId{2});
    CHECK(l.readable(Offset{5})[0].held == Offset{8});
    CHECK(l.readable(Offset{8}).size() == 1);
    CHECK(l.readable(Offset{9}).empty());
    CHECK(l.readable(Offset{2}).empty());
}
}  // namespace faultline::logic
