// Brings the partitions of one shard that follow the same leader up to it: one connection, one
// fetch under way, as a Kafka follower does it.
#pragma once
#include <map>
#include <memory>
#include <optional>

#include "core/broker/partition.h"
#include "core/env/env.h"
#include "core/logic/fetch/follower_session.h"
#include "core/model/partition_index.h"
#include "core/rpc/client_conn.h"
#include "gen/wire/fetch_request.h"

namespace faultline::broker {

struct FetcherConfig {
    Duration wait = std::chrono::milliseconds(500);     // replica.fetch.wait.max.ms
    Duration backoff = std::chrono::milliseconds(100);  // replica.fetch.backoff.ms
    Duration timeout = std::chrono::seconds(30);        // replica.socket.timeout.ms, at most
    std::int32_t max_bytes = 10 << 20;                  // replica.fetch.response.max.bytes
    std::int32_t partition_max_bytes = 1 << 20;         // replica.fetch.max.bytes
    // The leader is to tell a higher high watermark at once: consumers read this replica (KIP-392).
    bool hurry_high_watermark = false;
    // Brings the starts of all logs of this node to disk. Parks.
    std::function<Result<void>()> write_log_starts{};
};

// Held by shared_ptr: its fiber keeps it until it has ended.
class ReplicaFetcher : public std::enable_shared_from_this<ReplicaFetcher> {
public:
    // `broker_epoch`: of this node's registration, told with each fetch (KIP-903).
    // `seen`: whether the leader is there. False as soon as the connection breaks, for its process
    // may have gone with it.
    ReplicaFetcher(Env& env, const FetcherConfig& config, NodeId leader, Endpoint endpoint,
                   std::function<std::int64_t()> broker_epoch, std::function<void(bool)> seen);
    void start(fiber::Group& fibers);
    // The partition follows that leader; an epoch that began is fetched for at once. Never parks.
    void add(std::shared_ptr<Partition> partition);
    void remove(const TopicPartition& partition);
    // Ends the fiber as soon as it can. Never parks.
    void stop();
    bool empty() const noexcept { return partitions_.empty(); }
    const Endpoint& endpoint() const noexcept { return endpoint_; }
    // Its leader has not answered for much longer than a fetch may wait there: it may hang.
    bool overdue() const;

private:
    struct Followed {
        std::shared_ptr<Partition> partition;
        MonoTime not_before{};
        Epoch epoch{-1};   // for which it was added
        Duration pause{};  // before the next attempt, when the last one was too early
    };
    struct Asked {
        std::shared_ptr<Partition> partition;
        Partition::NextFetch next;
    };
    void run(fiber::StopToken stop);
    Result<void> round(fiber::StopToken stop);
    Result<void> connect(fiber::StopToken stop);
    using AskedOf = std::map<model::PartitionId, Asked>;
    wire::FetchRequest request(AskedOf& asked);
    void take(const wire::FetchResponse& response, const AskedOf& asked, fiber::StopToken stop);
    void write_starts();
    void put_off(Followed& followed, wire::KafkaError error);
    MonoTime next_due() const;

    Env& env_;
    FetcherConfig config_;
    NodeId leader_;
    Endpoint endpoint_;
    std::function<std::int64_t()> broker_epoch_;
    std::function<void(bool)> seen_;
    std::map<TopicPartition, Followed> partitions_;
    std::shared_ptr<rpc::ClientConn> conn_;
    logic::FollowerSession session_;
    fiber::Condition changed_;
    std::optional<fiber::StopSource> interrupt_;  // of the fetch under way
    std::optional<MonoTime> silent_since_;        // what was asked of it has no answer since
    // For connecting, and for an answer beyond the time that a fetch may wait there: an answer that
    // was lost, with a leader that is well, should not cost the whole time-out.
    Duration patience_;
    bool stopping_ = false;
    bool starts_moved_ = false;  // of some partition since they were written
};
}  // namespace faultline::broker
