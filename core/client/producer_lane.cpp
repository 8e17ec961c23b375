// What the fiber of a partition does: it sends, hears answers, and sends again.
#include "core/client/producer_lane.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"
#include "gen/wire/produce_request.h"

namespace faultline::client {
namespace {
using wire::KafkaError;
using Fate = BatchVerdict::Fate;
constexpr wire::Version kLastWithNames{12};  // Produce names topics by id from 13 on (KIP-516)

struct PartAnswer {
    KafkaError error = KafkaError::unknown_server_error;
    std::int64_t offset = -1;
};

PartAnswer part_of(const wire::ProduceResponse& response, std::int32_t partition) {
    for (const auto& topic : response.responses) {
        for (const auto& p : topic.partition_responses) {
            if (p.index != partition) continue;
            return {p.error_code, p.error_code == KafkaError::none ? p.base_offset : -1};
        }
    }
    return {};
}

// Adds the records `from` up to `to` of a batch that we made; returns what they cost.
std::size_t copy_records(const IoBuf& bytes, std::size_t from, std::size_t to,
                         wire::BatchBuilder& into) {
    auto reader = wire::RecordReader::open(bytes, false);
    FL_ASSERT(reader.ok());
    std::size_t cost = 0;
    for (std::size_t i = 0; i < to; ++i) {
        const auto next = reader->next();
        FL_ASSERT(next.ok() && *next);
        if (i < from) continue;
        const wire::RecordView& record = **next;
        std::vector<wire::RecordHeader> headers;
        Bytes rest = record.header_bytes;
        for (std::int32_t h = 0; h < record.headers; ++h) {
            const auto header = wire::next_header(rest);
            FL_ASSERT(header.ok());
            headers.push_back({std::string(header->key), {}});
            if (header->value) headers.back().value = std::string(as_text(*header->value));
        }
        into.add(record.timestamp, record.key, record.value, headers);
        cost += kRecordOverhead + (record.key ? record.key->size() : 0) +
                (record.value ? record.value->size() : 0) + header_bytes(headers);
    }
    return cost;
}

bool too_large(KafkaError error) {
    return error == KafkaError::message_too_large || error == KafkaError::record_list_too_large;
}
}  // namespace

std::size_t header_bytes(const std::vector<wire::RecordHeader>& headers) {
    std::size_t bytes = 0;
    for (const auto& h : headers) bytes += h.key.size() + (h.value ? h.value->size() : 0);
    return bytes;
}

bool Producer::full(const Lane& lane) const {
    return lane.queue.size() > 1 || flushing_ > 0 || closed_ ||
           (!lane.queue.empty() && lane.queue.front().bytes >= config_.batch_bytes);
}

// Whether there is something that may be sent, but for a pause.
bool Producer::may_go(const Lane& lane) const {
    const MonoTime now = cluster_.now();
    const bool fresh =
        !lane.queue.empty() && (full(lane) || lane.queue.front().opened + config_.linger <= now);
    if (lane.flight.wants_id()) return fresh || !lane.sending.empty();
    return lane.flight.next_again() || (fresh && lane.flight.may_take());
}

void Producer::run(Lane& lane, fiber::StopToken stop) {
    while (!stop.stop_requested()) {
        const MonoTime now = cluster_.now();
        give_up_late(lane, now);
        (void)take_answers(lane);
        expire(lane, now);
        if (send_next(lane, stop)) continue;
        const Deadline until = next_event(lane);
        (void)lane.changed.wait(until, stop, [&] {
            const auto heard = [](const auto& s) { return s.second.call.answered(); };
            // A record that comes has a linger and an end of its own.
            return std::ranges::any_of(lane.sending, heard) ||
                   (lane.paused_until <= cluster_.now() && may_go(lane)) ||
                   next_event(lane).at < until.at;
        });
    }
    abandon(lane);
}

// When there is something to do without a notice.
Deadline Producer::next_event(const Lane& lane) const {
    MonoTime at = MonoTime::never();
    for (const auto& [id, s] : lane.sending) {
        at = std::min(at, s.batch.expires);
        if (s.call) at = std::min(at, s.answer_by);
    }
    if (may_go(lane)) at = std::min(at, lane.paused_until);
    if (!lane.queue.empty()) {
        const Batch& next = lane.queue.front();
        at = std::min(at, next.expires);
        const MonoTime lingered = next.opened + config_.linger;
        if (lingered > cluster_.now()) at = std::min(at, lingered);
    }
    return {at};
}

bool Producer::send_next(Lane& lane, fiber::StopToken stop) {
    if (lane.paused_until > cluster_.now() || !may_go(lane)) return false;
    MonoTime end = lane.queue.empty() ? MonoTime::never() : lane.queue.front().expires;
    for (const auto& [id, s] : lane.sending) end = std::min(end, s.batch.expires);
    const auto leader = cluster_.leader(lane.topic, lane.partition, {end}, stop);
    // What was heard meanwhile comes first: it may change what is to be sent.
    if (take_answers(lane)) return true;
    if (!leader.ok()) {
        no_leader(lane, leader.code());
        return true;
    }
    if (lane.flight.wants_id()) {
        identify(lane, *leader, {end}, stop);
        return true;
    }
    const auto again = lane.flight.next_again();
    if (again) {
        cluster_.env().probe.reached(probe::Site::producer_retried);
        lane.flight.resent(*again);
    }
    transmit(lane, again ? *again : take(lane), *leader, stop);
    return true;
}

void Producer::no_leader(Lane& lane, Errc why) {
    if (why == Errc::not_found && !lane.queue.empty())
        lane.queue.front().last = KafkaError::unknown_topic_or_partition;
}

void Producer::identify(Lane& lane, const Leader& leader, Deadline deadline,
                        fiber::StopToken stop) {
    if (!leader.conn->serves<wire::InitProducerIdRequest>()) return lane.flight.renounce();
    wire::InitProducerIdRequest request;
    request.transactional_id.reset();
    request.transaction_timeout_ms = INT32_MAX;
    const auto conn = cluster_.any(deadline, stop);
    if (!conn.ok()) return;
    const auto response = (*conn)->call<wire::InitProducerIdResponse>(
        request, cluster_.request_deadline(deadline), stop);
    if (response.ok() && response->error_code == KafkaError::none) {
        lane.failures = 0;
        return lane.flight.identified(response->producer_id, response->producer_epoch);
    }
    if (response.ok() && !wire::is_retriable(response->error_code)) {
        for (const Id id : lane.flight.ids()) {
            lane.sending.at(id).batch.last = response->error_code;
            fail(lane, id, lane.flight.expired(id));
        }
        for (; !lane.queue.empty(); lane.queue.pop_front())
            answer(lane, lane.queue.front(), {.error = response->error_code});
        return;
    }
    pause(lane);
}

Producer::Id Producer::take(Lane& lane) {
    Batch batch = std::move(lane.queue.front());
    lane.queue.pop_front();
    const Id id = lane.flight.take(static_cast<std::int32_t>(batch.tags.size()));
    lane.sending.emplace(id, Sending{.batch = std::move(batch), .bytes = {}});
    return id;
}

void Producer::transmit(Lane& lane, Id id, const Leader& leader, fiber::StopToken stop) {
    Sending& s = lane.sending.at(id);
    const auto numbers = lane.flight.numbers(id);
    if (s.bytes.empty() || s.numbers != numbers) {
        if (!s.bytes.empty()) copy_records(s.bytes, 0, s.batch.tags.size(), s.batch.builder);
        if (numbers.producer_id >= 0)
            s.batch.builder.set_producer(numbers.producer_id, numbers.epoch, numbers.sequence);
        s.bytes = s.batch.builder.finish(config_.codec);
        s.numbers = numbers;
    }
    const Deadline until = cluster_.request_deadline({s.batch.expires});
    wire::ProduceRequest request;
    request.acks = config_.acks;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until.at - cluster_.now());
    request.timeout_ms =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(left.count(), 1, INT32_MAX));
    auto& topic = request.topic_data.emplace_back();
    topic.name = lane.topic;
    topic.topic_id = leader.topic_id;
    auto& partition = topic.partition_data.emplace_back();
    partition.index = lane.partition;
    partition.records = s.bytes;
    const wire::Version cap = leader.topic_id.is_zero() ? kLastWithNames : request.max;

    if (config_.acks == 0) {
        const auto sent = leader.conn->send(request, until, stop, cap);
        const bool later = sent.ok() ? answered(lane, id, BatchAnswer::written, -1)
                                     : not_answered(lane, id, sent.error());
        if (later) pause(lane);
        return;
    }
    auto posted = leader.conn->post(request, lane.changed, until, stop, cap);
    if (!posted.ok()) {
        if (not_answered(lane, id, posted.error())) pause(lane);
        return;
    }
    s.conn = leader.conn;
    s.call = *std::move(posted);
    s.answer_by = until.at;
}

