// Bad histories of our own making: each oracle must fire on its own, and on nothing good.
#include "tests/support/catch.h"
#include "tests/unit/oracle/made_history.h"

using namespace faultline;
using namespace faultline::sim;
using probe::PartitionKey;

namespace {

using History = MadeHistory;
}  // namespace

TEST_CASE("oracles: a good history holds, and each oracle had something to check", "[oracle]") {
    History h;
    h.acked(0, 0, 0).acked(0, 1, 1).acked(1, 0, 2);
    h.at(1s).crash(true).open(3);
    h.delivered(kConsumer, 0, 0, 0).delivered(kConsumer, 1, 0, 1);
    h.delivered(kAuditor, 0, 0, 0).delivered(kAuditor, 1, 0, 1).delivered(kAuditor, 2, 1, 0);
    h.request(1).request(2).answer(1).answer(2);
    h.at(2min).probe(probe::LogStartMoved{h.p, Offset{0}, Offset{1}});
    CHECK(h.verdict() == 0);
    CHECK(h.sentence().empty());
    for (const auto& o : h.oracles) {
        CAPTURE(o->name());
        // Those of the history excuse a partition whose beginning is gone: history_test.cpp.
        if (o->invariant() < 95) CHECK(o->premises() > 0);
    }
}

TEST_CASE("acked-is-durable: power loss may not take what acks=all promised", "[oracle]") {
    History h;
    h.at(4100ms).acked(0, 0, 0).acked(0, 1, 1).at(4213ms).crash(true).open(1);
    CHECK(h.verdict() == 80);
    CHECK(
        h.sentence() ==
        "the broker acknowledged record 1 of p1 at offset 1 of orders-0 at 4.100s, but the log was "
        "recovered and ends at offset 1 at 4.213s");
}

TEST_CASE("acked-is-durable: acks=1 may lose a suffix to power loss, never to a crash",
          "[oracle]") {
    {
        History h;
        h.lazily().acked(1, 0, 0).acked(1, 1, 1).crash(true).open(1).delivered(kAuditor, 0, 1, 0);
        CHECK(h.verdict() == 0);
    }
    {
        History h;
        h.acked(1, 0, 0).acked(1, 1, 1).crash(false).open(1);
        CHECK(h.verdict() == 80);
    }
    {
        // The loss must be the suffix that recovery reported: offset 0 was kept, so it must be
        // there.
        History h;
        h.lazily().acked(1, 0, 0).acked(1, 1, 1).crash(true).open(1);
        CHECK(h.verdict() == 80);
    }
    {
        // A second opening without another power loss may not lose more.
        History h;
        h.lazily().acked(1, 0, 0).acked(1, 1, 1).crash(true).open(1).open(0);
        CHECK(h.verdict() == 80);
    }
}

TEST_CASE("acked-is-durable: lazy flushing weakens acks=all to a suffix", "[oracle]") {
    History h;
    h.lazily().acked(0, 0, 0).acked(0, 1, 1).crash(true).open(1).delivered(kAuditor, 0, 0, 0);
    CHECK(h.verdict() == 0);
}

TEST_CASE("acked-is-durable: at the end a reader must find each record at its offset", "[oracle]") {
    History missing;
    missing.acked(0, 0, 0).acked(0, 1, 1).delivered(kAuditor, 0, 0, 0);
    CHECK(missing.verdict() == 80);
    CHECK(missing.sentence().find("a reader finds nothing there") != std::string::npos);
    History truncated;
    truncated.acked(0, 0, 0).probe(probe::LogTruncated{truncated.p, Offset{1}, Offset{0}});
    CHECK(truncated.verdict() == 80);
}

TEST_CASE("acked-is-durable: reported corruption is not silent loss", "[oracle]") {
    History h;
    h.cast.faults = {FaultKind::bit_rot};
    h.acked(0, 0, 0).world(FaultEffect{0, NodeId{1}, {}});
    h.probe(probe::CorruptionFound{h.p, Offset{0}});
    CHECK(h.verdict() == 0);
    History sound;  // nothing can have damaged the log
    sound.acked(0, 0, 0).crash(true).probe(probe::CorruptionFound{sound.p, Offset{0}});
    CHECK(sound.verdict() == 80);
}

TEST_CASE("dense-offsets: a gap or an overlap at append", "[oracle]") {
    History gap;
    gap.acked(0, 0, 0).probe(probe::BatchAppended{gap.p, Epoch{0}, Offset{2}, Offset{2}, 1});
    CHECK(gap.verdict() == 81);
    History overlap;
    overlap.acked(0, 0, 0).probe(
        probe::BatchAppended{overlap.p, Epoch{0}, Offset{0}, Offset{1}, 1});
    CHECK(overlap.verdict() == 81);
}

