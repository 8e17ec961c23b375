// One shard of a broker: its partitions, its connections, its view of the metadata.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/base/snapshot.h"
#include "core/broker/config.h"
#include "core/broker/connection_slots.h"
#include "core/broker/dynamic_config.h"
#include "core/broker/hand_over.h"
#include "core/broker/partition.h"
#include "core/broker/replica_fetcher.h"
#include "core/broker/types.h"
#include "core/env/env.h"
#include "core/logic/fetch/fetch_sessions.h"
#include "core/model/metadata_image.h"
#include "core/rpc/server_conn.h"
#include "core/storage/log_manager.h"

namespace faultline::controller {
class Controller;
}

namespace faultline::broker {

class ControllerChannel;
class Shard;

// What the shards share: immutable after start-up, but for the slots, of which each belongs to its
// own shard. Reached from another shard only inside a closure posted to the owner.
struct Shared {
    BrokerConfig config;
    std::vector<Shard*> shards;
    ControllerChannel* channel = nullptr;  // of shard 0
    Shard& at(Env& env) const { return *shards[env.shard.v]; }
};
using SharedRef = std::shared_ptr<Shared>;

// What the metadata log says of topics at the start of a broker.
struct KnownTopics {
    Snapshot<model::MetadataImage> image;
    std::shared_ptr<const std::set<Uuid>> removed;  // by id
    bool since_snapshot = false;                    // only those that were removed after a snapshot
};

class Shard {
public:
    Shard(Env& env, SharedRef shared);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    // --- life cycle, in this shard's fibers ------------------------------------------------------
    Result<void> open_logs(std::vector<storage::LogDirState> states);
    // Before the first apply(): removes the logs of topics that are deleted. A topic that the
    // metadata neither has nor has removed: when they began from a snapshot its log is set aside,
    // as Kafka does (...-stray); else they have lost records, and the answer is corrupt, nothing is
    // touched. Parks.
    Result<void> match_logs(const KnownTopics& known);
    // Makes, opens and drops partitions so that they are what `image` says, and gives each its
    // part; only those of topics that changed, but for the first time. Parks. Partitions that
    // cannot be opened answer KAFKA_STORAGE_ERROR.
    void apply(const Snapshot<model::MetadataImage>& image, const model::ImageChanges& changes);
    // The controller believes this node alive until then. Never parks.
    void set_lease(MonoTime until);
    // Another node may lead what this one led.
    bool lease_over() const { return env_.clock.now() >= context_.lease_until; }
    // Whether its disks let this shard's partitions be led: no directory failed, no sync that takes
    // longer than `limit`. Never parks.
    bool healthy(Duration limit) const;
    // A broker whose connection broke a moment ago, though the image says that it lives; this node
    // itself, when its lease is over.
    bool seems_gone(NodeId broker) const;
    // Parks until `ready` holds of a newer image, or the deadline.
    template <class Ready>
    void wait_for_image(Ready ready, Deadline deadline, fiber::StopToken stop) {
        (void)image_changed_.wait(deadline, stop, ready);
    }
    // The real endpoint of each listener of the configuration, in order.
    Result<std::vector<Endpoint>> listen(const std::vector<Endpoint>& at);
    void start_accepting();
    // Serves what controllers and brokers ask of a controller, at its own listener. On shard 0.
    Result<Endpoint> listen_as_controller(const Endpoint& at, controller::Controller& controller);
    // --- a controlled shutdown, in this order (Broker::stop)
    // Appends wait from now on, until then or until another leads. Never parks.
    void hold_appends(MonoTime until);
    // Parks until all that was appended is committed, where another could lead, or the deadline.
    void wait_settled(Deadline deadline);
    HandOver& hand_over() noexcept { return hand_over_; }
    // The next leader did not take what was handed on: from now on producers are told.
    void hand_on_no_more(const TopicPartition& partition);
    // Ends the connections of clients and followers, each when nothing is under way on it. Who
    // connects again is served, after a moment in which whoever knows another broker has asked that
    // one who leads. Never parks: all shards begin before one is waited for.
    void end_connections();
    // Parks until those are gone.
    void wait_connections_ended();
    // Nobody is let in any more, and all connections are told to end. Parks for no longer than an
    // accept takes.
    void stop_accepting();
    // The same, and parks until the connections are gone.
    void close_clients();
    // Ends connections, waits for what is under way, closes the logs. `broker_epoch` goes into the
    // clean mark. Parks.
    Result<void> stop(std::int64_t broker_epoch);
    // For a shard that lives in a fiber of its own: parks there until end() is called.
    void wait_for_end();
    void end();

    // --- work on partitions, by whichever shard owns them; all park
    // -------------------------------
    std::vector<ProduceAnswer> produce(const std::vector<ProducePart>& parts, Deadline deadline);
    std::vector<wire::KafkaError> wait_committed(const std::vector<CommitPart>& parts,
                                                 Deadline deadline, fiber::StopToken stop);
    std::vector<FetchAnswer> fetch(const std::vector<FetchPart>& parts, std::uint64_t max_bytes,
                                   Deadline deadline);
    std::vector<ListAnswer> list(const std::vector<ListPart>& parts, Deadline deadline);
    std::vector<EpochAnswer> epoch_ends(const std::vector<EpochPart>& parts, Deadline deadline);
    // Partition::wait_deleted, wherever it is.
    DeleteAnswer wait_deleted(const TopicPartition& partition, std::int64_t wanted,
                              Deadline deadline, fiber::StopToken stop);
    // Parks until some partition of this node may have more to read.
    Result<void> wait_for_data(std::uint64_t seen, Deadline deadline, fiber::StopToken stop);
    std::uint64_t data_version() const noexcept { return data_version_; }

