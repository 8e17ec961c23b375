#include "tests/unit/client/tiny_broker.h"

#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "gen/wire/offset_for_leader_epoch_request.h"
#include "gen/wire/offset_for_leader_epoch_response.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"
#include "gen/wire/request_header.h"
#include "gen/wire/response_header.h"
#include "tests/support/catch.h"

namespace faultline::test {
namespace {
using wire::KafkaError;
constexpr Uuid kTopicId{1, 2};

wire::ApiVersionsResponse answer(TinyBroker& b, Env&, const wire::ApiVersionsRequest&) {
    wire::ApiVersionsResponse r;
    const auto add = [&](wire::ApiKey key) {
        const auto& range = wire::api_info(key).broker;
        auto& api = r.api_keys.emplace_back();
        api.api_key = static_cast<std::int16_t>(key);
        api.min_version = range.low;
        api.max_version = range.high;
    };
    for (const wire::ApiKey key :
         {wire::ApiKey::produce, wire::ApiKey::fetch, wire::ApiKey::metadata,
          wire::ApiKey::list_offsets, wire::ApiKey::api_versions}) {
        add(key);
    }
    if (b.leader_epoch >= 0) add(wire::ApiKey::offset_for_leader_epoch);
    if (b.serves_init_producer_id) add(wire::ApiKey::init_producer_id);
    return r;
}

wire::MetadataResponse answer(TinyBroker& b, Env&, const wire::MetadataRequest& q) {
    ++b.metadatas;
    wire::MetadataResponse r;
    auto& broker = r.brokers.emplace_back();
    broker.node_id = 1;
    broker.host = "broker";
    broker.port = 9092;
    for (const auto& asked : *q.topics) {
        auto& t = r.topics.emplace_back();
        t.name = asked.name;
        if (asked.name != "t") {
            t.error_code = KafkaError::unknown_topic_or_partition;
            continue;
        }
        t.topic_id = kTopicId;
        for (std::int32_t i = 0; i < b.partitions; ++i) {
            auto& p = t.partitions.emplace_back();
            p.partition_index = i;
            p.leader_id = 1;
            p.leader_epoch = b.leader_epoch;
        }
    }
    return r;
}

// Answers for a batch that is not to be appended; takes note of one that is.
bool refused_by_numbers(TinyBroker& b, const wire::BatchHeader& header,
                        wire::ProduceResponse::PartitionProduceResponse& p) {
    const logic::ProducerBatch batch{header.producer_id, header.producer_epoch,
                                     header.base_sequence, header.count};
    const auto verdict = b.numbers.check(batch);
    switch (verdict.check) {
        case logic::ProducerCheck::append: break;
        case logic::ProducerCheck::duplicate: p.base_offset = verdict.first.v; return true;
        case logic::ProducerCheck::out_of_order_sequence:
            p.error_code = KafkaError::out_of_order_sequence_number;
            return true;
        case logic::ProducerCheck::invalid_producer_epoch:
            p.error_code = KafkaError::invalid_producer_epoch;
            return true;
    }
    b.ends.resize(static_cast<std::size_t>(b.partitions));
    const Offset first{b.ends[0]};
    b.numbers.appended(batch, first, first + (header.count - 1), 0, {});
    return false;
}

wire::ProduceResponse answer(TinyBroker& b, Env& env, const wire::ProduceRequest& q) {
    ++b.produces;
    if (b.produce_delay.count() > 0) env.fibers.sleep_until(env.clock.in(b.produce_delay));
    wire::ProduceResponse r;
    const auto& data = q.topic_data[0].partition_data[0];
    auto& t = r.responses.emplace_back();
    t.name = q.topic_data[0].name;
    t.topic_id = q.topic_data[0].topic_id;
    auto& p = t.partition_responses.emplace_back();
    p.index = data.index;
    p.base_offset = -1;
    if (!b.produce_errors.empty()) {
        p.error_code = b.produce_errors.front();
        b.produce_errors.pop_front();
        if (p.error_code != KafkaError::none) return r;
    }
    const Slice flat = data.records.bytes().coalesce_copy();
    if (flat.size() > b.largest_batch) {
        p.error_code = b.refusal_of_size;
        return r;
    }
    auto header = wire::parse_batch_header(flat.bytes());
    if (b.keeps_numbers && refused_by_numbers(b, header, p)) return r;
    b.sequences.push_back(header.base_sequence);
    b.epochs.push_back(header.producer_epoch);
    b.ends.resize(static_cast<std::size_t>(b.partitions));
    std::int64_t& end = b.ends[static_cast<std::size_t>(data.index)];
    header.base_offset = p.base_offset = end;
    header.leader_epoch = b.leader_epoch;
    Slice own = Slice::copy_of(flat.bytes());
    Block* block = Block::allocate(own.size());
    std::copy(own.bytes().begin(), own.bytes().end(), block->data());
    wire::write_batch_header(header, {block->data(), wire::kBatchHeader});
    b.log.push_back(
        {data.index, end, IoBuf{Slice(block, 0, static_cast<std::uint32_t>(own.size()))}});
    end += header.count;
    return r;
}

wire::FetchResponse answer(TinyBroker& b, Env& env, const wire::FetchRequest& q) {
    wire::FetchResponse r;
    bool any = false;
    for (const auto& topic : q.topics) {
        auto& t = r.responses.emplace_back();
        t.topic = topic.topic;
        t.topic_id = topic.topic_id;
        for (const auto& asked : topic.partitions) {
            auto& p = t.partitions.emplace_back();
            p.partition_index = asked.partition;
            if (b.fetch_out_of_range > 0) {
                --b.fetch_out_of_range;
                p.error_code = KafkaError::offset_out_of_range;
                any = true;
                continue;
            }
            if (asked.current_leader_epoch >= 0 && asked.current_leader_epoch < b.leader_epoch) {
                p.error_code = KafkaError::fenced_leader_epoch;
                any = true;
                continue;
            }
            IoBuf records;
            for (const auto& batch : b.log) {
                const auto header = wire::parse_batch_header(batch.bytes.coalesce_copy().bytes());
                if (batch.partition != asked.partition ||
                    header.last_offset() < asked.fetch_offset) {
                    continue;
                }
                records.append(batch.bytes);
            }
            if (b.corrupt_fetch && !records.empty()) {
                std::string bytes = records.copy_string();
                bytes.back() = static_cast<char>(bytes.back() ^ 1);
                records = IoBuf::copy_of(as_bytes(bytes));
            }
            any = any || !records.empty();
            b.ends.resize(static_cast<std::size_t>(b.partitions));
            p.high_watermark = b.ends[static_cast<std::size_t>(asked.partition)];
            p.records = records;
            for (const auto& [producer, first] : b.aborted) {
                auto& one = p.aborted_transactions->emplace_back();
                one.producer_id = producer;
                one.first_offset = first;
            }
        }
    }
    if (!any) env.fibers.sleep_until(env.clock.in(std::chrono::milliseconds(q.max_wait_ms)));
    return r;
}

wire::ListOffsetsResponse answer(TinyBroker& b, Env&, const wire::ListOffsetsRequest& q) {
    wire::ListOffsetsResponse r;
    auto& t = r.topics.emplace_back();
    t.name = q.topics[0].name;
    auto& p = t.partitions.emplace_back();
    p.partition_index = q.topics[0].partitions[0].partition_index;
    b.ends.resize(static_cast<std::size_t>(b.partitions));
    const std::int64_t when = q.topics[0].partitions[0].timestamp;
    p.offset = when == -1 ? b.ends[static_cast<std::size_t>(p.partition_index)] : 0;
    if (when >= 0) p.offset = -1;  // nothing is that young
    return r;
}

wire::OffsetForLeaderEpochResponse answer(TinyBroker& b, Env&,
                                          const wire::OffsetForLeaderEpochRequest& q) {
    ++b.epochs_asked;
    wire::OffsetForLeaderEpochResponse r;
    auto& t = r.topics.emplace_back();
    t.topic = q.topics[0].topic;
    auto& p = t.partitions.emplace_back();
    const auto& asked = q.topics[0].partitions[0];
    p.partition = asked.partition;
    if (asked.current_leader_epoch != b.leader_epoch) {
        p.error_code = KafkaError::fenced_leader_epoch;
        return r;
    }
    p.leader_epoch = asked.leader_epoch;
    p.end_offset = b.ends[static_cast<std::size_t>(asked.partition)];
    for (const auto& [epoch, start] : b.epoch_starts) {
        if (epoch <= asked.leader_epoch) continue;
        p.end_offset = start;
        break;
    }
    return r;
}

wire::InitProducerIdResponse answer(TinyBroker&, Env&, const wire::InitProducerIdRequest&) {
    wire::InitProducerIdResponse r;
    r.producer_id = 77;
    return r;
}
}  // namespace

void TinyBroker::elect(std::int64_t end) {
    epoch_starts.emplace_back(++leader_epoch, end);
    for (std::int64_t& e : ends) e = end;
    std::erase_if(log, [&](const Stored& s) { return s.base_offset >= end; });
}

template <class Req>
std::optional<OutBuf> TinyBroker::run(Env& env, wire::Reader& in, wire::Version version,
                                      std::int32_t correlation) {
    Req request;
    request.decode(in, version);
    CHECK(in.ok());
    CHECK(in.remaining() == 0);
    const auto response = answer(*this, env, request);
    if constexpr (Req::key == wire::ApiKey::produce) {
        if (swallow_produce > 0) {
            --swallow_produce;
            return std::nullopt;
        }
        if (request.acks == 0) return OutBuf{};
    }
    wire::Writer out;
    wire::ResponseHeader header;
    header.correlation_id = correlation;
    header.encode(out, wire::Version{wire::response_header_version(Req::key, version)});
    response.encode(out, version);
    CHECK(out.ok());
    return OutBuf{out.finish().to_iobuf()};
}

std::optional<OutBuf> TinyBroker::dispatch(Env& env, const IoBuf& frame) {
    wire::Reader peek(frame);
    const auto key = static_cast<wire::ApiKey>(peek.i16());
    const wire::Version version{peek.i16()};
    wire::Reader in(frame);
    wire::RequestHeader header;
    header.decode(in, wire::Version{wire::request_header_version(key, version)});
    const std::int32_t id = header.correlation_id;
    switch (key) {
        case wire::ApiKey::api_versions: {
            api_versions_asked.push_back(version.v);
            if (version.v > newest_api_versions) {
                wire::Writer out;
                out.i32(id);
                wire::ApiVersionsResponse refusal;
                refusal.error_code = KafkaError::unsupported_version;
                refusal.encode(out, wire::Version{0});
                return OutBuf{out.finish().to_iobuf()};
            }
            return run<wire::ApiVersionsRequest>(env, in, version, id);
        }
        case wire::ApiKey::metadata: return run<wire::MetadataRequest>(env, in, version, id);
        case wire::ApiKey::produce: return run<wire::ProduceRequest>(env, in, version, id);
        case wire::ApiKey::fetch: return run<wire::FetchRequest>(env, in, version, id);
        case wire::ApiKey::list_offsets: return run<wire::ListOffsetsRequest>(env, in, version, id);
        case wire::ApiKey::offset_for_leader_epoch:
            return run<wire::OffsetForLeaderEpochRequest>(env, in, version, id);
        case wire::ApiKey::init_producer_id:
            return run<wire::InitProducerIdRequest>(env, in, version, id);
        default: return std::nullopt;
    }
}

void TinyBroker::serve_connection(Env& env, Connection& connection, fiber::StopToken stop) {
    rpc::FrameReader frames(connection, 100 << 20);
    while (true) {
        const auto frame = frames.next(Deadline::never(), stop);
        if (!frame.ok()) return;
        auto response = dispatch(env, *frame);
        if (!response) return connection.abort();
        if (response->size() == 0) continue;
        auto out = rpc::make_frame(*std::move(response));
        if (!connection.write(std::move(out), Deadline::never(), stop).ok()) return;
    }
}

void TinyBroker::serve(Env& env, fiber::StopToken stop) {
    auto listener = env.net.listen({"broker", 9092});
    FL_ASSERT(listener.ok());
    fiber::Group group(env.fibers);
    while (true) {
        auto connection = (*listener)->accept(stop);
        if (!connection.ok()) break;
        ++connections;
        group.spawn({.name = "tiny.connection"},
                    [this, &env, c = *std::move(connection)](fiber::StopToken s) {
                        serve_connection(env, *c, s);
                    });
    }
    group.request_stop();
    group.join();
}

std::vector<std::string> TinyBroker::values(std::int32_t partition) const {
    std::vector<std::string> out;
    for (const Stored& batch : log) {
        if (batch.partition != partition) continue;
        auto reader = wire::RecordReader::open(batch.bytes);
        FL_ASSERT(reader.ok());
        while (true) {
            const auto record = reader->next();
            FL_ASSERT(record.ok());
            if (!*record) break;
            out.emplace_back(as_text(*(*record)->value));
        }
    }
    return out;
}
}  // namespace faultline::test
