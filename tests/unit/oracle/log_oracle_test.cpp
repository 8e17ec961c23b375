// Bad histories for the oracles of one log, each beside a good one that differs in one event.
#include "tests/support/catch.h"
#include "tests/unit/oracle/made_history.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
using History = MadeHistory;

History& appended(History& h, std::int32_t epoch, std::int64_t offset) {
    return h.probe(probe::BatchAppended{h.p, Epoch{epoch}, Offset{offset}, Offset{offset}, 1});
}
History& flushed(History& h, std::int64_t end) {
    return h.probe(probe::LogFlushed{h.p, Offset{end}});
}
History& start(History& h, std::int64_t from, std::int64_t to) {
    return h.probe(probe::LogStartMoved{h.p, Offset{from}, Offset{to}});
}
History& opened(History& h, std::int64_t from, std::int64_t end) {
    return h.probe(probe::LogOpened{h.p, Offset{from}, Offset{end}, false});
}
History& sync_of(History& h, const char* path, std::uint16_t sys) {
    return h.world(DiskDone{NodeId{1}, DiskOp::sync, h.recorder.intern(path), 0, 0, sys});
}
}  // namespace

TEST_CASE("log-structure: epochs do not decrease", "[oracle]") {
    History bad(91);
    appended(bad, 3, 0);
    appended(bad, 2, 1);
    CHECK(bad.verdict() == 91);
    CHECK(bad.judge.finding()->fact == 2);
    History good(91);
    appended(good, 3, 0);
    appended(good, 3, 1);
    appended(good, 4, 2);
    CHECK(good.verdict() == 0);
    CHECK(good.oracles[0]->premises() == 3);
    History cut(91);  // a follower that cut the tail of a leader that was
    appended(cut, 3, 0);
    appended(cut, 5, 1);
    cut.probe(probe::LogTruncated{cut.p, Offset{2}, Offset{1}});
    appended(cut, 4, 1);
    CHECK(cut.verdict() == 0);
    appended(cut, 3, 2);
    CHECK(cut.verdict() == 91);
    History again(91);  // another topic of the same name
    appended(again, 3, 0).open(0);
    appended(again, 0, 0);
    CHECK(again.verdict() == 0);
}

TEST_CASE("history: one replica's cut excuses nothing in a cluster", "[oracle]") {
    const auto lost = [](std::int32_t brokers, std::int32_t client, auto prepare) {
        History h(98, brokers);  // unseen
        prepare(h);
        h.acked(client, 0, 0).probe(probe::LogTruncated{h.p, Offset{1}, Offset{0}});
        return h.verdict();
    };
    const auto as_is = [](History&) {};
    CHECK(lost(1, 0, as_is) == 0);
    CHECK(lost(3, 0, as_is) == 98);
    CHECK(lost(3, 1, as_is) == 0);  // acks=1: its leader may die alone
    CHECK(lost(3, 0, [](History& h) { h.cast.unclean_topics.insert("orders"); }) == 0);
    const auto power = [](std::int64_t min_isr) {
        return [min_isr](History& h) {
            h.cast.min_isr["orders"] = min_isr;
            h.lazily().crash(true);
        };
    };
    CHECK(lost(3, 0, power(1)) == 0);
    CHECK(lost(3, 0, power(2)) == 98);  // another one still had it
}

TEST_CASE("log-structure: the log start moves forward, inside the log", "[oracle]") {
    const auto filled = [](History& h) {
        for (int i = 0; i < 4; ++i) appended(h, 0, i);
        flushed(h, 4);
    };
    History good(91), back(91), jump(91), beyond(91);
    for (History* h : {&good, &back, &jump, &beyond}) {
        filled(*h);
        start(*h, 0, 2);
    }
    CHECK(start(good, 2, 4).verdict() == 0);
    CHECK(start(back, 2, 1).verdict() == 91);
    CHECK(start(jump, 3, 4).verdict() == 91);
    CHECK(start(beyond, 2, 5).verdict() == 91);
    History inverted(91);
    CHECK(opened(inverted, 5, 3).verdict() == 91);
}

TEST_CASE("log-structure: a follower begins again above its end", "[oracle]") {
    const auto cut = [](History& h, std::int64_t from, std::int64_t to) {
        h.probe(probe::LogTruncated{h.p, Offset{from}, Offset{to}});
    };
    History good(91);
    opened(good, 0, 10);
    cut(good, 10, 50);
    appended(good, 1, 50);
    flushed(good, 51);
    start(good, 50, 51);
    CHECK(good.verdict() == 0);
    History bad(91);
    opened(bad, 0, 10);
    cut(bad, 10, 50);
    start(bad, 0, 50);
    CHECK(bad.verdict() == 91);
}

TEST_CASE("log-structure: durable is what is in the log, and stays", "[oracle]") {
    History good(91), ahead(91), less(91);
    for (History* h : {&good, &ahead, &less}) {
        for (int i = 0; i < 3; ++i) appended(*h, 0, i);
        flushed(*h, 2);
    }
    CHECK(flushed(good, 3).verdict() == 0);
    CHECK(flushed(ahead, 4).verdict() == 91);
    CHECK(flushed(less, 1).verdict() == 91);
}

