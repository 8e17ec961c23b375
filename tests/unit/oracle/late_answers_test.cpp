// Answers that a broker gave before it lost power, and that their clients read when it runs again.
#include "tests/support/catch.h"
#include "tests/unit/oracle/made_history.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
using History = MadeHistory;

// Of two records with acks=1 the second is lost with the power; its answer is not read yet.
History& unread(History& h) {
    return h.lazily().acked(1, 0, 0).answered(1, 1, 1).at(1s).crash(true).open(1);
}
}  // namespace

TEST_CASE("late answers: an acknowledgement that is read after the cut promises nothing new",
          "[oracle]") {
    History alone;
    unread(alone).at(2s).read(1, 1, 1).delivered(kAuditor, 0, 1, 0);
    CHECK(alone.verdict() == 0);
    CHECK(alone.sentence() == "");
    CHECK(alone.oracles[0]->remark().starts_with("reported losses: 1 acknowledged"));

    // Another record stands there by now, told before or after.
    for (const bool first : {true, false}) {
        History again;
        unread(again);
        if (first) again.acked(1, 2, 1).read(1, 1, 1);
        if (!first) again.read(1, 1, 1).acked(1, 2, 1);
        again.delivered(kConsumer, 0, 1, 0).delivered(kConsumer, 1, 1, 2);
        again.delivered(kAuditor, 0, 1, 0).delivered(kAuditor, 1, 1, 2);
        CHECK(again.verdict() == 0);
        CHECK(again.sentence().empty());
    }
}

TEST_CASE("late answers: what promised durability, or lost no power, is held to it", "[oracle]") {
    History durable(80);  // acks=all, and waits for the disk
    durable.acked(0, 0, 0).answered(0, 1, 1).crash(true).open(1).read(0, 1, 1);
    CHECK(durable.delivered(kAuditor, 0, 0, 0).verdict() == 80);
    History killed;
    killed.lazily().acked(1, 0, 0).answered(1, 1, 1).crash(false).open(1).read(1, 1, 1);
    CHECK(killed.delivered(kAuditor, 0, 1, 0).verdict() == 80);
    History kept;  // read late, but it stands below the cut
    kept.lazily().acked(1, 0, 0).answered(1, 1, 1).crash(true).open(2).read(1, 1, 1);
    CHECK(kept.delivered(kAuditor, 0, 1, 0).verdict() == 80);
    History after;  // sent after the cut: lost without a reason
    unread(after).acked(1, 2, 1).delivered(kAuditor, 0, 1, 0);
    CHECK(after.verdict() == 80);
    History either;  // nobody can say which of the two answers this is
    unread(either).written(1).read(1, 1, 1).delivered(kAuditor, 0, 1, 0);
    CHECK(either.verdict() == 0);
}

TEST_CASE("late answers: a retry that is answered after the cut counts", "[oracle]") {
    // The first attempt was never answered.
    History h;
    h.lazily().acked(1, 0, 0).probe(probe::ProduceSent{h.p, 1, 1, 1});
    h.crash(true).open(1).written(1).read(1, 1, 1);
    CHECK(h.delivered(kAuditor, 0, 1, 0).verdict() == 80);
    History other;
    other.lazily().acked(1, 0, 0).probe(probe::ProduceSent{other.p, 1, 1, 1});
    other.crash(true).open(1).written(1).read(1, 1, 1);
    CHECK(other.delivered(kAuditor, 0, 1, 0).delivered(kAuditor, 1, 1, 0).verdict() == 82);
}