void Producer::give_up_late(Lane& lane, MonoTime now) {
    for (const auto& [id, s] : lane.sending) {
        if (s.call && !s.call.answered() && s.answer_by <= now) s.conn->give_up();
    }
}

bool Producer::take_answers(Lane& lane) {
    bool any = false, later = false;
    for (const Id id : lane.flight.ids()) {
        const auto at = lane.sending.find(id);
        if (at == lane.sending.end() || !at->second.call.answered()) continue;
        any = true;
        const ConnRef conn = std::exchange(at->second.conn, nullptr);
        const auto response = conn->take<wire::ProduceResponse>(at->second.call);
        if (!response.ok()) {
            later = not_answered(lane, id, response.error()) || later;
            continue;
        }
        const PartAnswer part = part_of(*response, lane.partition);
        at->second.batch.last = part.error;
        if (too_large(part.error) && lane.flight.may_split(id)) {
            split(lane, id);
        } else {
            later = answered(lane, id, meaning_of(part.error), part.offset) || later;
        }
    }
    if (later) pause(lane);
    return any;
}

bool Producer::answered(Lane& lane, Id id, BatchAnswer meaning, std::int64_t offset) {
    const std::int16_t epoch = lane.flight.epoch();
    const BatchVerdict verdict = lane.flight.answered(id, meaning);
    if (lane.flight.epoch() != epoch)
        cluster_.env().probe.reached(probe::Site::producer_numbered_anew);
    switch (verdict.fate) {
        case Fate::again: return verdict.pause;
        case Fate::failed: fail(lane, id, verdict); return false;
        case Fate::done: break;
    }
    lane.failures = 0;
    const auto sent = lane.sending.extract(id);
    answer(lane, sent.mapped().batch, {.offset = offset});
    return false;
}

