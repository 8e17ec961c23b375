// The oracles of leaders, of metadata and of a cluster that comes to rest.
#include "tests/support/catch.h"
#include "tests/unit/oracle/cluster_history.h"

using namespace faultline;
using namespace faultline::sim;
using History = ClusterHistory;

TEST_CASE("one-leader: two nodes lead in one epoch", "[oracle]") {
    {
        History h(142);
        h.lead(1, 1).lead(2, 1);
        CHECK(h.verdict() == 142);
        CHECK(h.sentence() == "n1 led orders-0 in epoch 1, but n2 leads it in the same epoch");
    }
    {
        History h(142);
        h.lead(1, 1).lead(2, 2).lead(1, 3).lead(1, 3);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 4);
    }
    {
        History h(142);
        h.probe(1, probe::ControllerActive{Epoch{4}}).probe(3, probe::ControllerActive{Epoch{4}});
        CHECK(h.verdict() == 142);
        CHECK(h.sentence() == "n1 led the quorum in epoch 4, but n3 leads it in the same epoch");
    }
}

TEST_CASE("one-leader: topics that come and go begin anew", "[oracle]") {
    History h(142);
    const auto q = h.recorder.intern("churn", PartitionIndex{0});
    h.probe(1, probe::LeaderChanged{q, Epoch{0}, NodeId{1}});
    h.probe(2, probe::LeaderChanged{q, Epoch{0}, NodeId{2}});
    CHECK(h.verdict() == 0);
}

TEST_CASE("metadata-equal: other images of the same metadata", "[oracle]") {
    {
        History h(147);
        h.probe(1, probe::MetadataApplied{Offset{5}, 77})
            .probe(2, probe::MetadataApplied{Offset{5}, 78});
        CHECK(h.verdict() == 147);
        CHECK(h.sentence() ==
              "n1 has applied the metadata up to 5 and has the image 000000000000004d, but n2 has "
              "000000000000004e");
    }
    {
        History h(147);
        h.probe(1, probe::MetadataApplied{Offset{5}, 77})
            .probe(2, probe::MetadataApplied{Offset{5}, 77});
        h.probe(1, probe::MetadataApplied{Offset{6}, 78});
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 1);
    }
}

TEST_CASE("metadata-equal: a process does not go back, a new one may", "[oracle]") {
    {
        History h(147);
        h.probe(1, probe::MetadataApplied{Offset{5}, 77})
            .probe(1, probe::MetadataApplied{Offset{4}, 76});
        CHECK(h.verdict() == 147);
    }
    {
        History h(147);
        h.probe(1, probe::MetadataApplied{Offset{5}, 77}).world(NodeStarted{NodeId{1}, 2});
        h.probe(1, probe::MetadataApplied{Offset{4}, 76});
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("cluster-settles: nobody leads two seconds after the faults", "[oracle]") {
    {
        History h(148);
        h.lead(1, 1).at(90s).crash(1, false).at(102s).open(2, 0);
        CHECK(h.verdict() == 148);
        CHECK(h.sentence() ==
              "the faults were over at 100.000s, but 2.000s later nobody leads orders-0");
    }
    {
        History h(148);
        h.lead(1, 1).at(90s).crash(1, false).at(101s).lead(2, 2).at(103s);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 1);
    }
    {
        // Cut short: nothing is said.
        History h(148);
        h.lead(1, 1).at(90s).crash(1, false).at(101s);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 0);
    }
}

TEST_CASE("cluster-settles: a node that is still being restarted is the last of the faults",
          "[oracle]") {
    for (const bool back_in_time : {true, false}) {
        History h(148);
        h.begun().at(99s).world(FaultEffect{2, NodeId{1}, Label{}});
        h.at(100s).world(NodeStopped{NodeId{1}, true});
        h.at(104s).world(NodeStarted{NodeId{1}, 2}).at(back_in_time ? 105s : 107s).lead(1, 2);
        CHECK(h.at(120s).verdict() == (back_in_time ? 0 : 148));
        if (!back_in_time)
            CHECK(h.sentence() ==
                  "the faults were over at 104.000s, but 2.000s later nobody leads orders-0");
        CHECK(h.premises() > 0);
    }
    {
        // Nobody asked for it: a broker that ends by itself is nothing that faults explain.
        History h(148);
        h.begun().at(100s).world(NodeStopped{NodeId{1}, false});
        CHECK(h.at(120s).verdict() == 148);
    }
}

