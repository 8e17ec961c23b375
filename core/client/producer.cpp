#include "core/client/producer.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"
#include "gen/wire/produce_request.h"

namespace faultline::client {
namespace {
using wire::KafkaError;
constexpr wire::Version kLastWithNames{12};  // Produce names topics by id from 13 on (KIP-516)
constexpr std::size_t kRecordOverhead = 32;

// Sequence numbers go round after the largest int32.
std::int32_t after(std::int32_t sequence, std::size_t records) {
    return static_cast<std::int32_t>(
        (static_cast<std::int64_t>(sequence) + static_cast<std::int64_t>(records)) & INT32_MAX);
}

std::size_t header_bytes(const std::vector<wire::RecordHeader>& headers) {
    std::size_t bytes = 0;
    for (const auto& h : headers) bytes += h.key.size() + (h.value ? h.value->size() : 0);
    return bytes;
}

// The broker's answer does not say whether the records are in its log.
bool leaves_unclear(KafkaError e) {
    return e == KafkaError::request_timed_out || e == KafkaError::unknown_server_error ||
           e == KafkaError::not_enough_replicas_after_append ||
           e == KafkaError::kafka_storage_error;
}

// The producer's numbering is lost; a new producer id starts another.
bool loses_sequence(KafkaError e) {
    return e == KafkaError::out_of_order_sequence_number || e == KafkaError::unknown_producer_id ||
           e == KafkaError::invalid_producer_epoch;
}
}  // namespace

struct Producer::Lane {
    std::string topic;
    std::int32_t partition = 0;
    std::deque<Batch> queue;
    fiber::Condition filled;
    bool busy = false;  // a batch is under way
    // Idempotence. -1: none yet.
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t next_sequence = 0;
};

Producer::Producer(Env& env, ClientConfig client, ProducerConfig config, OnDelivery on_delivery)
    : cluster_(env, std::move(client)),
      config_(config),
      on_delivery_(std::move(on_delivery)),
      group_(env.fibers) {}

Producer::~Producer() = default;

Producer::Lane& Producer::lane(const std::string& topic, std::int32_t partition) {
    auto& slot = lanes_[{topic, partition}];
    if (!slot) {
        slot = std::make_unique<Lane>();
        slot->topic = topic;
        slot->partition = partition;
        group_.spawn({.name = "producer.partition"},
                     [this, made = slot.get()](fiber::StopToken stop) { run(*made, stop); });
    }
    return *slot;
}

Result<std::int32_t> Producer::send(const OutRecord& record, Deadline deadline,
                                    fiber::StopToken stop) {
    if (closed_) return Error{Errc::closed, 0, "producer.send"};
    FL_TRY(const std::int32_t count, cluster_.partitions(record.topic, deadline, stop));
    if (record.partition && (*record.partition < 0 || *record.partition >= count)) {
        return Error{Errc::not_found, 0, "producer.partition"};
    }
    const std::size_t bytes = kRecordOverhead + (record.key ? record.key->size() : 0) +
                              (record.value ? record.value->size() : 0) +
                              header_bytes(record.headers);
    if (bytes > config_.buffer_bytes) return Error{Errc::too_large, 0, "producer.record"};
    FL_CHECK(changed_.wait(deadline, stop,
                           [&] { return closed_ || buffered_ + bytes <= config_.buffer_bytes; }));
    if (closed_) return Error{Errc::closed, 0, "producer.send"};

    std::int32_t partition = 0;
    if (record.partition) {
        partition = *record.partition;
    } else {
        auto& chooser = partitioners_.try_emplace(record.topic, config_.batch_bytes).first->second;
        partition = chooser.choose(record.key, bytes, count, cluster_.rng());
    }
    Lane& to = lane(record.topic, partition);
    const Clock& clock = cluster_.env().clock;
    if (to.queue.empty() || to.queue.back().bytes + bytes > config_.batch_bytes) {
        Batch& fresh = to.queue.emplace_back();
        fresh.opened = clock.now();
        fresh.expires = clock.in(config_.delivery_timeout).at;
    }
    Batch& batch = to.queue.back();
    batch.builder.add(record.timestamp.value_or(clock.wall().ms), record.key, record.value,
                      record.headers);
    batch.tags.push_back(record.tag);
    batch.bytes += bytes;
    buffered_ += bytes;
    ++unanswered_;
    if (batch.tags.size() == 1 || ready(to)) to.filled.notify_all();
    return partition;
}

bool Producer::ready(const Lane& lane) const {
    return lane.queue.size() > 1 || flushing_ > 0 || closed_ ||
           (!lane.queue.empty() && lane.queue.front().bytes >= config_.batch_bytes);
}

void Producer::run(Lane& lane, fiber::StopToken stop) {
    while (true) {
        if (!lane.filled.wait(Deadline::never(), stop, [&] { return !lane.queue.empty(); }).ok()) {
            break;
        }
        const Deadline lingered{lane.queue.front().opened + config_.linger};
        (void)lane.filled.wait(lingered, stop, [&] { return ready(lane); });
        Batch batch = std::move(lane.queue.front());
        lane.queue.pop_front();
        FL_INVARIANT(60, !lane.busy);
        lane.busy = true;
        deliver(lane, std::move(batch), stop);
        lane.busy = false;
    }
    while (!lane.queue.empty()) {  // close() ran out of time: these were never sent
        const Batch batch = std::move(lane.queue.front());
        lane.queue.pop_front();
        answer(lane, batch, {.error = KafkaError::request_timed_out});
    }
}

Result<IoBuf> Producer::seal(Lane& lane, Batch& batch, const Leader& leader, Deadline deadline,
                             fiber::StopToken stop) {
    if (config_.idempotence && config_.acks == -1 && lane.producer_id < 0 &&
        leader.conn->serves<wire::InitProducerIdRequest>()) {
        FL_CHECK(init_producer_id(lane, deadline, stop));
    }
    if (lane.producer_id >= 0) {
        if (batch.producer_id != lane.producer_id) {
            batch.producer_id = lane.producer_id;
            batch.sequence = lane.next_sequence;
            lane.next_sequence = after(batch.sequence, batch.tags.size());
        }
        batch.builder.set_producer(lane.producer_id, lane.producer_epoch, batch.sequence);
    }
    return batch.builder.finish(config_.codec);
}

void Producer::deliver(Lane& lane, Batch batch, fiber::StopToken stop) {
    const Deadline deadline{batch.expires};
    bool unclear = false;
    IoBuf bytes;
    Attempt last{.error = KafkaError::request_timed_out};
    for (std::uint32_t attempt = 1;; ++attempt) {
        auto leader = cluster_.leader(lane.topic, lane.partition, deadline, stop);
        if (!leader.ok()) {
            if (leader.code() == Errc::not_found && attempt == 1) {
                last.error = KafkaError::unknown_topic_or_partition;
            }
            break;
        }
        if (bytes.empty()) {
            auto sealed = seal(lane, batch, *leader, deadline, stop);
            if (!sealed.ok()) break;
            bytes = *std::move(sealed);
        }
        if (attempt > 1) cluster_.env().probe.reached(probe::Site::producer_retried);
        last = try_once(lane, *leader, bytes, deadline, stop);
        unclear = unclear || last.unclear;
        if (!last.retry) break;
        cluster_.note_stale(lane.topic);
        if (!cluster_.back_off(attempt, deadline, stop).ok()) break;
    }
    if (last.error == KafkaError::none || last.error == KafkaError::duplicate_sequence_number) {
        answer(lane, batch, {.offset = last.offset});
        return;
    }
    if (last.error == KafkaError::message_too_large && batch.tags.size() > 1 && !unclear) {
        split(lane, batch, bytes, stop);
        return;
    }
    if (unclear) cluster_.env().probe.reached(probe::Site::producer_gave_up_unclear);
    // A gap in the numbers would make the broker refuse the next batch: start anew.
    if (batch.producer_id >= 0 && !bytes.empty()) {
        cluster_.env().probe.reached(probe::Site::producer_numbered_anew);
        lane.producer_id = -1;
    }
    answer(lane, batch, {.error = last.error, .maybe_written = unclear});
}

// The broker takes no batch of this size: two of half as many records, in order, with the numbers
// that the whole one had.
void Producer::split(Lane& lane, const Batch& batch, const IoBuf& bytes, fiber::StopToken stop) {
    Batch halves[2];
    const std::size_t middle = batch.tags.size() / 2;
    auto reader = wire::RecordReader::open(bytes, false);
    FL_ASSERT(reader.ok());  // we made it
    for (std::size_t i = 0; i < batch.tags.size(); ++i) {
        const auto next = reader->next();
        FL_ASSERT(next.ok() && *next);
        const wire::RecordView& record = **next;
        std::vector<wire::RecordHeader> headers;
        Bytes rest = record.header_bytes;
        for (std::int32_t h = 0; h < record.headers; ++h) {
            const auto header = wire::next_header(rest);
            FL_ASSERT(header.ok());
            headers.push_back({std::string(header->key), {}});
            if (header->value) headers.back().value = std::string(as_text(*header->value));
        }
        Batch& half = halves[i < middle ? 0 : 1];
        half.builder.add(record.timestamp, record.key, record.value, headers);
        half.tags.push_back(batch.tags[i]);
        half.bytes += kRecordOverhead + (record.key ? record.key->size() : 0) +
                      (record.value ? record.value->size() : 0) + header_bytes(headers);
    }
    for (Batch& half : halves) {
        half.opened = batch.opened;
        half.expires = batch.expires;
        half.producer_id = batch.producer_id;
    }
    halves[0].sequence = batch.sequence;
    halves[1].sequence = after(batch.sequence, middle);
    for (Batch& half : halves) deliver(lane, std::move(half), stop);
}

void Producer::answer(const Lane& lane, const Batch& batch, const Delivery& result) {
    Delivery one = result;
    one.partition = lane.partition;
    for (const std::uint64_t tag : batch.tags) {
        one.tag = tag;
        if (on_delivery_) on_delivery_(one);
        if (one.offset >= 0) ++one.offset;
    }
    unanswered_ -= batch.tags.size();
    buffered_ -= batch.bytes;
    changed_.notify_all();
}

Producer::Attempt Producer::try_once(Lane& lane, const Leader& leader, const IoBuf& bytes,
                                     Deadline deadline, fiber::StopToken stop) {
    const Deadline until = cluster_.request_deadline(deadline);
    wire::ProduceRequest request;
    request.acks = config_.acks;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until.at - cluster_.env().clock.now());
    request.timeout_ms =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(left.count(), 1, INT32_MAX));
    auto& topic = request.topic_data.emplace_back();
    topic.name = lane.topic;
    topic.topic_id = leader.topic_id;
    auto& partition = topic.partition_data.emplace_back();
    partition.index = lane.partition;
    partition.records = bytes;
    const wire::Version cap = leader.topic_id.is_zero() ? kLastWithNames : request.max;

    const auto broken = [](const Error& e) {
        Attempt a{.error = KafkaError::network_exception};
        if (e.code == Errc::timed_out) a.error = KafkaError::request_timed_out;
        if (e.code == Errc::invalid) a.error = KafkaError::unsupported_version;
        a.sent = e.code != Errc::busy && e.code != Errc::invalid;
        a.unclear = a.sent;
        a.retry = e.code != Errc::invalid && e.code != Errc::cancelled;
        return a;
    };
    if (config_.acks == 0) {
        const auto sent = leader.conn->send(request, until, stop, cap);
        return sent.ok() ? Attempt{} : broken(sent.error());
    }
    const auto response = leader.conn->call<wire::ProduceResponse>(request, until, stop, cap);
    return response.ok() ? judge(lane, *response) : broken(response.error());
}

