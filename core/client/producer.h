// Sends records.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/client/cluster.h"
#include "core/fiber/sync.h"
#include "core/logic/client/partitioner.h"
#include "core/wire/record_batch.h"
#include "gen/wire/produce_response.h"

namespace faultline::client {

struct ProducerConfig {
    std::int16_t acks = -1;  // -1 (all), 1, 0
    wire::Codec codec = wire::Codec::none;
    Duration linger = std::chrono::milliseconds(5);  // how long a batch waits for company
    std::size_t batch_bytes = 256U << 10;            // uncompressed
    std::size_t buffer_bytes = 32U << 20;            // records without an answer; then send() parks
    Duration delivery_timeout = std::chrono::seconds(120);  // from send() to the answer
    // No duplicates by retries (KIP-98), when acks is -1 and the broker serves InitProducerId.
    bool idempotence = true;
};

// Views need to stay valid during send() only.
struct OutRecord {
    std::string topic;
    std::optional<std::int32_t> partition;  // else by key, else the producer's choice
    std::optional<Bytes> key, value;
    std::vector<wire::RecordHeader> headers;
    std::optional<std::int64_t> timestamp;  // ms; else the wall clock at send()
    std::uint64_t tag = 0;                  // given back in Delivery
};

// The answer to one record.
struct Delivery {
    std::uint64_t tag = 0;
    std::int32_t partition = -1;
    std::int64_t offset = -1;  // -1 when failed, with acks=0, or known as a duplicate
    wire::KafkaError error = wire::KafkaError::none;
    // Only with an error: the record may be in the log all the same.
    bool maybe_written = false;
};

// One fiber per partition: it has one batch under way, and what comes meanwhile gathers into the
// next ones, so the order of a partition is the order of send(), whatever is retried. For fibers of
// one shard.
class Producer {
public:
    // Called once for each record that send() took, from a fiber of the producer, in the order of
    // the partition. May not park.
    using OnDelivery = std::function<void(const Delivery&)>;
    Producer(Env& env, ClientConfig client, ProducerConfig config, OnDelivery on_delivery = {});
    // Requires close() before, unless the fibers were killed.
    ~Producer();

    // Takes a record, and returns its partition. Parks for metadata and while the buffer is full.
    //  not_found  the topic or partition is not there
    //  too_large  alone over buffer_bytes
    //  closed     after close()
    //  timed_out, cancelled
    // After an error the record was not taken.
    Result<std::int32_t> send(const OutRecord& record, Deadline deadline,
                              fiber::StopToken stop = {});
    // Parks until every record taken so far has its answer. timed_out, cancelled.
    Result<void> flush(Deadline deadline, fiber::StopToken stop = {});
    // Flushes until `deadline`, then answers what is left with REQUEST_TIMED_OUT. Parks. Once.
    void close(Deadline deadline);
    // Records taken and not answered.
    std::size_t unanswered() const noexcept { return unanswered_; }
    Cluster& cluster() noexcept { return cluster_; }

private:
    struct Batch {
        wire::BatchBuilder builder;
        std::vector<std::uint64_t> tags;
        std::size_t bytes = 0;
        MonoTime opened{}, expires{};
        // Of the lane's producer id, where numbers were given to it before it was split.
        std::int64_t producer_id = -1;
        std::int32_t sequence = -1;
    };
    struct Lane;  // a partition
    struct Attempt {
        wire::KafkaError error = wire::KafkaError::none;
        std::int64_t offset = -1;
        bool sent = true;      // false: surely not in the log
        bool unclear = false;  // no answer: may be in the log
        bool retry = false;
    };
    Lane& lane(const std::string& topic, std::int32_t partition);
    void run(Lane& lane, fiber::StopToken stop);
    bool ready(const Lane& lane) const;
    void deliver(Lane& lane, Batch batch, fiber::StopToken stop);
    // Gives the batch its numbers and its final form.
    Result<IoBuf> seal(Lane& lane, Batch& batch, const Leader& leader, Deadline deadline,
                       fiber::StopToken stop);
    void split(Lane& lane, const Batch& batch, const IoBuf& bytes, fiber::StopToken stop);
    void answer(const Lane& lane, const Batch& batch, const Delivery& result);
    Attempt try_once(Lane& lane, const Leader& leader, const IoBuf& bytes, Deadline deadline,
                     fiber::StopToken stop);
    Attempt judge(const Lane& lane, const wire::ProduceResponse& response) const;
    Result<void> init_producer_id(Lane& lane, Deadline deadline, fiber::StopToken stop);

    Cluster cluster_;
    ProducerConfig config_;
    OnDelivery on_delivery_;
    fiber::Condition changed_;  // room in the buffer, or an answer
    std::map<std::string, Partitioner, std::less<>> partitioners_;
    std::map<std::pair<std::string, std::int32_t>, std::unique_ptr<Lane>> lanes_;
    std::size_t unanswered_ = 0, buffered_ = 0, flushing_ = 0;
    bool closed_ = false;
    fiber::Group group_;
};
}  // namespace faultline::client
