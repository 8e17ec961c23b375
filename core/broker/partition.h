// A partition that this node holds a replica of: its log, the high watermark, and its part: leader
// or follower. Belongs to one shard.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "core/broker/types.h"
#include "core/env/clock.h"
#include "core/env/probe.h"
#include "core/fiber/sync.h"
#include "core/logic/producer/producer_state.h"
#include "core/logic/producer/refused_batches.h"
#include "core/logic/replica/leader_state.h"
#include "core/logic/replica/throttle.h"
#include "core/model/metadata_image.h"
#include "core/model/topic_config.h"
#include "core/storage/log_cleaner.h"
#include "core/storage/partition_log.h"
#include "gen/wire/fetch_response.h"

namespace faultline::broker {

struct PartitionContext {
    NodeId node;
    const Clock& clock;
    fiber::Scheduler& scheduler;
    fiber::Group& fibers;  // of the shard: where syncs are waited for
    probe::Probe probe;
    std::function<void()> advanced;  // there is more to read: fetches may go on
    std::function<void(const TopicPartition&)> isr_news;  // its leader may have to propose
    Duration max_lag{};                                   // replica.lag.time.max.ms
    // Who should be read by the consumer that asks; -1: the leader. Empty: always the leader.
    std::function<std::int32_t(const logic::LeaderState&, const FetchPart&)> read_replica{};
    std::function<bool(NodeId)> alive{};  // a broker that is not fenced
    // Of this shard: for what replicas that are not in sync take from here, and take elsewhere.
    logic::ThrottleBucket leader_throttle{}, follower_throttle{};
    // Until then the controller believes this node alive; afterwards another may lead.
    MonoTime lease_until = MonoTime::never();
    bool others = false;  // there are other brokers: clients may come from one of them
};

// What the image says of a partition, for this node.
struct PartitionPlan {
    Uuid topic_id;
    NodeId leader;
    logic::PartitionView view;
    model::TopicConfig config;
};

// Held by shared_ptr: fibers that wait for the disk keep it over a deletion of the topic.
class Partition : public std::enable_shared_from_this<Partition> {
public:
    Partition(PartitionContext& context, storage::LogRef log, const PartitionPlan& plan);

    // After the constructor, once somebody holds it. Never parks.
    void begin() { follow_log(); }
    // Takes the part that the image gives to this node. Waits for an append under way: what it
    // wrote belongs to the epoch before. Parks.
    void update(const PartitionPlan& plan);

    // As leader: checks, removes duplicates, appends. Parks until the batch is in the page cache.
    // Calls are served in their order. `acks` as in Produce.
    ProduceAnswer produce(const IoBuf& records, std::int16_t acks);
    // Parks until the high watermark reaches `end`. request_timed_out, kafka_storage_error,
    // not_leader_or_follower.
    wire::KafkaError wait_committed(Offset end, Deadline deadline, fiber::StopToken stop);
    // A consumer's up to the high watermark that this replica knows, a follower's up to the log
    // end. Parks where the bytes have to be read to be checked.
    FetchAnswer fetch(const FetchPart& part, std::uint64_t max_bytes, bool min_one);
    ListAnswer list(const ListPart& part);
    // Where an epoch ended (OffsetForLeaderEpoch). Never parks.
    EpochAnswer epoch_end(const EpochPart& part) const;
    // DeleteRecords: partition_records.cpp says what it refuses. Deletes here; the answer says how
    // far the live replicas are. Parks.
    DeleteAnswer delete_records(const DeletePart& part);
    // Parks until the logs of the live replicas start at `wanted` or later. request_timed_out,
    // not_leader_or_follower.
    DeleteAnswer wait_deleted(std::int64_t wanted, Deadline deadline, fiber::StopToken stop);
    // Brokers came or went, or the lease ends earlier than it did: who waits looks again. Never
    // parks.
    void look_again() { changed_.notify_all(); }
    // DescribeProducers (KIP-664). Never parks.
    ProducersAnswer describe_producers() const;

    // --- as a follower (partition_follower.cpp)
    // ----------------------------------------------------
    struct NextFetch {
        Uuid topic_id;
        std::int32_t leader_epoch = 0;
        std::int64_t offset = 0, log_start = 0, high_watermark = 0;
        std::int32_t last_epoch = -1;
    };
    // What to ask `leader` for; nothing when this node does not follow it. Never parks.
    std::optional<NextFetch> next_fetch(NodeId leader) const;
    // The rate at which this node copies is used up, and this replica is behind. Never parks.
    bool must_wait_for_rate() const;
    // What came of that. Appends, or cuts what the leader does not have. False: try again later.
    // Parks until it is written, not until it is durable.
    bool take_fetched(const NextFetch& asked, const wire::FetchResponse::PartitionData& data);
    // Deleted records do not come back with the next leader, not after a power loss either: the
    // leader is told where the log starts when that is on disk. This is what is to be brought
    // there, since the leader said so; start_written() says that it was. Neither parks.
    std::optional<Offset> unwritten_start() const { return unwritten_start_; }
    void start_written(Offset start);
    // Parks until all that was taken is as safe as its acknowledgement needs.
    void wait_safe(fiber::StopToken stop);

