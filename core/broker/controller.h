// The active controller of a node that is its own quorum: decides, writes to the metadata log, and
// hands the new image to every shard before it answers. Lives on shard 0.
#pragma once
#include "core/base/random.h"
#include "core/broker/shard.h"
#include "core/controller/metadata_log.h"
#include "core/fiber/sync.h"
#include "core/logic/controller/topics.h"

namespace faultline::broker {

class Controller {
public:
    Controller(Env& env, SharedRef shared);
    // Replays the metadata log. Parks. corrupt, io.
    Result<void> open(storage::LogManager& logs);
    // Begins a leader epoch for each partition of this node. Once, before publish(). Without space
    // for it the node serves in the old ones and takes no records until retry_epochs() has
    // succeeded: a start must not need space, retention may have to make some. Parks. io.
    Result<void> begin_epochs();
    // Parks.
    void retry_epochs();
    // Where clients reach this node; part of the image, not of the log.
    void set_broker(model::BrokerImage broker);
    const model::MetadataImage& image() const noexcept { return image_; }
    // What a shard has to know to tell the log of a deleted topic from one that was forgotten.
    KnownTopics known_topics() const { return {Snapshot(image_, version_), removed_}; }
    // Brings the image to every shard and waits until each has applied it. Parks.
    void publish();

    // One at a time; each parks until its records are durable and applied everywhere.
    Result<wire::CreateTopicsResponse> create_topics(const wire::CreateTopicsRequest& request);
    Result<wire::DeleteTopicsResponse> delete_topics(const wire::DeleteTopicsRequest& request);
    Result<wire::CreatePartitionsResponse> create_partitions(
        const wire::CreatePartitionsRequest& request);
    Result<std::int64_t> next_producer_id();

private:
    Result<void> commit(const std::vector<model::MetadataRecord>& records);

    Env& env_;
    SharedRef shared_;
    controller::MetadataLog log_;
    model::MetadataImage image_;
    std::uint64_t version_ = 0;
    fiber::Mutex deciding_;  // a decision is made on the image that the one before it left
    std::shared_ptr<const std::set<Uuid>> removed_;  // before this start
    std::int64_t id_next_ = 0, id_end_ = 0;          // producer ids of the block that is allocated
};
}  // namespace faultline::broker
