// What the metadata log says, as one immutable value: topics, their partitions and configuration.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/model/config_keys.h"
#include "gen/wire/config_record.h"
#include "gen/wire/partition_change_record.h"
#include "gen/wire/partition_record.h"
#include "gen/wire/producer_ids_record.h"
#include "gen/wire/remove_topic_record.h"
#include "gen/wire/topic_record.h"

namespace faultline::model {

// The record types that this version writes; those of Kafka's metadata log.
using MetadataRecord =
    std::variant<wire::TopicRecord, wire::PartitionRecord, wire::PartitionChangeRecord,
                 wire::ConfigRecord, wire::RemoveTopicRecord, wire::ProducerIdsRecord>;

// As it stands in a record's value: frame version, type, version (unsigned varints), then the
// message.
IoBuf encode_metadata_record(const MetadataRecord& record);
// Nothing for a type that this version does not know; corrupt.
Result<std::optional<MetadataRecord>> decode_metadata_record(Bytes value);

struct PartitionImage {
    NodeId leader;
    Epoch leader_epoch{0};
    std::vector<std::int32_t> replicas, isr;
    std::int32_t partition_epoch = 0;  // counts the changes of this partition
};

struct TopicImage {
    std::string name;
    Uuid id;
    std::vector<PartitionImage> partitions;  // by index
    ConfigMap config;
};

struct BrokerImage {
    NodeId id;
    std::string host;
    std::uint16_t port = 0;
};

struct MetadataImage {
    std::string cluster_id;
    NodeId controller;
    std::vector<BrokerImage> brokers;
    std::map<std::string, TopicImage, std::less<>> topics;
    std::map<Uuid, std::string> names;  // by topic id
    std::int64_t next_producer_id = 0;
    // Not in the log. False while the epochs that a start begins could not be written, for want of
    // space: leaders answer, but take no records.
    bool epochs_begun = true;

    const TopicImage* find(std::string_view name) const;
    const TopicImage* find(const Uuid& id) const;
    // Replaying the log is calling this for each record in order.
    void apply(const MetadataRecord& record);

private:
    PartitionImage* partition(const Uuid& topic, std::int32_t index);
};
}  // namespace faultline::model
