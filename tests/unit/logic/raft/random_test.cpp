// Random schedules: crashes that lose what was not synced, cuts, lost, doubled and reordered
// messages.
#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft::test {
namespace {
void hold(const Schedule& schedule, std::uint64_t seeds) {
    Totals totals;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const std::string wrong = run_random(schedule, seed, totals);
        INFO("seed " << seed);
        REQUIRE(wrong == "");
    }
    CHECK(totals.elections > seeds);
    CHECK(totals.committed > 10 * seeds);
    if (schedule.snapshots) CHECK(totals.installed > seeds / 2);
}
}  // namespace

TEST_CASE("raft: three voters hold through random schedules") { hold({}, 150); }
TEST_CASE("raft: five voters and two observers hold") {
    hold({.voters = 5, .observers = 2, .steps = 8'000}, 60);
}
TEST_CASE("raft: one and two voters hold") {
    hold({.voters = 1, .observers = 1}, 30);
    hold({.voters = 2}, 60);
}
TEST_CASE("raft: voters that come and go, snapshots, new disks") {
    hold({.voters = 3, .observers = 2, .changes = true, .snapshots = true}, 150);
    hold({.voters = 3, .observers = 2, .changes = true, .snapshots = true, .wipes = true}, 150);
}
TEST_CASE("raft: a quarrel about the voters at the start") {
    Totals totals;
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        const std::string wrong = run_random(contested_schedule(seed), seed, totals);
        INFO("seed " << seed);
        REQUIRE(wrong == "");
    }
    CHECK(totals.elections > 500);
}
}  // namespace faultline::logic::raft::test
