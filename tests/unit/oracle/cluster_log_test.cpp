// The oracles of replicated logs: each speaks at its own bad history, and at no good neighbour.
#include "tests/support/catch.h"
#include "tests/unit/oracle/cluster_history.h"

using namespace faultline;
using namespace faultline::sim;
using History = ClusterHistory;

TEST_CASE("leader-complete: a leader without a committed batch", "[oracle]") {
    {
        History h(140);
        h.begun().write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1).lead(3, 2);
        CHECK(h.verdict() == 140);
        CHECK(h.sentence() ==
              "batch 1-1 of epoch 1 (crc 00000007) of orders-0 was committed in epoch 1, but n3 "
              "begins to lead in epoch 2 and has nothing there");
    }
    {
        History h(140);
        h.begun().write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1).lead(2, 2);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
}

TEST_CASE("leader-complete: other records in the place of committed ones", "[oracle]") {
    History h(140);
    h.begun().write(1, 1, 1).write(2, 1, 1).write(3, 1, 1, 8).hw(1, 2, 1).lead(3, 2);
    CHECK(h.verdict() == 140);
}

TEST_CASE("leader-complete: a leader of an older epoch need not know the newer one", "[oracle]") {
    History h(140);
    h.begun().lead(2, 3).write(2, 1, 3).write(3, 1, 3).hw(2, 2, 3).lead(1, 2);
    CHECK(h.verdict() == 0);
}

TEST_CASE("leader-complete: an old leader commits behind the back of its successor", "[oracle]") {
    History h(140);
    h.begun().write(1, 1, 1).write(2, 1, 1).lead(3, 2, 0b1100).hw(1, 2, 1);
    CHECK(h.verdict() == 140);
}

TEST_CASE("leader-complete: what the configuration permits is counted", "[oracle]") {
    {
        History h(140, {3, 1, true});  // unclean elections
        h.begun().write(1, 1, 1).hw(1, 2, 1).lead(3, 2);
        CHECK(h.verdict() == 0);
        CHECK(h.remark() ==
              "leaders without committed records, as the configuration permits: 1 partitions, 1 "
              "offsets");
    }
    {
        History h(140);
        // Two of three disks were wiped.
        h.begun().world(FaultEffect{1, NodeId{1}, Label{}}).open(1, 0);
        h.world(FaultEffect{1, NodeId{2}, Label{}}).lead(1, 2);
        CHECK(h.verdict() == 0);
    }
    {
        History h(140);
        h.begun().world(FaultEffect{1, NodeId{1}, Label{}}).open(1, 0).lead(1, 2);
        CHECK(h.verdict() == 140);
    }
    {
        History h(140, {3, 2, false}, true);
        h.begun().crash(2, false).crash(1, true).open(1, 0).lead(1, 2);
        CHECK(h.verdict() == 0);
        CHECK_FALSE(h.remark().empty());
    }
    {
        // Power went at one node, and min.insync.replicas is two: the other is to be elected.
        History h(140, {3, 2, false}, true);
        h.begun().crash(1, true).open(1, 0).lead(1, 2);
        CHECK(h.verdict() == 140);
    }
    {
        History h(140, {3, 2, false}, true);
        h.begun().crash(1, false).open(1, 0).lead(1, 2);
        CHECK(h.verdict() == 140);
    }
}

TEST_CASE("leader-complete: what a crash left in the log is not known, and not doubted",
          "[oracle]") {
    History h(140);
    h.begun().crash(1, false).open(1, 2).lead(1, 2).write(2, 1, 1).hw(1, 2, 2).lead(2, 3);
    CHECK(h.verdict() == 0);
}

TEST_CASE("committed-agree: two nodes hold different records below their high watermarks",
          "[oracle]") {
    {
        History h(141);
        h.begun().write(1, 1, 1).write(2, 1, 1, 9).hw(1, 2, 1).hw(2, 2, 1);
        CHECK(h.verdict() == 141);
        CHECK(h.sentence() ==
              "batch 1-1 of epoch 1 (crc 00000007) of orders-0 was committed in epoch 1, but n2 "
              "says in epoch 1 that all below 2 is committed, and has batch 1-1 of epoch 1 (crc "
              "00000009)");
    }
    {
        History h(141);
        h.begun().write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1).hw(2, 2, 1).hw(3, 1, 1);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
}

