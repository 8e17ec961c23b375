#include "core/logic/controller/elections.h"

#include "tests/support/catch.h"

namespace faultline::logic {

TEST_CASE("a node that starts anew leads its partitions, and only its own, in a new epoch") {
    model::MetadataImage image;
    const Uuid id{1, 2};
    wire::TopicRecord topic;
    topic.name = "t";
    topic.topic_id = id;
    image.apply(topic);
    for (std::int32_t i = 0; i < 3; ++i) {
        wire::PartitionRecord p;
        p.topic_id = id;
        p.partition_id = i;
        p.leader = i == 1 ? 2 : 1;
        p.leader_epoch = 4;
        p.partition_epoch = 0;
        p.replicas = p.isr = {1, 2};
        image.apply(p);
    }
    for (const auto& record : lead_anew(image, NodeId{1})) {
        // As it comes back from the log.
        const auto read = model::decode_metadata_record(
            model::encode_metadata_record(record).coalesce_copy().bytes());
        REQUIRE(read.ok());
        REQUIRE(read->has_value());
        image.apply(**read);
    }
    const auto& partitions = image.find("t")->partitions;
    CHECK(partitions[0].leader == NodeId{1});
    CHECK(partitions[0].leader_epoch == Epoch{5});
    CHECK(partitions[0].partition_epoch == 1);
    CHECK(partitions[0].isr == std::vector<std::int32_t>{1, 2});
    CHECK(partitions[1].leader == NodeId{2});
    CHECK(partitions[1].leader_epoch == Epoch{4});
    CHECK(partitions[1].partition_epoch == 0);
    CHECK(partitions[2].leader_epoch == Epoch{5});
    CHECK(lead_anew(image, NodeId{3}).empty());
}

TEST_CASE("a change of a partition that is not there is nothing") {
    model::MetadataImage image;
    wire::PartitionChangeRecord change;
    change.topic_id = Uuid{3, 4};
    change.partition_id = 0;
    change.leader = 1;
    image.apply(change);
    CHECK(image.topics.empty());
}
}  // namespace faultline::logic
