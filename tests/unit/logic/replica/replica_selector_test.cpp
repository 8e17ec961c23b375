#include "core/logic/replica/replica_selector.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
ReadCandidate candidate(std::int32_t id, std::string rack, std::int64_t held, int behind_ms = 0) {
    return {NodeId{id}, std::move(rack), Offset{held}, std::chrono::milliseconds(behind_ms)};
}
}  // namespace

TEST_CASE("replica selector: Kafka's classes are known by their names") {
    CHECK(replica_selector("") == ReplicaSelector::leader);
    CHECK(replica_selector("org.apache.kafka.common.replica.LeaderSelector") ==
          ReplicaSelector::leader);
    CHECK(replica_selector("org.apache.kafka.common.replica.RackAwareReplicaSelector") ==
          ReplicaSelector::rack_aware);
    CHECK(!replica_selector("RackAwareReplicaSelector"));
    CHECK(!replica_selector("org.apache.kafka.common.replica.Other"));
}

TEST_CASE("replica selector: a consumer reads in its own rack, or the leader") {
    const std::vector all{candidate(2, "b", 10), candidate(3, "c", 20)};
    CHECK(rack_aware_replica("b", "a", all) == NodeId{2});
    CHECK(rack_aware_replica("c", "a", all) == NodeId{3});
    CHECK(!rack_aware_replica("a", "a", all));  // the leader stands there
    CHECK(!rack_aware_replica("d", "a", all));
    CHECK(!rack_aware_replica("", "a", all));
    CHECK(!rack_aware_replica("b", "a", {}));
    // Also where a follower shares the leader's rack.
    CHECK(!rack_aware_replica("a", "a", {candidate(2, "a", 10)}));
}

TEST_CASE("replica selector: of several replicas in a rack the one that holds most is read") {
    CHECK(rack_aware_replica("b", "a", {candidate(2, "b", 10), candidate(3, "b", 20)}) ==
          NodeId{3});
    CHECK(rack_aware_replica("b", "a", {candidate(2, "b", 20), candidate(3, "b", 10)}) ==
          NodeId{2});
    CHECK(rack_aware_replica("b", "a", {candidate(2, "b", 9, 5), candidate(3, "b", 9, 80)}) ==
          NodeId{2});
    CHECK(rack_aware_replica("b", "a", {candidate(2, "b", 9), candidate(3, "b", 9)}) == NodeId{3});
}
}  // namespace faultline::logic
