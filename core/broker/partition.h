// A partition that this node leads: its log, what it remembers of its producers, and the high
// watermark. Belongs to one shard.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "core/broker/types.h"
#include "core/env/clock.h"
#include "core/env/probe.h"
#include "core/fiber/sync.h"
#include "core/logic/producer/producer_state.h"
#include "core/model/topic_config.h"
#include "core/storage/partition_log.h"

namespace faultline::broker {

struct PartitionContext {
    NodeId node;
    const Clock& clock;
    fiber::Scheduler& scheduler;
    fiber::Group& fibers;  // of the shard: where syncs are waited for
    probe::Probe probe;
    std::function<void()> advanced;  // the high watermark rose: fetches may go on
};

// Held by shared_ptr: fibers that wait for the disk keep it over a deletion of the topic.
class Partition : public std::enable_shared_from_this<Partition> {
public:
    Partition(PartitionContext& context, storage::LogRef log, Epoch epoch,
              const model::TopicConfig& config);

    // Rebuilds what is known of producers from the log. Parks.
    Result<void> load();
    // `may_append`: false where the epoch could not begin yet; produces are then refused as on a
    // full disk.
    void update(Epoch epoch, bool may_append, const model::TopicConfig& config);

    // As leader: checks, removes duplicates, appends. Parks until the batch is in the page cache.
    // Calls are served in their order.
    ProduceAnswer produce(const IoBuf& records);
    // Parks until the high watermark reaches `end`. request_timed_out, kafka_storage_error.
    wire::KafkaError wait_committed(Offset end, Deadline deadline, fiber::StopToken stop);
    // Up to the high watermark. Parks where the bytes have to be read to be checked.
    FetchAnswer fetch(const FetchPart& part, std::uint64_t max_bytes, bool min_one);
    ListAnswer list(const ListPart& part);
    // Where an epoch ended (OffsetForLeaderEpoch). Never parks.
    EpochAnswer epoch_end(const EpochPart& part) const;
    // DeleteRecords: partition_records.cpp says what it refuses. Parks.
    DeleteAnswer delete_records(const DeletePart& part);
    // DescribeProducers (KIP-664). Never parks.
    ProducersAnswer describe_producers() const;

    Offset high_watermark() const noexcept { return high_watermark_; }
    const storage::LogRef& log() const noexcept { return log_; }
    void expire_producers(Duration idle) { producers_.expire(context_.clock.wall(), idle); }

private:
    wire::KafkaError check_epoch(std::int32_t asked) const;
    void follow_log();
    void advance(Offset to);
    Offset committed() const;
    ProduceAnswer refuse_storage(const Error& error) const;

    PartitionContext& context_;
    storage::LogRef log_;
    Epoch epoch_;
    bool may_append_ = true;
    model::TopicConfig config_;
    logic::ProducerStates producers_;
    fiber::Mutex
        appending_;  // one check-and-append at a time: what is known of producers and the log agree
    fiber::Condition changed_;
    // INV-40  log_start <= high watermark <= log_end, and it never falls while this object lives.
    Offset high_watermark_{0};
    bool following_ = false;
    std::optional<wire::KafkaError> lost_;  // why nothing more will become durable
    probe::PartitionKey key_;
};
}  // namespace faultline::broker