TEST_CASE("log-structure: segments begin at a durable end, go oldest first, stay away",
          "[oracle]") {
    const auto rolled = [](History& h, std::int64_t base) -> History& {
        return h.probe(probe::SegmentRolled{h.p, Offset{base}});
    };
    const auto deleted = [](History& h, std::int64_t base) -> History& {
        return h.probe(probe::SegmentDeleted{h.p, Offset{base}});
    };
    History good(91), undurable(91), misplaced(91), order(91), back(91), rotten(91);
    for (History* h : {&good, &undurable, &misplaced, &order, &back, &rotten}) {
        for (int i = 0; i < 3; ++i) appended(*h, 0, i);
    }
    CHECK(rolled(undurable, 3).verdict() == 91);
    flushed(misplaced, 3);
    CHECK(rolled(misplaced, 2).verdict() == 91);
    rotten.cast.faults = {FaultKind::bit_rot};
    for (History* h : {&good, &order, &back, &rotten}) {
        flushed(*h, 3);
        rolled(*h, 3);
        start(*h, 0, 3);
        if (h != &order) deleted(*h, 0);
    }
    deleted(order, 2);
    CHECK(deleted(order, 1).verdict() == 91);
    good.crash(true);
    CHECK(opened(good, 3, 3).verdict() == 0);
    back.crash(true);
    CHECK(opened(back, 0, 3).verdict() == 91);
    rotten.world(FaultEffect{0, NodeId{1}, {}});
    CHECK(opened(rotten, 0, 3).verdict() == 0);
}

TEST_CASE("recovery-keeps-durable: what was durable is there, acknowledged or not", "[oracle]") {
    History good(93), bad(93), torn(93), churn(93), lying(93);
    for (History* h : {&good, &bad, &torn, &churn, &lying}) {
        h->cast.topics = {"orders"};
        for (int i = 0; i < 3; ++i) appended(*h, 0, i);
        flushed(*h, 2).crash(true);
    }
    CHECK(opened(good, 0, 2).verdict() == 0);
    CHECK(good.oracles[0]->premises() == 1);
    CHECK(opened(bad, 0, 1).verdict() == 93);
    torn.probe(probe::TornTailCut{torn.p, Offset{1}, 70});
    CHECK(torn.verdict() == 93);
    churn.cast.topics.clear();  // its name is used again
    CHECK(opened(churn, 0, 0).verdict() == 0);
    lying.cast.faults = {FaultKind::lying_sync};
    lying.world(FaultEffect{0, NodeId{1}, {}});
    CHECK(opened(lying, 0, 0).verdict() == 0);
}

TEST_CASE("recovery-keeps-durable: a failed directory makes nothing anew before a restart",
          "[oracle]") {
    for (const bool restarted : {false, true}) {
        History h(93);
        h.cast.topics = {"orders"};
        h.cast.faults = {FaultKind::bit_rot};  // beyond the budget even that must not happen
        h.world(FaultEffect{0, NodeId{1}, {}});
        appended(h, 0, 0);
        flushed(h, 1).probe(probe::LogDirFailed{0, 5});
        if (restarted) h.world(NodeStarted{NodeId{1}, 2});
        CHECK(opened(h, 0, 0).verdict() == (restarted ? 0 : 93));
    }
}

TEST_CASE("sync-honesty: after a failed sync nothing is called durable", "[oracle]") {
    History bad(103), restarted(103), other(103), fine(103);
    for (History* h : {&bad, &restarted, &other, &fine}) appended(*h, 0, 0);
    sync_of(bad, "/data/orders-0/00.log", 5);
    CHECK(flushed(bad, 1).verdict() == 103);
    CHECK(bad.oracles[0]->premises() == 1);
    sync_of(restarted, "/data/orders-0/00.log", 5).world(NodeStarted{NodeId{1}, 2});
    CHECK(flushed(restarted, 1).verdict() == 0);
    sync_of(other, "/data/orders-1/00.log", 5);
    CHECK(flushed(other, 1).verdict() == 0);
    sync_of(fine, "/data/orders-0/00.log", 0);
    CHECK(flushed(fine, 1).verdict() == 0);
}

TEST_CASE("documented-errors: what a produce may be answered with", "[oracle]") {
    const auto answered = [](std::int16_t error, std::int64_t first) {
        History h(104);
        h.probe(probe::ProduceAnswered{h.p, error, Offset{first}, Offset{first}});
        CHECK(h.oracles[0]->premises() == 1);
        return h.verdict();
    };
    CHECK(answered(0, 5) == 0);
    CHECK(answered(7, -1) == 0);
    CHECK(answered(15, -1) == 104);  // coordinator not available
    CHECK(answered(0, -1) == 104);
    CHECK(answered(7, 5) == 104);
}

TEST_CASE("failed-send-read: a record whose sending failed for certain", "[oracle]") {
    for (const bool maybe : {false, true}) {
        History h(105);
        h.probe(probe::ProduceFailed{h.p, 0, 1, 1, 2, maybe}).delivered(kConsumer, 0, 0, 1);
        CHECK(h.verdict() == (maybe ? 0 : 105));
        CHECK(h.oracles[0]->premises() == (maybe ? 0 : 1));
    }
}

TEST_CASE("log-structure: the high watermark is inside the log", "[oracle]") {
    for (const std::int64_t hw : {0, 1, 3, 4}) {
        History h(91);
        for (int i = 0; i < 3; ++i) appended(h, 0, i);
        start(h, 0, 1).probe(probe::HighWatermark{h.p, Epoch{0}, Offset{hw}});
        CHECK(h.verdict() == (hw == 1 || hw == 3 ? 0 : 91));
    }
}
