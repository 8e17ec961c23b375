#include "core/logic/producer/refused_batches.h"

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::logic;

namespace {
constexpr std::int16_t kNotLeader = 6, kNotEnough = 19;
constexpr MonoTime kNow{1'000'000'000};
}  // namespace

TEST_CASE("refused batches: what comes behind one is refused as it was, until it has come again") {
    RefusedBatches r;
    r.refused({7, 0, 10, 5}, kNotLeader, kNow);
    r.refused({7, 0, 15, 5}, kNotEnough, kNow);  // the earliest counts
    CHECK(r.behind({7, 0, 15, 5}, kNow) == kNotLeader);
    CHECK(r.behind({7, 0, 20, 5}, kNow) == kNotLeader);
    CHECK_FALSE(r.behind({7, 0, 10, 5}, kNow));  // it comes again itself
    CHECK_FALSE(r.behind({7, 0, 5, 5}, kNow));   // was before it
    CHECK_FALSE(r.behind({7, 1, 15, 5}, kNow));  // another epoch begins anew
    CHECK_FALSE(r.behind({8, 0, 15, 5}, kNow));
    r.taken({7, 0, 5, 5});
    CHECK(r.behind({7, 0, 15, 5}, kNow) == kNotLeader);
    r.taken({7, 0, 10, 5});
    CHECK_FALSE(r.behind({7, 0, 15, 5}, kNow));
}

TEST_CASE("refused batches: an earlier one that is refused later is the one to wait for") {
    RefusedBatches r;
    r.refused({7, 0, 15, 5}, kNotLeader, kNow);
    r.refused({7, 0, 10, 5}, kNotEnough, kNow);
    CHECK(r.behind({7, 0, 15, 5}, kNow) == kNotEnough);
    r.taken({7, 1, 0, 1});  // a new epoch was taken: the old one is over
    CHECK(r.size() == 0);
    r.refused({7, 2, 5, 1}, kNotLeader, kNow);
    r.refused({7, 1, 0, 1}, kNotEnough, kNow);  // late, of an epoch that is over
    r.taken({7, 1, 0, 1});
    CHECK(r.behind({7, 2, 6, 1}, kNow) == kNotLeader);
}

TEST_CASE("refused batches: sequences go round") {
    RefusedBatches r;
    r.refused({7, 0, INT32_MAX - 1, 2}, kNotLeader, kNow);
    CHECK(r.behind({7, 0, 0, 2}, kNow) == kNotLeader);
    CHECK_FALSE(r.behind({7, 0, INT32_MAX - 3, 2}, kNow));
    r.taken({7, 0, INT32_MAX - 1, 2});
    CHECK_FALSE(r.behind({7, 0, 0, 2}, kNow));
}

TEST_CASE("refused batches: bounded in number and in time") {
    RefusedBatches r;
    for (std::size_t i = 0; i <= RefusedBatches::kMost; ++i)
        r.refused({static_cast<std::int64_t>(i), 0, 1, 1}, kNotLeader, kNow);
    CHECK(r.size() == RefusedBatches::kMost);
    CHECK_FALSE(r.behind({0, 0, 2, 1}, kNow));
    CHECK(r.behind({1, 0, 2, 1}, kNow + RefusedBatches::kKept) == kNotLeader);
    CHECK_FALSE(r.behind({1, 0, 2, 1}, kNow + RefusedBatches::kKept + 1ns));
    r.refused({-1, -1, -1, 1}, kNotLeader, kNow);  // not idempotent
    CHECK(r.size() == RefusedBatches::kMost);
}
