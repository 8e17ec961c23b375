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
#include "core/logic/client/in_flight.h"
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
    // Batches of one partition under way at once, as max.in.flight.requests.per.connection, since
    // each request carries one batch; at most 5 with idempotence. Without idempotence more than one
    // may change their order when one is retried.
    std::size_t in_flight = 5;
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

// One fiber per partition: it has a few batches under way (core/logic/client/in_flight.h says which
// may go), and what comes meanwhile gathers into the next ones. With idempotence the order of a
// partition is the order of send(), whatever is retried. For fibers of one shard.
class Producer {
public:
    // Called once for each record that send() took, from a fiber of the producer. A batch's answer
    // may come before that of an earlier one which is sent again. May not park.
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
        wire::KafkaError last = wire::KafkaError::request_timed_out;  // what its failure is called
    };
    struct Sending;  // a batch that was sent
    struct Lane;     // a partition
    using Id = InFlight::Id;
    bool numbers_wanted() const { return config_.idempotence && config_.acks == -1; }
    Lane& lane(const std::string& topic, std::int32_t partition);
    void run(Lane& lane, fiber::StopToken stop);
    // A batch needs no more company.
    bool full(const Lane& lane) const;
    bool may_go(const Lane& lane) const;
    Deadline next_event(const Lane& lane) const;
    // True when some batch was sent, or may be now. Parks.
    bool send_next(Lane& lane, fiber::StopToken stop);
    void no_leader(Lane& lane, Errc why);
    void identify(Lane& lane, const Leader& leader, Deadline deadline, fiber::StopToken stop);
    Id take(Lane& lane);
    void transmit(Lane& lane, Id id, const Leader& leader, fiber::StopToken stop);
    // What has come of those under way. True when there was something.
    bool take_answers(Lane& lane);
    // True: the lane should pause before it sends again.
    bool answered(Lane& lane, Id id, BatchAnswer meaning, std::int64_t offset);
    bool not_answered(Lane& lane, Id id, Error error);
    void pause(Lane& lane);
    void expire(Lane& lane, MonoTime now);
    void give_up_late(Lane& lane, MonoTime now);
    void abandon(Lane& lane);
    void fail(Lane& lane, Id id, BatchVerdict verdict);
    void split(Lane& lane, Id id);
    void answer(const Lane& lane, const Batch& batch, const Delivery& result);

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