    // Brings where the logs of all shards start to disk. Parks.
    Result<void> write_log_starts();
    // A producer id that nobody has. Parks; as the controller's answers.
    Result<std::int64_t> next_producer_id();

    const Snapshot<model::MetadataImage>& image() const noexcept { return image_; }
    // What clients are told. A broker that hands over names itself as the leader to the last: told
    // of another while its requests are under way here, librdkafka waits for up to a second.
    const Snapshot<model::MetadataImage>& told() const noexcept {
        return farewell_ ? *farewell_ : image_;
    }
    const BrokerConfig& config() const noexcept { return shared_->config; }
    // What topics have that set nothing themselves: it changes while the broker runs.
    const model::TopicConfig& topic_defaults() const noexcept { return dynamic_.topic_defaults; }
    storage::LogManager& logs() noexcept { return *logs_; }
    logic::FetchSessions& fetch_sessions() noexcept { return fetch_sessions_; }
    Env& env() noexcept { return env_; }
    ShardId owner(const TopicPartition& partition) const;
    // A partition of this shard; null, with why, when it is not served here. Never parks.
    std::shared_ptr<Partition> find(const TopicPartition& partition, wire::KafkaError& error);
    const SharedRef& shared() const noexcept { return shared_; }

private:
    // Does `what` where the checkpoint files are kept. Parks; timed_out, cancelled: going down.
    Result<void> at_primary(std::function<Result<void>(storage::LogManager&)> what);
    void retry_unavailable();
    void configure(const model::MetadataImage& image);
    void apply_topic(const model::MetadataImage& image, const std::string& name);
    void apply_partition(const model::MetadataImage& image, const TopicPartition& tp);
    void drop(const TopicPartition& partition);
    void open_partition(const model::MetadataImage& image, const model::TopicImage& topic,
                        std::int32_t index);
    void accept(Listener& listener, controller::Controller* controller, fiber::StopToken stop);
    void wait_to_return(fiber::StopToken stop);
    void serve(ConnectionPtr connection, controller::Controller* controller, fiber::StopToken stop);
    Result<ConnectionSlots::Answer> ask_for_slot(const std::string& host);
    bool take_slot(const std::string& host, fiber::StopToken stop);
    void give_slot_back(const std::string& host);
    void data_arrived();
    // shard_replication.cpp
    void follow_leader(const model::MetadataImage& image, const std::shared_ptr<Partition>& p);
    void unfollow(const TopicPartition& partition);
    void follow_broker(const model::MetadataImage& image, NodeId broker);
    void leader_seen(NodeId leader, bool seen);
    // The follower that the consumer of `part` should read; -1: none.
    std::int32_t read_replica(const logic::LeaderState& leader, const FetchPart& part) const;
    bool alive(NodeId broker) const;
    // Divides the node's rates of KIP-73 between its shards.
    void share_throttles(const model::MetadataImage& image);
    void watch_leaders(fiber::StopToken stop);
    void keep_isr(fiber::StopToken stop);
    void propose_isr(fiber::StopToken stop);

    Env& env_;
    SharedRef shared_;
    std::unique_ptr<storage::LogManager> logs_;
    fiber::Group background_;  // syncs under way
    fiber::Group accepting_, connections_, returned_, controller_connections_;
    bool ended_connections_ = false;  // end_connections()
    HandOver hand_over_;
    std::uint64_t served_connections_ = 0;
    PartitionContext context_;
    DynamicConfig dynamic_;
    std::map<TopicPartition, std::shared_ptr<Partition>> partitions_;
    std::map<TopicPartition, wire::KafkaError> unavailable_;  // ours, but without a log
    // Of leaders here, by node, and whom each partition follows.
    std::map<NodeId, std::shared_ptr<ReplicaFetcher>> fetchers_;
    std::map<TopicPartition, NodeId> followed_;
    std::map<NodeId, MonoTime> suspects_;  // until when
    std::set<TopicPartition> isr_news_;    // of these an ISR may have to change
    fiber::Condition isr_changed_;
    std::int64_t id_next_ = 0,
                 id_end_ = 0;  // producer ids of the block that was allocated; shard 0
    fiber::Mutex allocating_;
    bool applied_once_ = false;
    fiber::Mutex applying_;  // partitions are opened and dropped by one fiber at a time
    Snapshot<model::MetadataImage> image_;
    std::optional<Snapshot<model::MetadataImage>> farewell_;
    fiber::Condition image_changed_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::unique_ptr<Listener> controller_listener_;
    ConnectionSlots slots_;  // of the node; shard 0's counts
    rpc::ServerBudget budget_, quorum_budget_;
    logic::FetchSessions fetch_sessions_;
    fiber::Condition data_;
    std::uint64_t data_version_ = 0;
    bool telling_ = false;  // a notice to the other shards is under way
    bool ended_ = false;
    fiber::Condition end_;
};
}  // namespace faultline::broker
