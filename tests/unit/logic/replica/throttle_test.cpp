#include "core/logic/replica/throttle.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
MonoTime at(std::int64_t ms) { return MonoTime{} + std::chrono::milliseconds(ms); }
bool names(std::string_view list, std::int32_t partition, std::int32_t broker) {
    return names_replica(list, PartitionIndex{partition}, NodeId{broker});
}
}  // namespace

TEST_CASE("throttle: a list names replicas, a star all of them") {
    CHECK(names("*", 3, 1));
    CHECK(!names("", 3, 1));
    CHECK(names("3:1", 3, 1));
    CHECK(!names("3:1", 1, 3));
    CHECK(names("0:1,3:1, 3:2", 3, 2));
    CHECK(!names("0:1,3:1,3:2", 0, 2));
    CHECK(!names("31:1,3:11", 3, 1));
    CHECK(!names("3:,:1,3,x:1", 3, 1));
}

TEST_CASE("throttle: a bucket gives a second's worth at once and then its rate") {
    ThrottleBucket b;
    CHECK(!b.used_up(at(0)));
    b.take(1U << 30, at(0));
    CHECK(!b.used_up(at(0)));  // without a rate nothing is used up
    b.set_rate(1000, at(0));
    CHECK(!b.used_up(at(0)));
    b.take(999, at(0));
    CHECK(!b.used_up(at(0)));
    b.take(1, at(0));
    CHECK(b.used_up(at(0)));
    CHECK(!b.used_up(at(1)));  // 1 byte came
    b.take(1, at(1));
    CHECK(b.used_up(at(1)));
    // It never holds more than a second's worth.
    b.take(1000, at(100'000));
    CHECK(b.used_up(at(100'000)));
}

TEST_CASE("throttle: what was taken too much is waited for") {
    ThrottleBucket b;
    b.set_rate(1000, at(0));
    b.take(4000, at(0));  // 3000 too many
    CHECK(b.used_up(at(1000)));
    CHECK(b.used_up(at(3000)));
    CHECK(!b.used_up(at(3001)));
    b.take(4001, at(3001));
    CHECK(b.used_up(at(7001)));
    CHECK(!b.used_up(at(9000)));
}

TEST_CASE("throttle: looking often gives no byte away and none too many") {
    ThrottleBucket b;
    b.set_rate(3, at(0));  // 1 byte in 333 ms
    b.take(3, at(0));
    std::uint64_t taken = 0;
    for (std::int64_t ms = 1; ms <= 100'000; ++ms) {
        if (b.used_up(at(ms))) continue;
        b.take(1, at(ms));
        ++taken;
    }
    CHECK(taken >= 290);
    CHECK(taken <= 300);
}

TEST_CASE("throttle: the largest and the smallest rates are served") {
    ThrottleBucket b;
    b.set_rate(0, at(0));
    CHECK(b.used_up(at(1'000'000)));
    b.set_rate(kNoThrottle - 1, at(0));
    CHECK(!b.used_up(at(0)));
    b.set_rate(INT64_MAX / 5, at(0));
    for (int i = 0; i < 20; ++i) b.take(UINT64_MAX, at(0));
    CHECK(b.used_up(at(1000)));
    CHECK(!b.used_up(at(10'000)));
    b.set_rate(1, at(20'000));
    b.take(UINT64_MAX, at(20'000));
    CHECK(b.used_up(at(1'000'000'000)));
}

TEST_CASE("throttle: shards divide a rate by the replicas that they have") {
    CHECK(share_of_rate(kNoThrottle, 1, 4) == kNoThrottle);
    CHECK(share_of_rate(1000, 1, 4) == 250);
    CHECK(share_of_rate(1000, 3, 4) == 750);
    CHECK(share_of_rate(1000, 4, 4) == 1000);
    CHECK(share_of_rate(1000, 0, 4) == 0);
    CHECK(share_of_rate(1, 1, 4) == 1);
    CHECK(share_of_rate(0, 1, 4) == 0);
    CHECK(share_of_rate(INT64_MAX - 1, 1, 2) == INT64_MAX / 2);
}
}  // namespace faultline::logic