TEST_CASE("late answers: a restart that lost nothing excuses nothing", "[oracle]") {
    for (const bool lost : {false, true}) {
        History h(82);
        h.lazily().acked(1, 0, 0).acked(1, 1, 1);
        h.probe(probe::ProduceSent{h.p, 1, 2, 1}).probe(probe::ProduceSent{h.p, 1, 3, 1});
        h.crash(true).open(lost ? 1 : 2);
        if (lost) h.written(1);
        h.written(2).delivered(kConsumer, lost ? 1 : 2, 1, 2).read(1, 3, lost ? 1 : 2);
        // With the loss, record 2 may have been at offset 1 before it.
        CHECK(h.verdict() == (lost ? 0 : 82));
    }
    // Two cuts, and what only the first of them took.
    History h(82);
    h.lazily();
    for (int i = 0; i < 10; ++i) h.acked(1, i, i);
    h.crash(true).open(2);
    for (int i = 2; i < 5; ++i) h.acked(1, 10 + i, i);
    h.crash(true).open(4);
    for (int i = 4; i < 9; ++i) h.acked(1, 20 + i, i);
    h.delivered(kConsumer, 7, 1, 7).delivered(kConsumer, 4, 1, 14).delivered(kConsumer, 4, 1, 4);
    CHECK(h.verdict() == 0);
    CHECK(h.delivered(kConsumer, 2, 1, 13).verdict() == 82);
}

TEST_CASE("late answers: records that a consumer is given after the cut", "[oracle]") {
    History late;
    unread(late).delivered(kConsumer, 0, 1, 0);
    late.delivered(kConsumer, 1, 1, 1);  // of a fetch that was answered before
    late.acked(1, 2, 1).delivered(kConsumer, 1, 1, 2);
    late.delivered(kAuditor, 0, 1, 0).delivered(kAuditor, 1, 1, 2);
    CHECK(late.sentence().empty());
    CHECK(late.verdict() == 0);
    History swapped;  // both were sent after the cut
    unread(swapped).acked(1, 2, 1).delivered(kConsumer, 0, 1, 0).delivered(kConsumer, 1, 1, 3);
    CHECK(swapped.verdict() == 82);
}

TEST_CASE("high-watermark: a cut takes it down for readers too", "[oracle]") {
    for (const bool sent_before : {true, false}) {
        History h(85);
        h.lazily().acked(1, 0, 0).acked(1, 1, 1).crash(true).open(1);
        if (!sent_before) h.probe(probe::ProduceSent{h.p, 1, 2, 1});
        h.probe(probe::BatchAppended{h.p, Epoch{0}, Offset{1}, Offset{1}, 1});
        h.delivered(kConsumer, 1, 1, sent_before ? 1 : 2);
        CHECK(h.verdict() == (sent_before ? 0 : 85));
    }
    History truncated(85);
    truncated.lazily().acked(1, 0, 0).acked(1, 1, 1);
    truncated.probe(probe::LogTruncated{truncated.p, Offset{2}, Offset{1}});
    CHECK(truncated.delivered(kAuditor, 1, 1, 1).verdict() == 85);
}

TEST_CASE("dense-offsets: reading begins at the log start", "[oracle]") {
    History late(81);
    late.acked(0, 0, 0).acked(0, 1, 1).delivered(kConsumer, 1, 0, 1);
    CHECK(late.verdict() == 81);
    CHECK(late.sentence() == "c1 began to read orders-0 at offset 1, but it starts at 0");
    History trimmed(81);
    trimmed.acked(0, 0, 0).acked(0, 1, 1).acked(0, 2, 2);
    trimmed.probe(probe::LogStartMoved{trimmed.p, Offset{0}, Offset{2}});
    trimmed.delivered(kConsumer, 1, 0, 1).delivered(kConsumer, 2, 0, 2);  // the first was under way
    CHECK(trimmed.delivered(kAuditor, 2, 0, 2).verdict() == 0);
}

TEST_CASE("dense-offsets: after a cut a reader goes on with what was under way, or begins anew",
          "[oracle]") {
    const auto cut = [](History& h) -> History& {
        h.lazily();
        for (int i = 0; i < 4; ++i) h.acked(1, i, i);
        h.delivered(kConsumer, 0, 1, 0).delivered(kConsumer, 1, 1, 1).delivered(kConsumer, 2, 1, 2);
        return h.crash(true).open(1).acked(1, 4, 1).acked(1, 5, 2).acked(1, 6, 3);
    };
    History good(81), skips(81);
    cut(good).delivered(kConsumer, 3, 1, 3);  // sent before the cut
    CHECK(good.delivered(kConsumer, 1, 1, 4).delivered(kConsumer, 2, 1, 5).verdict() == 0);
    cut(skips).delivered(kConsumer, 3, 1, 6);  // never noticed it
    CHECK(skips.verdict() == 81);
}
