// What a replica of the quorum says arrives in every version that another may speak.
#include "core/controller/quorum_messages.h"

#include "core/wire/reader.h"
#include "core/wire/writer.h"
#include "tests/support/catch.h"

namespace faultline::controller {
TEST_CASE("EndQuorumEpoch: the order of the successors arrives in every version") {
    const raft::ReplicaKey second{NodeId{2}, {.hi = 7, .lo = 9}}, third{NodeId{3}, {}};
    const raft::EndQuorumEpochRequest said{Epoch{4}, NodeId{1}, {third, second}};
    using Message = wire::EndQuorumEpochRequest;
    for (std::int16_t v = Message::min.v; v <= Message::max.v; ++v) {
        CAPTURE(v);
        wire::Writer out;
        to_wire(said, "c").encode(out, {v});
        const IoBuf bytes = out.finish().to_iobuf();
        wire::Reader in(bytes);
        Message arrived;
        arrived.decode(in, {v});
        REQUIRE(in.ok());
        const auto heard = from_wire(arrived);
        REQUIRE(heard.ok());
        CHECK(heard->epoch == said.epoch);
        CHECK(heard->leader == said.leader);
        REQUIRE(heard->preferred_successors.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) {
            CHECK(heard->preferred_successors[i].same(said.preferred_successors[i]));
            if (v > 0) CHECK(heard->preferred_successors[i] == said.preferred_successors[i]);
        }
    }
}
}  // namespace faultline::controller
