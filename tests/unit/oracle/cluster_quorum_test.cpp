// The oracles of the quorum's leaders.
#include "tests/support/catch.h"
#include "tests/unit/oracle/cluster_history.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
class History : public ClusterHistory {
public:
    explicit History(std::int32_t only) : ClusterHistory(only) {
        cast.quorum_fetch_timeout = 1s;
        q = recorder.intern("__cluster_metadata", PartitionIndex{0});
    }
    History& at(Duration t) {
        ClusterHistory::at(t);
        return *this;
    }
    template <class E>
    History& world(E event) {
        ClusterHistory::world(event);
        return *this;
    }
    History& crash(int node, bool power) { return world(NodeCrashed{NodeId{node}, power}); }
    // It knows all below `known` to be committed.
    History& elected(int node, std::int32_t epoch, std::int64_t known = 0) {
        probe(node, probe::LeaderChanged{q, Epoch{epoch}, NodeId{node}});
        probe(node, probe::HighWatermark{q, Epoch{epoch}, Offset{known}});
        return *this;
    }
    History& appends(int node, std::int64_t offset, std::int32_t epoch) {
        probe(node, probe::BatchAppended{q, Epoch{epoch}, Offset{offset}, Offset{offset}, 7});
        return *this;
    }
    History& commits(int node, std::int64_t end, std::int32_t epoch) {
        probe(node, probe::HighWatermark{q, Epoch{epoch}, Offset{end}});
        return *this;
    }
    History& votes(int node, std::int64_t at, std::int32_t epoch, std::uint64_t before,
                   std::uint64_t members) {
        probe(node, probe::VotersChanged{q, Epoch{epoch}, Offset{at}, before, members});
        return *this;
    }
    History& applies(int node, std::int64_t end) {
        probe(node, probe::MetadataApplied{Offset{end}, 77});
        return *this;
    }
    History& resigns(int node, std::int32_t epoch) {
        probe(node, probe::PartitionFollows{q, Epoch{epoch}, NodeId{-1}});
        return *this;
    }
    History& active(int node, std::int32_t epoch) {
        probe(node, probe::ControllerActive{Epoch{epoch}});
        return *this;
    }
    probe::PartitionKey q = 0;
};
}  // namespace

TEST_CASE("one-leader: the quorum elects one in an epoch, active or not", "[oracle]") {
    {
        History h(142);
        h.elected(1, 4).elected(3, 4);
        CHECK(h.verdict() == 142);
        CHECK(h.sentence() == "n1 led the quorum in epoch 4, but n3 leads it in the same epoch");
    }
    {
        History h(142);
        h.elected(1, 4).elected(3, 5).active(3, 5);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("own-epoch: records of an earlier epoch are committed alone", "[oracle]") {
    {
        History h(154);
        h.elected(1, 4, 10).appends(1, 12, 4).applies(1, 12);
        CHECK(h.verdict() == 154);
        CHECK(h.sentence() ==
              "n1 leads the quorum in epoch 4 and knew what is below 10 to be committed, but "
              "commits up to 12 without a record of its own epoch");
    }
    {
        // Together with one of its own, or what it knew before.
        History h(154);
        h.elected(1, 4, 10).applies(1, 10).appends(1, 12, 4).commits(1, 13, 4).applies(1, 20);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 2);
    }
    {
        // What it commits later does not count as known before.
        History h(154);
        h.elected(1, 4, 10).appends(1, 12, 4).commits(1, 12, 4).applies(1, 12);
        CHECK(h.verdict() == 154);
    }
    {
        // A follower learns of what others commit.
        History h(154);
        h.elected(1, 4, 10).resigns(1, 5).applies(1, 12).applies(2, 12);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 0);
    }
}