TEST_CASE("cluster-settles: leaders that change in the quiet", "[oracle]") {
    {
        History h(148);
        h.lead(1, 1).at(113s).lead(2, 2);
        CHECK(h.verdict() == 148);
        CHECK(h.sentence() ==
              "the faults were over at 100.000s, but at 113.000s n2 begins to lead orders-0 in "
              "epoch 2");
    }
    {
        History h(148);
        h.lead(1, 1).at(101s).lead(2, 2).at(120s);
        CHECK(h.verdict() == 0);
    }
    {
        // As soon as all is well it is quiet.
        History h(148);
        h.lead(1, 1, 0b0110).at(104s).probe(1, probe::IsrChanged{h.p, Epoch{1}, 2, 0b1110});
        h.at(105s).lead(2, 2);
        CHECK(h.verdict() == 148);
    }
    {
        // The controller brings the preferred leader back.
        History h(148);
        h.cast.balance_every = 1s;
        h.lead(1, 1, 0b0110).at(104s).probe(1, probe::IsrChanged{h.p, Epoch{1}, 2, 0b1110});
        h.at(105s).lead(2, 2).at(120s);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("cluster-settles: replicas that stay outside of the ISR", "[oracle]") {
    {
        History h(148);
        h.lead(1, 1, 0b0110).at(113s);
        CHECK(h.verdict() == 148);
        CHECK(h.sentence() ==
              "the faults were over at 100.000s, but at 113.000s the ISR of orders-0 has 2 of its "
              "3 replicas");
    }
    {
        History h(148);
        h.lead(1, 1, 0b0110)
            .at(105s)
            .probe(1, probe::IsrChanged{h.p, Epoch{1}, 2, 0b1110})
            .at(113s);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("metadata-snapshots: the log begins above every snapshot", "[oracle]") {
    History h(153);
    const auto log = h.recorder.intern("__cluster_metadata", PartitionIndex{0});
    const auto renamed = [&](int node, std::string_view path) {
        h.world(DiskDone{NodeId{node}, DiskOp::rename, h.recorder.intern(path), 0, 0, 0});
    };
    renamed(1, "data/__cluster_metadata-0/00000000000000000005-0000000001.checkpoint");
    renamed(2, "data/__cluster_metadata-0/00000000000000000009-0000000001.checkpoint");
    renamed(1, "data/recovery-point-offset-checkpoint");
    h.probe(1, probe::LogStartMoved{log, Offset{0}, Offset{3}})
        .probe(1, probe::LogStartMoved{log, Offset{3}, Offset{5}});
    CHECK(h.verdict() == 0);
    CHECK(h.premises() == 2);
    h.probe(1, probe::LogStartMoved{log, Offset{5}, Offset{6}});
    CHECK(h.verdict() == 153);
    CHECK(h.sentence() ==
          "the metadata log of n1 begins at 6 now, but its newest snapshot ends at 5");
}

TEST_CASE("survival: as many acknowledged records are there as was said", "[oracle]") {
    constexpr std::int32_t kAuditor = 1;
    const auto two = [](History& h, Survival said) -> History& {
        h.cast.survival = said;
        return h.acked(0, 0).acked(1, 1).delivered(kAuditor, 0, 0);
    };
    {
        History h(152);
        two(h, Survival::all).delivered(0, 1, 1);  // another reader than the auditor
        CHECK(h.verdict() == 152);
        CHECK(h.sentence() ==
              "every acknowledged record was to survive, but 1 of 2 are missing at the end, record "
              "1 of p1 first");
    }
    {
        History h(152);
        two(h, Survival::all).delivered(kAuditor, 1, 1);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 2);
    }
    {
        History h(152);
        two(h, Survival::less);
        CHECK(h.verdict() == 0);
        CHECK(h.remark() == "survival: 1 of 2 acknowledged records are missing at the end");
    }
    {
        History h(152);
        two(h, Survival::less).delivered(kAuditor, 1, 1);
        CHECK(h.verdict() == 152);
    }
    {
        History h(152);  // nothing was said
        h.acked(0, 0);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 0);
    }
}

TEST_CASE("lost-is-silent: who was fenced acknowledges nothing", "[oracle]") {
    const auto answered = [](History& h, std::int16_t error = 0) -> History& {
        return h.probe(1, probe::ProduceAnswered{h.p, error, Offset{7}, Offset{8}});
    };
    const auto lost = [](History& h, std::int64_t epoch = 5) -> History& {
        h.probe(1, probe::BrokerRegistered{5, true}).probe(1, probe::BrokerRegistered{5, false});
        return h.probe(2, probe::BrokerFenced{NodeId{1}, epoch, true});
    };
    {
        History h(158);
        answered(lost(h), 6);
        CHECK(h.verdict() == 0);  // NOT_LEADER_OR_FOLLOWER is what it ought to say
        answered(h);
        CHECK(h.verdict() == 158);
        CHECK(h.sentence() == "n1 acknowledges offsets 7 to 8 of orders-0, but n2 had fenced it");
    }
    {
        History h(158);  // let in again; another process; another controller, which may have
        answered(lost(h).probe(2, probe::BrokerFenced{NodeId{1}, 5, false}));
        answered(lost(h).crash(1, false));
        answered(lost(h).probe(1, probe::BrokerRegistered{6, true}));
        answered(lost(h).probe(1, probe::BrokerRegistered{5, false}));
        answered(lost(h, 4));
        answered(lost(h).probe(3, probe::ControllerActive{Epoch{9}}));
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 5);  // n1 had broker epoch 5, not 4
    }
    {
        History h(158);  // that it hears of its fence changes nothing
        answered(lost(h).probe(1, probe::BrokerRegistered{5, true}));
        CHECK(h.verdict() == 158);
    }
    {
        History h(158);  // decided before it stood still
        lost(h).at(9s).world(NodePaused{NodeId{1}, false});
        answered(h);
        CHECK(h.verdict() == 0);
        answered(h.at(9s + 2ms));
        CHECK(h.verdict() == 158);
    }
}
