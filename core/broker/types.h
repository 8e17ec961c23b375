// What the shards of a broker say to each other. Values only: they cross shards.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/small_vec.h"
#include "core/env/disk.h"
#include "core/env/shards.h"
#include "core/logic/producer/producer_state.h"
#include "gen/wire/errors.h"

namespace faultline::broker {

struct ProducePart {
    TopicPartition partition;
    IoBuf records;
    std::int16_t acks = -1;
};
struct ProduceAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::int64_t base_offset = -1, log_append_time = -1, log_start = -1;
    // Who leads now, where this node hands on what it is sent; kNoLeader: nobody, or it does not.
    NodeId hand_on{-1};
    std::int64_t end = -1;     // what must be committed before acks=all is answered; -1: nothing
    bool committed = false;    // it is
    std::string_view message;  // a literal
    std::vector<std::int32_t> bad_records;
};

struct FetchPart {
    TopicPartition partition;
    std::int64_t offset = 0;
    std::int32_t leader_epoch = -1;
    std::uint64_t max_bytes = 0;
    // Of a follower's fetch; -1: a consumer's.
    std::int32_t replica = -1;
    std::int64_t replica_epoch = -1;
    std::int32_t last_epoch = -1;  // of the record before `offset`
    std::int64_t log_start = -1;
    std::int64_t known_high_watermark = INT64_MAX;  // told at once of a higher one
    // Of a consumer's (KIP-392): where it stands; empty: it reads here, be that as it may.
    std::string rack;
    bool leader_only = true;
};
struct FetchAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::int64_t high_watermark = -1, log_start = -1;
    SmallVec<FileSlice, 2> slices;
    std::uint64_t bytes = 0;
    std::int32_t diverging_epoch = -1;  // the logs part at `diverging_end` at the latest
    std::int64_t diverging_end = -1;
    std::int32_t preferred = -1;  // the replica that this consumer should read instead
    bool news = false;            // a follower must not wait for this answer
};

struct ListPart {
    TopicPartition partition;
    std::int32_t leader_epoch = -1;
    std::int64_t timestamp = 0;
};
struct ListAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::int64_t timestamp = -1, offset = -1;
    std::int32_t leader_epoch = -1;
};

struct EpochPart {
    TopicPartition partition;
    std::int32_t current_leader_epoch = -1;  // -1: not checked
    std::int32_t leader_epoch = 0;           // the one whose end is asked for
};
struct EpochAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::int32_t leader_epoch = -1;
    std::int64_t end_offset = -1;
};

struct DeletePart {
    TopicPartition partition;
    std::int64_t offset = 0;  // records below it go; -1: those below the high watermark
};
struct DeleteAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::int64_t low_watermark = -1;  // where the logs of all live replicas start
    std::int64_t wanted = -1;         // where they are to start
};

struct ProducersPart {
    TopicPartition partition;
};
struct ProducersAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::vector<logic::ProducerStates::Entry> producers;
};

// What one shard keeps in one log directory.
struct LogDirShare {
    struct Log {
        TopicPartition partition;
        std::uint64_t bytes = 0;
        std::int64_t lag = 0;  // offsets that it lacks of what is committed
    };
    bool failed = false;
    std::vector<Log> logs;  // in order
};

struct CommitPart {
    TopicPartition partition;
    std::int64_t end = 0;
};
}  // namespace faultline::broker

namespace faultline {
// Messages are values; what bytes they hold is counted and immutable.
template <class T>
requires requires(T t) {
    T::key;
    T::info();
}
inline constexpr bool crosses_shards<T> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::ProduceAnswer>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::FetchAnswer>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::ListAnswer>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::EpochAnswer>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::DeleteAnswer>> = true;
template <>
inline constexpr bool crosses_shards<broker::DeleteAnswer> = true;
template <>
inline constexpr bool crosses_shards<std::vector<wire::KafkaError>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::ProducersAnswer>> = true;
template <>
inline constexpr bool crosses_shards<std::vector<broker::LogDirShare>> = true;
}  // namespace faultline