TEST_CASE("committed-agree: batches that nobody told of are cut in their middle", "[oracle]") {
    // n3 died before it could say that it had written 1 and 2; of these 2 is cut.
    History h(141);
    h.begun().crash(3, false).open(3, 3).write(1, 1, 1).write(2, 1, 1);
    h.follow(3, 1, 1).cut(3, 3, 2).hw(1, 2, 1).hw(3, 2, 1);
    CHECK(h.verdict() == 0);
}

TEST_CASE("committed-agree: of two batches that nobody told of, who knows whether they differ",
          "[oracle]") {
    // n1 and n2 die with a batch each that they had not told of. n2 leads with its own.
    History h(141);
    h.begun().crash(1, false).crash(2, false).open(1, 2).open(2, 2);
    h.lead(2, 2, 0b0100).hw(2, 2, 2).follow(1, 2, 2).cut(1, 2, 1);
    CHECK(h.verdict() == 0);
}

TEST_CASE("committed-agree: a later leader commits something else", "[oracle]") {
    History h(141);
    h.begun().write(1, 1, 1).write(3, 1, 1).hw(1, 2, 1);
    h.lead(2, 2).write(2, 1, 2).hw(2, 2, 2);
    CHECK(h.verdict() == 141);
}

TEST_CASE("committed-agree: a replica cuts what was committed", "[oracle]") {
    {
        History h(141);
        h.begun().cut(3, 1, 0);
        CHECK(h.verdict() == 141);
    }
    {
        // What was not committed, or what all others have deleted, may go.
        History h(141);
        h.begun().write(3, 1, 1).cut(3, 2, 1);
        h.probe(1, probe::LogStartMoved{h.p, Offset{0}, Offset{1}}).cut(2, 1, 0);
        CHECK(h.verdict() == 0);
    }
    for (const std::uint64_t isr : {0b0110U, 0b1110U}) {
        // It does what an earlier leader said, and is not counted by the one that committed since.
        History h(141);
        h.begun().write_all(1, 1).follow(1, 2, 2).lead(2, 2, isr).hw(2, 2, 2).cut(3, 2, 1);
        CHECK(h.verdict() == (isr == 0b0110U ? 0 : 141));
    }
    {
        // Begun again at a higher offset.
        History h(141);
        h.begun().cut(3, 1, 40);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("isr-covers: a member of the ISR lacks what is committed", "[oracle]") {
    {
        History h(143);
        h.begun().write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1);
        CHECK(h.verdict() == 143);
        CHECK(h.sentence() ==
              "n1 raised the high watermark of orders-0 to 2, but n3 of its ISR holds what is "
              "durable up to 1");
    }
    {
        History h(143);
        h.begun().write(1, 1, 1).write(2, 1, 1).write(3, 1, 1, 7, false).hw(1, 2, 1);
        CHECK(h.verdict() == 143);
    }
    {
        History h(143, {3, 2, false}, true);
        h.begun().write(1, 1, 1).write(2, 1, 1).write(3, 1, 1, 7, false).hw(1, 2, 1);
        CHECK(h.verdict() == 0);
    }
    {
        History h(143);
        h.begun().write(1, 1, 1).write(2, 1, 1).write(3, 1, 1, 5).hw(1, 2, 1);
        CHECK(h.verdict() == 143);
    }
    {
        History h(143);
        h.begun().probe(1, probe::IsrChanged{h.p, Epoch{1}, 1, 0b0110});
        h.write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1).hw(2, 2, 1);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 2);
    }
}