TEST_CASE("resigns: a controller that the majority has left goes on", "[oracle]") {
    {
        History h(155);
        h.elected(1, 4).at(5s).elected(2, 5).active(2, 5).at(12s).applies(2, 5);
        CHECK(h.verdict() == 155);
        CHECK(h.sentence() ==
              "n2 is the active controller of epoch 5 since 5.000s, but n1, which led in epoch 4, "
              "has not resigned");
    }
    {
        History h(155);
        h.elected(1, 4).at(5s).elected(2, 5).active(2, 5).at(7s).resigns(1, 5).at(12s);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() > 0);
    }
    {
        // Dead, it leads nothing.
        History h(155);
        h.elected(1, 4).crash(1, false).at(5s).elected(2, 5).active(2, 5).at(12s);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("resigns: time counts only where the old controller could notice", "[oracle]") {
    {
        History h(155);
        h.elected(1, 4).world(NodePaused{NodeId{1}, true});
        h.at(5s).elected(2, 5).active(2, 5).at(12s).world(NodePaused{NodeId{1}, false});
        h.at(16s).applies(2, 5);
        CHECK(h.verdict() == 0);
        h.at(19s);
        CHECK(h.verdict() == 155);
    }
    {
        // What a cut held back arrives when it heals.
        History h(155);
        h.elected(1, 4).at(5s).elected(2, 5).active(2, 5).at(9s).world(FaultHealed{0});
        h.at(12s).applies(2, 5);
        CHECK(h.verdict() == 0);
    }
    {
        // A disk that hangs keeps a node from doing anything.
        History h(155);
        h.cast.faults.push_back(FaultKind::hung_disk);
        h.elected(1, 4).at(5s).world(FaultEffect{3, NodeId{1}, Label{}});
        h.elected(2, 5).active(2, 5).at(12s).applies(2, 5);
        CHECK(h.verdict() == 0);
    }
}

TEST_CASE("voters-by-one: a log holds a change of two", "[oracle]") {
    {
        History h(156);
        h.votes(3, 8, 4, 0b1110, 0b1111'0000);
        CHECK(h.verdict() == 156);
        CHECK(h.sentence() ==
              "the voters {1,2,3} became {4,5,6,7} at offset 8 in the log of n3: more than one "
              "comes or goes");
    }
    {
        // One comes, one goes, or they are told better.
        History h(156);
        h.votes(3, 8, 4, 0b1110, 0b11110).votes(3, 9, 4, 0b11110, 0b11100);
        h.votes(3, 10, 4, 0b11100, 0b11100);
        CHECK(h.verdict() == 0);
        CHECK(h.premises() == 3);
    }
}

TEST_CASE("voters-by-one: a leader changes the voters before it may", "[oracle]") {
    {
        History h(156);
        h.elected(1, 4, 10).appends(1, 12, 4).commits(1, 13, 4);
        h.votes(1, 13, 4, 0b1110, 0b11110).votes(1, 14, 4, 0b11110, 0b111110);
        CHECK(h.verdict() == 156);
        CHECK(h.sentence() ==
              "n1, which leads the quorum in epoch 4, changes the voters at offset 14, but its "
              "change at 13 is not committed: only what is below 13 is");
    }
    {
        History h(156);
        h.elected(1, 4, 10).appends(1, 12, 4).votes(1, 13, 4, 0b1110, 0b11110);
        CHECK(h.verdict() == 156);
        CHECK(h.sentence() ==
              "n1, which leads the quorum in epoch 4, changes the voters at offset 13, but its "
              "first record at 12 is not committed: only what is below 10 is");
    }
    {
        History h(156);
        h.elected(1, 4, 10).appends(1, 12, 4).commits(1, 13, 4);
        h.votes(1, 13, 4, 0b1110, 0b11110).commits(1, 14, 4);
        h.votes(1, 14, 4, 0b11110, 0b111110);
        // What a follower appends its leader has decided.
        h.votes(2, 13, 4, 0b1110, 0b11110).votes(2, 14, 4, 0b11110, 0b111110);
        CHECK(h.verdict() == 0);
    }
    {
        // Its reign is over; what stood in its queue is of the next leader.
        History h(156);
        h.elected(1, 4, 10).appends(1, 12, 4).resigns(1, 5).votes(1, 13, 5, 0b1110, 0b11110);
        CHECK(h.verdict() == 0);
    }
}
