// What the metadata log says, as one immutable value: brokers, topics, their partitions and
// configuration. Replaying the log gives it, on every node the same.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/persistent.h"
#include "core/base/result.h"
#include "core/model/config_keys.h"
#include "core/model/partition_image.h"
#include "core/model/partition_index.h"
#include "gen/wire/broker_registration_change_record.h"
#include "gen/wire/config_record.h"
#include "gen/wire/feature_level_record.h"
#include "gen/wire/no_op_record.h"
#include "gen/wire/partition_record.h"
#include "gen/wire/producer_ids_record.h"
#include "gen/wire/register_broker_record.h"
#include "gen/wire/remove_topic_record.h"
#include "gen/wire/topic_record.h"
#include "gen/wire/unregister_broker_record.h"

namespace faultline::model {

// The record types that this version writes; those of Kafka's metadata log.
using MetadataRecord =
    std::variant<wire::TopicRecord, wire::PartitionRecord, wire::PartitionChangeRecord,
                 wire::ConfigRecord, wire::RemoveTopicRecord, wire::ProducerIdsRecord,
                 wire::RegisterBrokerRecord, wire::UnregisterBrokerRecord,
                 wire::BrokerRegistrationChangeRecord, wire::FeatureLevelRecord, wire::NoOpRecord>;

// As it stands in a record's value: frame version, type, version (unsigned varints), then the
// message.
IoBuf encode_metadata_record(const MetadataRecord& record);
// Nothing for a type that this version does not know; corrupt.
Result<std::optional<MetadataRecord>> decode_metadata_record(Bytes value);

struct TopicImage {
    std::string name;
    Uuid id;
    SharedVector<PartitionImage> partitions;  // by index
    ConfigMap config;
    friend bool operator==(const TopicImage&, const TopicImage&) = default;
};
using TopicRef = Shared<TopicImage>;

struct BrokerImage {
    NodeId id;
    std::string host;
    std::uint16_t port = 0;
    std::int64_t epoch = -1;  // of its registration: the offset of the record
    Uuid incarnation;         // of its process
    bool fenced = false;      // it may lead nothing, and clients are not sent to it
    Offset fenced_at{0};      // who has applied all below it knows that
    bool in_controlled_shutdown = false;
    std::optional<std::string> rack{};
    std::vector<Uuid> log_dirs{};
    // Whether a partition may be led there.
    bool active() const noexcept { return !fenced && !in_controlled_shutdown; }
    friend bool operator==(const BrokerImage&, const BrokerImage&) = default;
};

// What a run of records touched.
struct ImageChanges {
    std::set<std::string> topics;  // made, removed, or of another configuration
    // Of other topics: the partitions that were made or changed.
    std::map<std::string, std::set<std::int32_t>> partitions;
    std::set<NodeId> brokers;  // that came, went, or may lead or not
};

// A copy costs the same however large it is, and shares what did not change.
struct MetadataImage {
    std::string cluster_id;
    NodeId controller{-1};                 // not in the log: who clients are told leads the quorum
    SharedVector<BrokerImage, 1> brokers;  // in order of their ids
    SharedMap<std::string, TopicRef> topics;
    SharedMap<Uuid, std::string> names;  // by topic id
    PartitionIndex index;                // by broker
    std::map<std::string, std::int16_t> features;
    ConfigMap broker_defaults;  // cluster-wide configuration
    std::map<std::int32_t, ConfigMap> broker_configs;
    // Of those that something is set of, by name.
    std::map<std::string, ConfigMap, std::less<>> group_configs, client_metrics;
    std::int64_t next_producer_id = 0;
    // All records below it are in here. Set before a batch's records are applied, to its end.
    Offset applied{0};

    const TopicImage* find(std::string_view name) const;
    const TopicImage* find(const Uuid& id) const;
    const BrokerImage* broker(NodeId id) const;
    const BrokerImage* broker(std::int32_t id) const { return broker(NodeId{id}); }
    // Replaying the log is calling this for each record in order. What a record names and is not
    // there is passed over.
    void apply(const MetadataRecord& record, ImageChanges* changes = nullptr);
    // 128 bits over all that the log said: equal on nodes that applied the same records.
    Uuid digest() const;

private:
    std::size_t place_of(NodeId broker) const;
    TopicImage* edit(const Uuid& id);
    BrokerImage* edit_broker(std::int32_t id, std::int64_t epoch);
    void on(const wire::TopicRecord&, ImageChanges*);
    void on(const wire::PartitionRecord&, ImageChanges*);
    void on(const wire::PartitionChangeRecord&, ImageChanges*);
    void on(const wire::ConfigRecord&, ImageChanges*);
    void on(const wire::RemoveTopicRecord&, ImageChanges*);
    void on(const wire::ProducerIdsRecord&, ImageChanges*);
    void on(const wire::RegisterBrokerRecord&, ImageChanges*);
    void on(const wire::UnregisterBrokerRecord&, ImageChanges*);
    void on(const wire::BrokerRegistrationChangeRecord&, ImageChanges*);
    void on(const wire::FeatureLevelRecord&, ImageChanges*);
    void on(const wire::NoOpRecord&, ImageChanges*) {}
    void forget(const TopicImage& topic);

    DigestSum topics_digest_;  // without their partitions
};
}  // namespace faultline::model