    // --- as the leader (partition_leader.cpp)
    // -----------------------------------------------------
    std::optional<logic::IsrProposal> propose_isr(
        const std::function<bool(std::int32_t, std::int64_t)>& may_join);
    // The controller's answer to it; nothing when none came.
    void isr_answered(std::optional<wire::KafkaError> error);
    MonoTime next_isr_check() const;
    // This node is about to go (controlled shutdown): until then appends wait for the next leader.
    // Nothing happens where nobody else could lead. Never parks.
    void hold_appends(MonoTime until);
    bool holds_appends() const { return leader_ && context_.clock.now() < held_until_; }
    // Parks until all that was appended is committed; timed_out.
    Result<void> wait_settled(Deadline deadline);
    // What one producer sent was not taken by the next leader: what it sends later may not be
    // either, or its order is lost.
    void hand_on_no_more() noexcept { settled_ = false; }

    bool leads() const noexcept { return leader_.has_value(); }
    NodeId leader() const noexcept { return plan_.leader; }
    const Uuid& topic_id() const noexcept { return plan_.topic_id; }
    Epoch epoch() const noexcept { return plan_.view.epoch; }
    std::int32_t partition_epoch() const noexcept { return plan_.view.partition_epoch; }
    Offset high_watermark() const noexcept { return high_watermark_; }
    const storage::LogRef& log() const noexcept { return log_; }
    // Since when the oldest sync that is waited for is under way.
    std::optional<MonoTime> syncing_since() const noexcept { return syncing_since_; }
    // What compaction must know of this partition (LogManager::set_cleaning_facts).
    storage::CleaningFacts cleaning_facts() const;
    void expire_producers(Duration idle) { log_->expire_producers(idle); }

private:
    wire::KafkaError check_epoch(std::int32_t asked_epoch) const;
    wire::KafkaError check_leader(std::int32_t asked_epoch) const;
    void let_news_spread() const;
    bool lease_over() const;
    bool is_committed(Offset end) const;
    Result<void> wait_in_lease(Deadline deadline, fiber::StopToken stop,
                               const std::function<bool()>& over);
    bool earlier_may_come(const logic::ProducerBatch& batch) const;
    // partition_leader.cpp
    void take_part(const PartitionPlan& plan);
    void lead(const PartitionPlan& plan);
    void follow(const PartitionPlan& plan);
    void take_config(const model::TopicConfig& config);
    wire::KafkaError recode(wire::CheckedBatch& batch) const;
    ProduceAnswer take_produced(const IoBuf& records, std::int16_t acks);
    std::optional<wire::KafkaError> too_early(const logic::ProducerBatch& batch,
                                              logic::ProducerCheck check) const;
    bool held_back(NodeId follower) const;
    FetchAnswer fetch_as_follower(const FetchPart& part, std::uint64_t max_bytes, bool min_one);
    void tell_isr() const;
    fiber::Mutex::Guard turn_to_append();
    ProduceAnswer refuse_as_follower(wire::KafkaError error) const;
    // partition_follower.cpp
    Result<void> append_fetched(const IoBuf& records, Offset leaders_high_watermark);
    Result<void> cut_to(Offset to);
    bool follow_high_watermark(const wire::FetchResponse::PartitionData& data);
    bool follow_log_start(Offset start);
    std::int64_t low_watermark() const;

    void follow_log();
    void advance(Offset to);
    Offset held() const;  // what this replica counts as holding
    ProduceAnswer refuse_storage(const Error& error) const;

    PartitionContext& context_;
    storage::LogRef log_;
    PartitionPlan plan_;
    std::optional<logic::LeaderState> leader_;  // while this node leads
    logic::RefusedBatches refused_;
    // One check-and-append, cut or change of part at a time: what is known of producers, the epoch
    // and the log agree.
    fiber::Mutex appending_;
    fiber::Condition changed_;
    // INV-40  log_start <= high watermark <= log_end; it never falls while this node keeps its
    // part.
    Offset high_watermark_{0};
    bool following_ = false;
    bool caught_up_ = false;                                            // as the leader said last
    bool throttled_as_leader_ = false, throttled_as_follower_ = false;  // KIP-73
    int deleting_ = 0;  // requests that wait for followers to delete records
    // As a follower: where the log starts on disk, too; and where it starts since the leader said
    // so.
    Offset written_start_;
    std::optional<Offset> unwritten_start_;
    MonoTime held_until_{};  // appends wait: hold_appends()
    // It ceased to lead while they did, and all that it had appended was committed.
    bool settled_ = false;
    MonoTime deposed_{};  // when this node ceased to lead
    MonoTime reign_began_{};
    std::optional<MonoTime> syncing_since_;
    std::optional<wire::KafkaError> lost_;  // why nothing more will become durable
    probe::PartitionKey key_;
};
}  // namespace faultline::broker
