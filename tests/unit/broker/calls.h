// The requests that most tests make.
#pragma once
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/offset_for_leader_epoch_request.h"
#include "gen/wire/offset_for_leader_epoch_response.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"
#include "tests/unit/broker/bench.h"

namespace faultline::broker::test {
using wire::KafkaError;

inline Uuid create(Client& c, const std::string& name, std::int32_t partitions,
                   std::vector<std::pair<std::string, std::string>> configs = {}) {
    wire::CreateTopicsRequest request;
    wire::CreateTopicsRequest::CreatableTopic topic;
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    for (auto& [key, value] : configs) topic.configs.push_back({key, value, {}});
    request.topics.push_back(std::move(topic));
    const auto answer = c.call<wire::CreateTopicsResponse>(7, request);
    REQUIRE(answer.topics.at(0).error_code == KafkaError::none);
    return answer.topics[0].topic_id;
}

inline wire::MetadataRequest all_topics() {
    wire::MetadataRequest request;
    request.topics.reset();
    return request;
}

inline KafkaError remove(Client& c, const std::string& name) {
    wire::DeleteTopicsRequest request;
    request.topic_names = {name};
    request.timeout_ms = 30'000;
    return c.call<wire::DeleteTopicsResponse>(5, request).responses.at(0).error_code;
}

inline wire::ProduceRequest produce_request(const std::string& topic, std::int32_t partition,
                                            IoBuf records) {
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    request.topic_data.resize(1);
    request.topic_data[0].name = topic;
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].index = partition;
    request.topic_data[0].partition_data[0].records = std::move(records);
    return request;
}

inline wire::ProduceResponse::PartitionProduceResponse produce(Client& c, const std::string& topic,
                                                               std::int32_t partition,
                                                               IoBuf records) {
    return c.call<wire::ProduceResponse>(9, produce_request(topic, partition, std::move(records)))
        .responses.at(0)
        .partition_responses.at(0);
}

inline wire::FetchRequest fetch_request(const std::string& topic, std::int32_t partition,
                                        std::int64_t offset) {
    wire::FetchRequest request;
    request.min_bytes = 0;
    request.max_bytes = 1 << 20;
    request.topics.resize(1);
    request.topics[0].topic = topic;
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].partition = partition;
    request.topics[0].partitions[0].fetch_offset = offset;
    request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
    return request;
}

inline wire::FetchResponse::PartitionData fetch(Client& c, const std::string& topic,
                                                std::int32_t partition, std::int64_t offset) {
    return c.call<wire::FetchResponse>(12, fetch_request(topic, partition, offset))
        .responses.at(0)
        .partitions.at(0);
}

inline wire::OffsetForLeaderEpochResponse::EpochEndOffset epoch_end(Client& c,
                                                                    const std::string& topic,
                                                                    std::int32_t epoch,
                                                                    std::int32_t current = -1) {
    wire::OffsetForLeaderEpochRequest request;
    request.replica_id = -1;
    request.topics.resize(1);
    request.topics[0].topic = topic;
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].current_leader_epoch = current;
    request.topics[0].partitions[0].leader_epoch = epoch;
    return c.call<wire::OffsetForLeaderEpochResponse>(4, request).topics.at(0).partitions.at(0);
}

inline wire::ListOffsetsResponse::ListOffsetsPartitionResponse list(Client& c,
                                                                    const std::string& topic,
                                                                    std::int32_t partition,
                                                                    std::int64_t timestamp) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    request.topics.resize(1);
    request.topics[0].name = topic;
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].partition_index = partition;
    request.topics[0].partitions[0].timestamp = timestamp;
    return c.call<wire::ListOffsetsResponse>(7, request).topics.at(0).partitions.at(0);
}
}  // namespace faultline::broker::test