TEST_CASE("dense-offsets: a consumer that skips or goes back", "[oracle]") {
    History skip;
    skip.acked(0, 0, 0).acked(0, 1, 1).acked(0, 2, 2);
    skip.delivered(kConsumer, 0, 0, 0).delivered(kConsumer, 2, 0, 2);
    CHECK(skip.verdict() == 81);
    CHECK(skip.sentence() ==
          "c1 had read orders-0 up to offset 0, but the next record it got is at offset 2");
    History back;
    back.acked(0, 0, 0).acked(0, 1, 1);
    back.delivered(kConsumer, 0, 0, 0).delivered(kConsumer, 1, 0, 1).delivered(kConsumer, 0, 0, 0);
    CHECK(back.verdict() == 81);
    History deleted;  // a jump over what retention deleted is no gap
    deleted.acked(0, 0, 0).acked(0, 1, 1).acked(0, 2, 2).delivered(kConsumer, 0, 0, 0);
    deleted.at(2min).probe(probe::LogStartMoved{deleted.p, Offset{0}, Offset{2}});
    deleted.delivered(kConsumer, 2, 0, 2).delivered(kAuditor, 2, 0, 2);
    CHECK(deleted.verdict() == 0);
}

TEST_CASE("log-prefix: two records at one offset", "[oracle]") {
    History h;
    h.acked(0, 0, 0).acked(0, 1, 1).delivered(kConsumer, 0, 0, 1);
    CHECK(h.verdict() == 82);
    CHECK(h.sentence() ==
          "offset 0 of orders-0 held record 0 of p1 at 0.000s, but record 1 of p1 was delivered "
          "there "
          "at 0.000s");
}

TEST_CASE("no-phantom: a record that nobody sent, or sent elsewhere", "[oracle]") {
    History h;
    h.acked(0, 0, 0).probe(probe::HighWatermark{h.p, Epoch{0}, Offset{1}});
    h.probe(probe::BatchAppended{h.p, Epoch{0}, Offset{1}, Offset{1}, 1});
    h.probe(probe::LogFlushed{h.p, Offset{2}})
        .probe(probe::HighWatermark{h.p, Epoch{0}, Offset{2}});
    h.delivered(kConsumer, 0, 0, 0).delivered(kConsumer, 1, 0, 77);
    CHECK(h.verdict() == 83);
    History elsewhere;
    elsewhere.probe(probe::ProduceSent{elsewhere.q, 0, 0, 1});
    elsewhere.probe(probe::BatchAppended{elsewhere.p, Epoch{0}, Offset{0}, Offset{0}, 1});
    elsewhere.probe(probe::LogFlushed{elsewhere.p, Offset{1}});
    elsewhere.probe(probe::HighWatermark{elsewhere.p, Epoch{0}, Offset{1}});
    elsewhere.delivered(kConsumer, 0, 0, 0);
    CHECK(elsewhere.verdict() == 83);
}

TEST_CASE("producer-order: reordered, and twice", "[oracle]") {
    History reordered;
    reordered.acked(0, 1, 0).acked(0, 0, 1);
    reordered.delivered(kAuditor, 0, 0, 1).delivered(kAuditor, 1, 0, 0);
    CHECK(reordered.verdict() == 84);
    History twice;
    twice.acked(0, 0, 0).acked(0, 0, 1);
    twice.delivered(kAuditor, 0, 0, 0).delivered(kAuditor, 1, 0, 0);
    CHECK(twice.verdict() == 84);
    History retried;  // without idempotence a retry may write again
    retried.acked(1, 0, 0).acked(1, 0, 1);
    retried.delivered(kAuditor, 0, 1, 0).delivered(kAuditor, 1, 1, 0);
    CHECK(retried.verdict() == 0);
}

TEST_CASE("high-watermark: beyond the log, beyond the disk, backwards, read above", "[oracle]") {
    History beyond;
    beyond.probe(probe::HighWatermark{beyond.p, Epoch{0}, Offset{1}});
    CHECK(beyond.verdict() == 85);
    History undurable;
    undurable.probe(probe::BatchAppended{undurable.p, Epoch{0}, Offset{0}, Offset{0}, 1});
    undurable.probe(probe::HighWatermark{undurable.p, Epoch{0}, Offset{1}});
    CHECK(undurable.verdict() == 85);
    History falls;
    falls.acked(0, 0, 0).acked(0, 1, 1).probe(probe::HighWatermark{falls.p, Epoch{0}, Offset{1}});
    CHECK(falls.verdict() == 85);
    History above;
    above.probe(probe::ProduceSent{above.p, 0, 0, 1});
    above.probe(probe::BatchAppended{above.p, Epoch{0}, Offset{0}, Offset{0}, 1});
    above.delivered(kConsumer, 0, 0, 0);
    CHECK(above.verdict() == 85);
}

