// Reads records of partitions that the caller chose (no consumer group).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/client/cluster.h"
#include "core/wire/record_batch.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"

namespace faultline::client {

enum class OffsetReset : std::uint8_t { beginning, end, fail };

struct ConsumerConfig {
    Duration max_wait = std::chrono::milliseconds(500);  // a long poll at the broker
    std::int32_t min_bytes = 1, max_bytes = 50 << 20, partition_max_bytes = 1 << 20;
    OffsetReset out_of_range = OffsetReset::beginning;
    // Records of transactions that were aborted or are still open are not shown.
    bool read_committed = false;
    std::string rack{};  // client.rack: a replica there is read, where the leader names one
    // metadata.max.age.ms: after so long the leader is asked again for the replica to read.
    Duration replica_age = std::chrono::minutes(5);
};

// Where reading starts.
struct Position {
    enum class Kind : std::uint8_t { offset, beginning, end, timestamp };
    Kind kind = Kind::beginning;
    std::int64_t value = 0;  // the offset, or ms since the epoch
    static Position at(std::int64_t offset) { return {Kind::offset, offset}; }
    static Position beginning() { return {}; }
    static Position end() { return {Kind::end, 0}; }
    // The first record not older; the end when there is none.
    static Position timestamp(std::int64_t ms) { return {Kind::timestamp, ms}; }
};

// A record on its way to the caller: valid during the call of the handler.
struct InRecord {
    const std::string& topic;
    std::int32_t partition;
    const wire::RecordView& record;
};

// For fibers of one shard; one poll() at a time.
class Consumer {
public:
    Consumer(Env& env, ClientConfig client, ConsumerConfig config = {});
    // Requires close() before, unless the fibers were killed.
    ~Consumer() = default;

    // Adds a partition, or moves one.
    void assign(const std::string& topic, std::int32_t partition, Position from);
    void unassign(const std::string& topic, std::int32_t partition);
    // Moves an assigned partition, and leaves it paused if it is. False when it is not assigned.
    bool seek(const std::string& topic, std::int32_t partition, Position to);
    // Until resume() nothing of this partition is fetched or given out; its position stays. False
    // when it is not assigned.
    bool pause(const std::string& topic, std::int32_t partition);
    bool resume(const std::string& topic, std::int32_t partition);

    using Handler = std::function<void(const InRecord&)>;
    // Parks until records came, at most until `deadline`; gives each to `handler` (which may not
    // park) in the order of its partition and returns how many. 0 when the time passed. What fails
    // with a retriable error is tried again until the deadline.
    //  corrupt    a batch fails its checksum or grammar; the position stays before it
    //  not_found  a position is out of range, or what was before it is no longer in the log, and
    //             the policy says fail
    //  invalid    another error of the broker: last_error()
    //  cancelled
    Result<std::size_t> poll(Deadline deadline, fiber::StopToken stop, const Handler& handler);
    // What a partition's answer said last; none when it was fine.
    wire::KafkaError last_error() const noexcept { return last_error_; }
    // Where a damaged batch was met last; poll() says corrupt then. Nothing before the first.
    struct Damaged {
        std::string topic;
        std::int32_t partition;
        std::int64_t offset;
    };
    const std::optional<Damaged>& damaged() const noexcept { return damaged_; }
    // Of the partition named by the last error.
    const std::string& last_error_topic() const noexcept { return last_error_topic_; }

    // The offset of the next record. -1 while not known.
    std::int64_t position(const std::string& topic, std::int32_t partition) const;
    // As of the last answer; -1 before one.
    std::int64_t high_watermark(const std::string& topic, std::int32_t partition) const;
    // Looks an offset up (ListOffsets). Parks. not_found, timed_out, cancelled, invalid.
    Result<std::int64_t> find_offset(const std::string& topic, std::int32_t partition,
                                     Position where, Deadline deadline, fiber::StopToken stop = {});
    Cluster& cluster() noexcept { return cluster_; }
    void close() { cluster_.close(); }

private:
    struct Assigned {
        Position from;
        bool known = false;   // `next` holds
        bool failed = false;  // at the last attempt to reach it
        bool paused = false;
        MonoTime not_before{};
        std::int64_t next = 0, high_watermark = -1;
        // KIP-320: who wrote the record before `next`, and the leader epoch in which `next` was
        // found to be good. -1: not known.
        std::int32_t epoch = -1, leader_epoch = -1;
        // KIP-392: the follower to read, until when. -1: the leader.
        std::int32_t replica = -1;
        MonoTime replica_until{};
        MonoTime leader_until{};  // the follower failed: until then the leader is read
    };
    using Key = std::pair<std::string, std::int32_t>;
    struct Found {
        std::int64_t offset;
        std::int32_t leader_epoch;  // -1: not told
    };
    // find_offset; `once`: unreachable instead of a second attempt.
    Result<Found> look_up(const std::string& topic, std::int32_t partition, Position where,
                          Deadline deadline, fiber::StopToken stop, bool once);
    struct Round {        // one Fetch to one broker
        Leader leader;    // `conn` is of the follower, where one is read
        bool tells_rack;  // so that a leader may name a follower
        std::vector<Key> partitions;
    };
    Result<std::vector<Round>> plan(Deadline deadline, fiber::StopToken stop);
    // Where a partition is read, and from where when that is not known yet. `once`: unreachable
    // instead of a second attempt.
    Result<Leader> find_leader(const Key& key, bool once, Deadline deadline, fiber::StopToken stop);
    // The follower that is read instead, if any.
    void prefer_replica(const Key& key, Leader& leader, Deadline deadline, fiber::StopToken stop);
    void back_to_leader(Assigned& assigned, Duration for_how_long);
    // The leader has changed: asks whether the log still holds what was read. Moves the position to
    // where the logs part, or as the policy says. Parks. As poll().
    Result<void> validate(const Key& key, const Leader& leader, Deadline deadline,
                          fiber::StopToken stop);
    Result<void> truncated(const Key& key, Assigned& assigned, std::int32_t epoch,
                           std::int64_t end);
    Result<std::size_t> fetch(const Round& round, bool may_wait, Deadline deadline,
                              fiber::StopToken stop, const Handler& handler);
    Result<std::size_t> take(const wire::FetchResponse& response, const Handler& handler);
    Result<std::size_t> take_partition(const Key& key, Assigned& assigned,
                                       const wire::FetchResponse::PartitionData& data,
                                       const Handler& handler);
    Result<void> judge(const Key& key, Assigned& assigned, wire::KafkaError error);

    Cluster cluster_;
    ConsumerConfig config_;
    std::map<Key, Assigned> assigned_;
    std::size_t turn_ = 0;
    wire::KafkaError last_error_ = wire::KafkaError::none;
    std::string last_error_topic_;
    std::optional<Damaged> damaged_;
};
}  // namespace faultline::client