Producer::Attempt Producer::judge(const Lane& lane, const wire::ProduceResponse& response) const {
    for (const auto& topic : response.responses) {
        for (const auto& p : topic.partition_responses) {
            if (p.index != lane.partition) continue;
            Attempt a{.error = p.error_code};
            if (a.error == KafkaError::none) a.offset = p.base_offset;
            a.unclear = leaves_unclear(a.error);
            a.retry = a.error != KafkaError::none && !loses_sequence(a.error) &&
                      wire::is_retriable(a.error);
            return a;
        }
    }
    return {.error = KafkaError::unknown_server_error, .unclear = true};
}

Result<void> Producer::init_producer_id(Lane& lane, Deadline deadline, fiber::StopToken stop) {
    wire::InitProducerIdRequest request;
    request.transactional_id.reset();
    request.transaction_timeout_ms = INT32_MAX;
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const ConnRef conn, cluster_.any(deadline, stop));
        const auto response = conn->call<wire::InitProducerIdResponse>(
            request, cluster_.request_deadline(deadline), stop);
        if (response.ok() && response->error_code == KafkaError::none) {
            lane.producer_id = response->producer_id;
            lane.producer_epoch = response->producer_epoch;
            lane.next_sequence = 0;
            return {};
        }
        if (response.ok() && !wire::is_retriable(response->error_code)) {
            return Error{Errc::invalid, 0, "producer.init_producer_id"};
        }
        FL_CHECK(cluster_.back_off(attempt, deadline, stop));
    }
}

Result<void> Producer::flush(Deadline deadline, fiber::StopToken stop) {
    struct Flushing {
        std::size_t& n;
        explicit Flushing(std::size_t& count) : n(count) { ++n; }
        ~Flushing() { --n; }
    } flushing(flushing_);
    for (auto& [key, lane] : lanes_) lane->filled.notify_all();
    return changed_.wait(deadline, stop, [this] { return unanswered_ == 0; });
}

void Producer::close(Deadline deadline) {
    closed_ = true;
    changed_.notify_all();
    (void)flush(deadline);
    group_.request_stop();
    group_.join();
    FL_INVARIANT(61, unanswered_ == 0 && buffered_ == 0);
    cluster_.close();
}
}  // namespace faultline::client