bool Producer::not_answered(Lane& lane, Id id, Error error) {
    KafkaError& last = lane.sending.at(id).batch.last;
    last = KafkaError::network_exception;
    if (error.code == Errc::timed_out) last = KafkaError::request_timed_out;
    if (error.code == Errc::invalid) last = KafkaError::unsupported_version;
    return answered(lane, id,
                    error.code == Errc::invalid ? BatchAnswer::refused_for_good
                    : error.code == Errc::busy  ? BatchAnswer::refused
                                                : BatchAnswer::unclear,
                    -1);
}

void Producer::pause(Lane& lane) {
    cluster_.note_stale(lane.topic);
    lane.paused_until = cluster_.retry_at(++lane.failures);
}

void Producer::expire(Lane& lane, MonoTime now) {
    for (const Id id : lane.flight.ids()) {
        const auto at = lane.sending.find(id);
        if (at == lane.sending.end() || at->second.batch.expires > now) continue;
        const std::int16_t epoch = lane.flight.epoch();
        fail(lane, id, lane.flight.expired(id));
        if (lane.flight.epoch() != epoch)
            cluster_.env().probe.reached(probe::Site::producer_numbered_anew);
    }
    while (!lane.queue.empty() && lane.queue.front().expires <= now) {
        const Batch batch = std::move(lane.queue.front());
        lane.queue.pop_front();
        answer(lane, batch, {.error = batch.last});
    }
}

// close() ran out of time.
void Producer::abandon(Lane& lane) {
    (void)take_answers(lane);
    for (const Id id : lane.flight.ids()) {
        lane.sending.at(id).batch.last = KafkaError::request_timed_out;
        fail(lane, id, lane.flight.expired(id));
    }
    while (!lane.queue.empty()) {
        const Batch batch = std::move(lane.queue.front());
        lane.queue.pop_front();
        answer(lane, batch, {.error = KafkaError::request_timed_out});
    }
}

void Producer::fail(Lane& lane, Id id, BatchVerdict verdict) {
    if (verdict.maybe_written) cluster_.env().probe.reached(probe::Site::producer_gave_up_unclear);
    const auto sent = lane.sending.extract(id);
    answer(lane, sent.mapped().batch,
           {.error = sent.mapped().batch.last, .maybe_written = verdict.maybe_written});
}

// The broker takes no batch of this size: two of half as many records, in order, with the numbers
// that the whole one had.
void Producer::split(Lane& lane, Id id) {
    const auto sent = lane.sending.extract(id);
    const Batch& whole = sent.mapped().batch;
    const std::size_t middle = whole.tags.size() / 2;
    const auto made = lane.flight.split(id, static_cast<std::int32_t>(middle));
    const auto part = [&](Id half, std::size_t from, std::size_t to) {
        Batch b;
        b.opened = whole.opened;
        b.expires = whole.expires;
        b.tags.assign(whole.tags.begin() + static_cast<std::ptrdiff_t>(from),
                      whole.tags.begin() + static_cast<std::ptrdiff_t>(to));
        b.bytes = copy_records(sent.mapped().bytes, from, to, b.builder);
        lane.sending.emplace(half, Sending{.batch = std::move(b), .bytes = {}});
    };
    part(made.first, 0, middle);
    part(made.second, middle, whole.tags.size());
}
}  // namespace faultline::client
