// What is committed is handed out, and how far a node says that it is.
#include "tests/unit/controller/quorum_rig.h"

using namespace faultline;
using namespace faultline::test;

// A broker that stood still is fenced, and unfenced when it says that it knows. Were that said
// while its partitions are still told, they would lead on under a fresh lease, beside those that
// lead by now.
TEST_CASE("quorum: what was applied is what everybody on this node was told") {
    TestWorld world;
    world.run([&] {
        QuorumRig rig(world);
        REQUIRE(rig.start().ok());
        REQUIRE(rig.append_topic(1).ok());
        const Offset before = rig.quorum->applied();
        CHECK(before == rig.keeper.image.applied);
        Offset seen_inside{-1};
        rig.keeper.on_caught_up = [&] {
            world.scheduler.sleep_until(world.clock.in(500ms));  // partitions that take their parts
            if (seen_inside.v < 0) seen_inside = rig.quorum->applied();
        };
        REQUIRE(rig.append_topic(2).ok());
        CHECK(rig.keeper.image.applied > before);
        CHECK(seen_inside == before);
        CHECK(rig.quorum->applied() == rig.keeper.image.applied);
        rig.stop();
    });
}