// Node 3 lost record 0 with its power, and is registered again.
History& emptied(History& h) {
    h.begun().probe(1, probe::RegistrationCommitted{NodeId{3}, 5, Offset{5}});
    h.crash(3, true).open(3, 0).probe(1, probe::IsrCommitted{h.p, Epoch{1}, 1, 0b0110, Offset{8}});
    return h.probe(1, probe::RegistrationCommitted{NodeId{3}, 9, Offset{9}});
}

TEST_CASE("isr-complete: who is let into the ISR lacks what is committed", "[oracle]") {
    {
        History h(157, {3, 2, false}, true);
        emptied(h).probe(1, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
        CHECK(h.verdict() == 157);
        CHECK(
            h.sentence() ==
            "n3 is in the ISR of orders-0 in epoch 1, but batch 0-0 of epoch 1 (crc 00000007) was "
            "committed in epoch 1 and it has nothing there");
    }
    {
        History h(157, {3, 2, false}, true);
        emptied(h).write(3, 0, 1).probe(1,
                                        probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 1);  // the others are not registered
    }
    {
        // The process that was let in is not there any more: its successor will be let out.
        History h(157, {3, 2, false}, true);
        emptied(h).write(3, 0, 1).crash(3, true).open(3, 0);
        h.probe(1, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
        CHECK(h.verdict() == 0);
    }
    {
        // Told again by the next controller, when it is not true any more.
        History h(157, {3, 2, false}, true);
        emptied(h).probe(2, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{7}});
        CHECK(h.verdict() == 0);
    }
    {
        // Two are in doubt: the configuration permits that both have lost it.
        History h(157, {3, 2, false}, true);
        emptied(h).crash(2, true);
        h.probe(1, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("isr-complete: of a disk that was wiped the others have what it had", "[oracle]") {
    const auto lost = [](History& h, int node) {
        h.crash(node, false).world(FaultEffect{1, NodeId{node}, h.recorder.intern("wiped")});
        h.open(node, 0);
    };
    const auto back = [](History& h) {
        h.probe(1, probe::IsrCommitted{h.p, Epoch{1}, 1, 0b0110, Offset{8}});
        h.probe(1, probe::RegistrationCommitted{NodeId{3}, 9, Offset{9}});
        h.probe(1, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
    };
    {
        History h(157);
        h.begun();
        lost(h, 3);
        back(h);
        CHECK(h.verdict() == 157);
    }
    {
        History h(157);
        h.begun();
        lost(h, 3);
        lost(h, 2);
        back(h);
        CHECK(h.verdict() == 0);  // no member of min.insync.replicas is left that has it
    }
    {
        History h(144);
        h.begun();
        lost(h, 2);
        h.fetched(1, 2, 1, 1);  // sent before
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("a replica that is in the ISR again is no longer in doubt", "[oracle]") {
    for (const bool back : {true, false}) {
        History h(140, {3, 2, false}, true);
        emptied(h).write(3, 0, 1);
        if (back) h.probe(1, probe::IsrCommitted{h.p, Epoch{1}, 2, 0b1110, Offset{10}});
        h.crash(2, true).open(2, 0).lead(2, 2);
        CHECK(h.verdict() == (back ? 140 : 0));
    }
}

TEST_CASE("isr-covers: who follows a later leader may have been elected away from this one",
          "[oracle]") {
    for (const bool unclean : {true, false}) {
        History h(143, {3, 2, unclean});
        h.begun().write(1, 1, 1).write(2, 1, 1).write(3, 1, 1).follow(3, 2, 2).cut(3, 2, 1);
        h.hw(1, 2, 1);
        CHECK(h.verdict() == (unclean ? 0 : 143));
    }
}

TEST_CASE("isr-covers: fewer members than min.insync.replicas", "[oracle]") {
    History h(143);
    h.begun().probe(1, probe::IsrChanged{h.p, Epoch{1}, 1, 0b0010}).write(1, 1, 1).hw(1, 2, 1);
    CHECK(h.verdict() == 143);
    CHECK(h.sentence() ==
          "n1 raised the high watermark of orders-0 to 2 with an ISR of 1, but "
          "min.insync.replicas is 2");
}

TEST_CASE("follower-credit: a follower has less than it is counted to hold", "[oracle]") {
    {
        History h(144);
        h.begun().write(1, 1, 1).fetched(1, 2, 2, 1);
        CHECK(h.verdict() == 144);
        CHECK(h.sentence() ==
              "n1 counts n2 to hold orders-0 up to 2, but what is durable there is up to 1");
    }
    {
        History h(144);
        h.begun().write(1, 1, 1).write(2, 1, 1, 7, false).fetched(1, 2, 2, 1);
        CHECK(h.verdict() == 144);
    }
    {
        History h(144);
        h.begun().write(1, 1, 1).write(2, 1, 1).fetched(1, 2, 2, 1).fetched(1, 3, 1, 1);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 2);
    }
}

TEST_CASE("follower-credit: what an old epoch asks for counts for nothing", "[oracle]") {
    {
        History h(144);
        h.begun().lead(2, 2).lead(1, 3).fetched(1, 3, 1, 3);
        CHECK(h.verdict() == 144);
        CHECK(h.sentence() ==
              "n1 leads orders-0 in epoch 3 and counts a fetch of n3, but that one knows no later "
              "epoch than 1");
    }
    {
        // The process before that one had sent it.
        History h(144);
        h.begun().lead(1, 2).follow(3, 2, 1).crash(3, false).open(3, 1).follow(3, 1, 1);
        h.fetched(1, 3, 1, 2);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 1);
    }
}

TEST_CASE("follower-credit: nobody holds more of a leader's log than the leader", "[oracle]") {
    History h(144);
    h.begun().write(2, 1, 1).fetched(1, 2, 2, 1);
    CHECK(h.verdict() == 144);
    CHECK(h.sentence() == "n1 counts n2 to hold orders-0 up to 2, but its own log ends at 1");
}

TEST_CASE("follower-credit: a replica that lost what was not durable is waited for", "[oracle]") {
    History h(144, {3, 2, false}, true);
    h.begun().write(1, 1, 1).write(2, 1, 1).crash(2, true).open(2, 0).fetched(1, 2, 2, 1);
    CHECK(h.verdict() == 0);
    CHECK(h.premises() == 0);
}

TEST_CASE("follower-credit: a log that diverged counts for nothing", "[oracle]") {
    {
        History h(144);
        h.begun().write(1, 1, 1).write(2, 1, 0).fetched(1, 2, 2, 1);
        CHECK(h.verdict() == 144);
    }
    {
        // Its sender follows another leader since, and has cut its log.
        History h(144);
        h.begun().write(1, 1, 1).write(2, 1, 1).follow(2, 2, 3).cut(2, 2, 1).fetched(1, 2, 2, 1);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("node-watermark: beyond the log, beyond what is committed, or falling", "[oracle]") {
    {
        History h(145);
        h.begun().hw(1, 2, 1);
        CHECK(h.verdict() == 145);
    }
    {
        History h(145);
        h.begun().write(2, 1, 1).hw(2, 2, 1);
        CHECK(h.verdict() == 145);
        CHECK(h.sentence() ==
              "n2 follows a high watermark of orders-0 up to 2, but leaders committed only what "
              "is below 1");
    }
    {
        History h(145);
        h.begun().write_all(1, 1).hw(1, 2, 1).hw(2, 2, 1).hw(2, 1, 1);
        CHECK(h.verdict() == 145);
    }
    {
        // A new part begins where that node stands.
        History h(145);
        h.begun().write_all(1, 1).hw(1, 2, 1).hw(2, 2, 1).open(2, 2).follow(2, 2, 3).hw(2, 1, 2);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
}

TEST_CASE("node-watermark: nobody is given what was not committed", "[oracle]") {
    {
        History h(145);
        h.begun().write(1, 1, 1).delivered(0, 0, 0).delivered(0, 1, 1);
        CHECK(h.verdict() == 145);
    }
    {
        History h(145);
        h.begun().delivered(0, 0, 0);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("acked-survives: acknowledged before it was committed", "[oracle]") {
    History h(146);
    h.begun().write(1, 1, 1).acked(1, 1);
    CHECK(h.verdict() == 146);
}

TEST_CASE("acked-survives: the auditor finds each record at its offset", "[oracle]") {
    constexpr std::int32_t kAuditor = 1;
    {
        History h(146);
        h.begun().acked(0, 0).delivered(kAuditor, 0, 0);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 2);
    }
    {
        History h(146);
        h.begun().acked(0, 0);
        CHECK(h.verdict() == 146);
    }
    {
        History h(146);
        h.begun().acked(0, 0).delivered(kAuditor, 0, 5);
        CHECK(h.verdict() == 146);
        CHECK(h.sentence() ==
              "record 0 of p1 was acknowledged at offset 0 of orders-0 at 0.000s with acks=all, "
              "but at the end a reader finds record 5 of p1 there");
    }
    {
        // Retention took it.
        History h(146);
        h.begun().acked(0, 0).probe(1, probe::LogStartMoved{h.p, Offset{0}, Offset{1}});
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("deleted-stays-deleted: a leader that shows again what was deleted", "[oracle]") {
    const auto deleted = [](History& h, int node) {
        h.probe(node, probe::LogStartMoved{h.p, Offset{0}, Offset{1}});
    };
    {
        History h(149);
        h.begun();
        deleted(h, 1);
        deleted(h, 3);
        h.probe(1, probe::RecordsDeleted{h.p, Offset{1}}).lead(2, 2);
        CHECK(h.verdict() == 149);
        CHECK(h.sentence() ==
              "what is below offset 1 of orders-0 was answered as deleted, but n2 begins to lead "
              "with a log that starts at 0");
    }
    {
        History h(149);
        h.begun();
        for (const int node : {1, 2, 3}) deleted(h, node);
        h.probe(1, probe::RecordsDeleted{h.p, Offset{1}}).lead(2, 2);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
    {
        // Who was down is bound when it is in the ISR again, not before.
        History h(149);
        h.begun().crash(2, false);
        deleted(h, 1);
        deleted(h, 3);
        h.probe(1, probe::RecordsDeleted{h.p, Offset{1}}).lead(2, 2);
        CHECK(h.verdict() == 0);
    }
    {
        History h(149);
        h.begun().crash(2, false);
        deleted(h, 1);
        deleted(h, 3);
        h.probe(1, probe::RecordsDeleted{h.p, Offset{1}}).lead(1, 2).lead(2, 3);
        CHECK(h.verdict() == 149);
    }
}

TEST_CASE("removed-is-elsewhere: a replica that goes before others are complete", "[oracle]") {
    {
        History h(150);
        h.begun().write(1, 1, 1).write(2, 1, 1).hw(1, 2, 1).probe(1, probe::LogRemoved{h.p});
        CHECK(h.verdict() == 150);
        CHECK(h.sentence() ==
              "n1 removes its log of orders-0, but of the other nodes only 1 hold all that is "
              "committed, up to 2");
    }
    {
        History h(150);
        h.begun().write_all(1, 1).hw(1, 2, 1).probe(1, probe::LogRemoved{h.p});
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
}

TEST_CASE("no-stray: a log that nobody needs is left when all is quiet", "[oracle]") {
    {
        History h(151);
        h.begun().lead(1, 2, 0b0110).at(120s);
        CHECK(h.verdict() == 151);
        CHECK(h.sentence() ==
              "the faults were over at 100.000s, but at 120.000s n3 still has a log of orders-0, "
              "whose ISR it is not in");
    }
    {
        History h(151);
        h.begun().lead(1, 2, 0b0110).probe(3, probe::LogRemoved{h.p}).at(120s);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
    {
        History h(151);  // too early to say
        h.begun().lead(1, 2, 0b0110).at(105s);
        CHECK(h.verdict() == 0);
    }
}
