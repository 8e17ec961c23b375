#include "core/model/metadata_image.h"

#include "tests/support/catch.h"

namespace faultline::model {
namespace {
const Uuid kId{.hi = 0x1122334455667788, .lo = 0x99aabbccddeeff00};

wire::TopicRecord topic(std::string name, Uuid id) {
    wire::TopicRecord r;
    r.name = std::move(name);
    r.topic_id = id;
    return r;
}

wire::PartitionRecord partition(Uuid id, std::int32_t index, std::int32_t leader) {
    wire::PartitionRecord r;
    r.topic_id = id;
    r.partition_id = index;
    r.leader = leader;
    r.leader_epoch = 3;
    r.replicas = {leader};
    r.isr = {leader};
    return r;
}

wire::ConfigRecord config(std::string name, std::string key, std::optional<std::string> value) {
    wire::ConfigRecord r;
    r.resource_type = 2;
    r.resource_name = std::move(name);
    r.name = std::move(key);
    r.value = std::move(value);
    return r;
}

std::string hex(const IoBuf& b) {
    std::string out;
    for (const char c : b.copy_string()) {
        const auto u = static_cast<unsigned char>(c);
        out += "0123456789abcdef"[u >> 4];
        out += "0123456789abcdef"[u & 15U];
    }
    return out;
}
}  // namespace

TEST_CASE("a record is framed as Kafka frames it") {
    // Frame version 1, type, version 0, the message, no tagged fields: as in
    // kafka-protocol/vectors/records-metadata.
    CHECK(hex(encode_metadata_record(topic("ab", kId))) ==
          "010200"
          "036162"
          "112233445566778899aabbccddeeff00"
          "00");
    wire::RemoveTopicRecord removal;
    removal.topic_id = kId;
    CHECK(hex(encode_metadata_record(removal)) == "010900112233445566778899aabbccddeeff0000");
}

TEST_CASE("what was encoded is decoded") {
    const MetadataRecord records[] = {topic("t", kId), partition(kId, 4, 2),
                                      config("t", "retention.ms", "5"),
                                      config("t", "retention.ms", std::nullopt)};
    for (const MetadataRecord& r : records) {
        const Slice bytes = encode_metadata_record(r).coalesce_copy();
        const auto back = decode_metadata_record(bytes.bytes());
        REQUIRE(back.ok());
        REQUIRE(back->has_value());
        CHECK(**back == r);
        // Every truncation is refused.
        for (std::size_t n = 0; n < bytes.size(); ++n) {
            CHECK(decode_metadata_record(bytes.bytes().first(n)).code() == Errc::corrupt);
        }
    }
}

TEST_CASE("a record type of another version is passed over") {
    const std::byte noop[] = {std::byte{1}, std::byte{14}, std::byte{0}, std::byte{0}};
    const auto back = decode_metadata_record(noop);
    REQUIRE(back.ok());
    CHECK(!back->has_value());
}

TEST_CASE("topics come and go") {
    MetadataImage image;
    image.apply(topic("t", kId));
    image.apply(partition(kId, 0, 1));
    image.apply(partition(kId, 1, 1));
    image.apply(config("t", "retention.ms", "5"));
    REQUIRE(image.find("t") != nullptr);
    REQUIRE(image.find(kId) == image.find("t"));
    CHECK(image.find("t")->partitions.size() == 2);
    CHECK(image.find("t")->partitions[1].leader == NodeId{1});
    CHECK(image.find("t")->partitions[1].leader_epoch == Epoch{3});
    CHECK(image.find("t")->config.at("retention.ms") == "5");

    image.apply(config("t", "retention.ms", std::nullopt));
    CHECK(image.find("t")->config.empty());

    wire::RemoveTopicRecord removal;
    removal.topic_id = kId;
    image.apply(removal);
    CHECK(image.find("t") == nullptr);
    CHECK(image.find(kId) == nullptr);

    // A new topic of the same name is another topic.
    image.apply(topic("t", Uuid{.hi = 9, .lo = 9}));
    CHECK(image.find("t")->partitions.empty());
    CHECK(image.find(kId) == nullptr);
}

TEST_CASE("producer ids never go back") {
    MetadataImage image;
    wire::ProducerIdsRecord r;
    r.next_producer_id = 2000;
    image.apply(r);
    r.next_producer_id = 1000;
    image.apply(r);
    CHECK(image.next_producer_id == 2000);
}
}  // namespace faultline::model
