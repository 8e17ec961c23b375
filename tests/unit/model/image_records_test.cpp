#include "core/model/image_records.h"

#include <algorithm>

#include "core/base/random.h"
#include "tests/support/catch.h"

namespace faultline::model {
namespace {

BrokerIds some_ids(Rng& rng) {
    BrokerIds ids;
    for (std::int32_t id = 1; id <= 5; ++id) {
        if (rng.chance(1, 2)) ids.push_back(id);
    }
    return ids;
}

MetadataRecord config_of(std::int8_t type, std::string name, Rng& rng) {
    wire::ConfigRecord r;
    r.resource_type = type;
    r.resource_name = std::move(name);
    r.name = rng.chance(1, 2) ? "retention.ms" : "segment.bytes";
    if (rng.chance(3, 4)) r.value = std::to_string(rng.below(100));
    return r;
}

MetadataRecord partition_of(const Uuid& topic, std::int32_t leader, Rng& rng) {
    wire::PartitionRecord r;
    r.topic_id = topic;
    r.partition_id = static_cast<std::int32_t>(rng.below(3));
    r.replicas = some_ids(rng);
    r.isr = some_ids(rng);
    r.leader = leader;
    r.leader_epoch = static_cast<std::int32_t>(rng.below(9));
    r.partition_epoch = static_cast<std::int32_t>(rng.below(9));
    r.leader_recovery_state = static_cast<std::int8_t>(rng.below(2));
    if (rng.chance(1, 2)) r.eligible_leader_replicas = some_ids(rng);
    if (rng.chance(1, 2)) r.last_known_elr = some_ids(rng);
    r.adding_replicas = some_ids(rng);
    return r;
}

MetadataRecord registration_of(std::int32_t broker, Rng& rng) {
    wire::RegisterBrokerRecord r;
    r.broker_id = broker;
    r.broker_epoch = static_cast<std::int64_t>(rng.below(3));
    r.incarnation_id = {.hi = 7, .lo = rng.next()};
    r.fenced = rng.chance(1, 2);
    if (rng.chance(1, 2)) r.rack = "r1";
    r.log_dirs = {Uuid{.hi = 3, .lo = rng.next()}};
    auto& e = r.end_points.emplace_back();
    e.name = "PLAINTEXT";
    e.host = "h";
    e.port = 9092;
    return r;
}

// Any record that the log may hold, over few topics and brokers, so that they meet.
MetadataRecord draw(Rng& rng) {
    const Uuid topic{.hi = 1, .lo = 1 + rng.below(4)};
    const std::string name = "t" + std::to_string(topic.lo);
    const auto broker = static_cast<std::int32_t>(1 + rng.below(5));
    switch (rng.below(10)) {
        case 0: {
            wire::TopicRecord r;
            r.name = name;
            r.topic_id = topic;
            return r;
        }
        case 1: return partition_of(topic, broker, rng);
        case 2: {
            wire::PartitionChangeRecord r;
            r.topic_id = topic;
            r.partition_id = static_cast<std::int32_t>(rng.below(3));
            if (rng.chance(1, 2)) r.isr = some_ids(rng);
            if (rng.chance(1, 2)) r.leader = broker;
            if (rng.chance(1, 2)) r.removing_replicas = some_ids(rng);
            return r;
        }
        case 3:
            if (rng.chance(1, 3)) return config_of(rng.chance(1, 2) ? 16 : 32, name, rng);
            return config_of(2, name, rng);
        case 4: return config_of(4, rng.chance(1, 2) ? "" : std::to_string(broker), rng);
        case 5: {
            wire::ProducerIdsRecord r;
            r.next_producer_id = static_cast<std::int64_t>(rng.below(9000));
            return r;
        }
        case 6: return registration_of(broker, rng);
        case 7: {
            wire::BrokerRegistrationChangeRecord r;
            r.broker_id = broker;
            r.broker_epoch = static_cast<std::int64_t>(rng.below(3));
            r.fenced = static_cast<std::int8_t>(static_cast<int>(rng.below(3)) - 1);
            r.in_controlled_shutdown = static_cast<std::int8_t>(rng.below(2));
            return r;
        }
        case 8: {
            wire::FeatureLevelRecord r;
            r.name = rng.chance(1, 2) ? "metadata.version" : "a.feature";
            r.feature_level = static_cast<std::int16_t>(rng.below(4));
            return r;
        }
        default: {
            if (rng.chance(1, 2)) {
                wire::RemoveTopicRecord r;
                r.topic_id = topic;
                return r;
            }
            wire::UnregisterBrokerRecord r;
            r.broker_id = broker;
            r.broker_epoch = static_cast<std::int64_t>(rng.below(3));
            return r;
        }
    }
}

void check_equal(const MetadataImage& a, const MetadataImage& b) {
    REQUIRE(a.digest() == b.digest());
    REQUIRE(a.features == b.features);
    REQUIRE(std::equal(a.names.begin(), a.names.end(), b.names.begin(), b.names.end()));
    REQUIRE(a.broker_defaults == b.broker_defaults);
    REQUIRE(a.broker_configs == b.broker_configs);
    REQUIRE(a.next_producer_id == b.next_producer_id);
    REQUIRE(a.applied == b.applied);
    REQUIRE(a.topics.size() == b.topics.size());
    for (const auto& [name, topic] : a.topics) {
        REQUIRE(b.find(name) != nullptr);
        REQUIRE(*topic == *b.find(name));
    }
    REQUIRE(a.brokers.size() == b.brokers.size());
    for (std::size_t i = 0; i < a.brokers.size(); ++i) {
        BrokerImage one = a.brokers[i], other = b.brokers[i];
        // A snapshot says that a broker is fenced, not since when.
        REQUIRE((!one.fenced || one.fenced_at <= other.fenced_at));
        one.fenced_at = other.fenced_at = Offset{0};
        REQUIRE(one == other);
    }
}
}  // namespace

TEST_CASE("image records: they make the image again, whatever made it") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Rng rng(seed);
        MetadataImage image;
        const auto count = static_cast<int>(rng.below(200));
        for (int i = 1; i <= count; ++i) {
            image.applied = Offset{i};
            image.apply(draw(rng));
        }
        INFO("seed " << seed);
        // Through their bytes, as a snapshot has them.
        std::vector<MetadataRecord> records;
        for (const MetadataRecord& r : image_records(image)) {
            const Slice bytes = encode_metadata_record(r).coalesce_copy();
            const auto back = decode_metadata_record(bytes.bytes());
            REQUIRE(back.ok());
            REQUIRE(back->has_value());
            records.push_back(**back);
        }
        check_equal(image, image_of(records, image.applied));
    }
}

TEST_CASE("image records: the metadata version comes first") {
    MetadataImage image;
    image.features = {{"a.feature", 1}, {"metadata.version", 30}};
    const auto records = image_records(image);
    REQUIRE(records.size() == 2);
    CHECK(std::get<wire::FeatureLevelRecord>(records[0]).name == "metadata.version");
}
}  // namespace faultline::model