TEST_CASE("retention-earned: deleted before its time", "[oracle]") {
    History h;
    h.at(1s).acked(0, 0, 0).at(31s).probe(probe::LogStartMoved{h.p, Offset{0}, Offset{1}});
    CHECK(h.verdict() == 86);
    CHECK(h.sentence().find("deleted after 30000 ms") != std::string::npos);
}

// What retention took is forgotten, so that an hour's run needs no more memory than a minute's.
TEST_CASE("oracles: after retention, what is left is still watched", "[oracle]") {
    const auto retained = [](History& h) -> History& {
        for (int i = 0; i < 6; ++i) h.acked(0, i, i);
        h.at(2min).probe(probe::LogStartMoved{h.p, Offset{0}, Offset{2}});
        return h.at(4min).probe(probe::LogStartMoved{h.p, Offset{2}, Offset{4}});
    };
    History good;
    retained(good).delivered(kConsumer, 0, 0, 0).delivered(kConsumer, 1, 0, 1);  // under way then
    for (const std::int32_t who : {kConsumer, kAuditor}) {
        good.delivered(who, 4, 0, 4).delivered(who, 5, 0, 5);
    }
    CHECK(good.verdict() == 0);
    CHECK(good.sentence().empty());

    History swapped;
    retained(swapped).delivered(kConsumer, 4, 0, 5);
    CHECK(swapped.verdict() == 82);
    History phantom;
    retained(phantom).acked(0, 7, 6).delivered(kConsumer, 4, 0, 4).delivered(kConsumer, 5, 0, 5);
    phantom.delivered(kConsumer, 7, 0, 6);
    CHECK(phantom.verdict() != 0);
    History lost;
    retained(lost).crash(true).open(5);
    CHECK(lost.verdict() == 80);
    History early;
    retained(early).acked(0, 6, 6).probe(probe::LogStartMoved{early.p, Offset{4}, Offset{7}});
    CHECK(early.verdict() == 86);
    History missing;
    retained(missing).delivered(kAuditor, 4, 0, 4);
    CHECK(missing.verdict() == 80);
}

TEST_CASE("log-structure: nothing stands outside of the log, and nothing falls", "[oracle]") {
    {
        History h;
        h.acked(0, 0, 0).at(2min).probe(probe::LogStartMoved{h.p, Offset{0}, Offset{5}});
        CHECK(h.verdict() == 91);
    }
    {
        History h;
        h.acked(0, 0, 0).acked(0, 1, 1);
        h.at(2min).probe(probe::LogStartMoved{h.p, Offset{0}, Offset{2}});
        h.probe(probe::LogStartMoved{h.p, Offset{2}, Offset{1}});
        CHECK(h.verdict() == 91);
    }
    {
        History h;
        h.probe(probe::BatchAppended{h.p, Epoch{3}, Offset{0}, Offset{0}, 1});
        h.probe(probe::BatchAppended{h.p, Epoch{2}, Offset{1}, Offset{1}, 1});
        CHECK(h.verdict() == 91);
    }
}

TEST_CASE("recovery-keeps-durable: what fsync covered is there, told or not", "[oracle]") {
    const auto run = [](std::int64_t end) {
        History h;
        h.probe(probe::BatchAppended{h.p, Epoch{0}, Offset{0}, Offset{4}, 1});
        h.probe(probe::LogFlushed{h.p, Offset{3}});
        return h.crash(true).open(end).verdict();
    };
    CHECK(run(2) == 93);
    CHECK(run(3) == 0);
    CHECK(run(5) == 0);
}

TEST_CASE("answers-in-order: requests of a connection are answered in turn", "[oracle]") {
    CHECK(History().request(1).request(2).answer(2).verdict() == 94);
    CHECK(History().request(1).answer(1).answer(1).verdict() == 94);
    CHECK(History().request(1, 0).request(2).answer(2).verdict() == 0);  // acks=0 has no answer
    CHECK(History().request(1).world(ConnClosed{1, NodeId{2}, true}).answer(9).verdict() == 0);
}
