// Any requests, to a live broker: it does not crash, ends at most the connection that sent them,
// and serves the next one. The broker is the production one, in the simulated world.
//
// Input: a byte of flags, then requests: [API u8, of those that are served][version u8][length u16]
// [body]. Flag 1: what follows is sent as it stands, frames and all. Flag 2: in small pieces.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/broker/api_table.h"
#include "core/broker/broker.h"
#include "core/rpc/frame_io.h"
#include "core/wire/reader.h"
#include "gen/wire/api_versions_request.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/request_header.h"
#include "sim/world/world.h"

using namespace faultline;

namespace {
constexpr std::uint8_t kRaw = 1, kPieces = 2;
constexpr std::size_t kMostRequests = 16;

std::string frame_of(std::int16_t api, std::int16_t version, std::string_view body) {
    wire::Writer out;
    wire::RequestHeader header;
    header.request_api_key = api;
    header.request_api_version = version;
    header.correlation_id = 1;
    header.client_id = "fuzz";
    header.encode(out, {wire::request_header_version(wire::ApiKey{api}, {version})});
    const std::string head = out.finish().to_iobuf().copy_string();
    const std::size_t size = head.size() + body.size();
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift);
    return frame + head + std::string(body);
}

template <class Request>
std::string frame_of(std::int16_t version, const Request& request) {
    wire::Writer out;
    request.encode(out, {version});
    return frame_of(static_cast<std::int16_t>(Request::key), version,
                    out.finish().to_iobuf().copy_string());
}

constexpr std::int32_t kMostPartitions = 50;

bool many(const wire::CreateTopicsRequest& request) {
    return std::ranges::any_of(request.topics, [](const auto& t) {
        return t.num_partitions > kMostPartitions || t.assignments.size() > kMostPartitions;
    });
}
bool many(const wire::CreatePartitionsRequest& request) {
    return std::ranges::any_of(request.topics,
                               [](const auto& t) { return t.count > kMostPartitions; });
}

// Thousands of partitions are allowed, and take longer than an input may.
template <class Request>
bool takes_long(wire::ApiKey api, std::int16_t version, std::string_view body) {
    if (api != Request::key) return false;
    const IoBuf bytes = IoBuf::copy_of(as_bytes(body));
    wire::Reader in(bytes);
    Request request;
    request.decode(in, {version});
    return in.ok() && many(request);
}

// What the input asks for, as a byte stream.
std::string stream_of(std::string_view input) {
    std::string out;
    const auto apis = broker::served_apis(false);
    for (std::size_t n = 0; n < kMostRequests && input.size() >= 4; ++n) {
        const auto at = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
        const wire::ApiKey api = apis[at(0) % apis.size()].key;
        const wire::VersionRange range = wire::api_info(api).valid;
        const int versions = range.high - range.low + 1;
        const auto version = static_cast<std::int16_t>(range.low + at(1) % versions);
        const std::size_t size = std::min<std::size_t>(at(2) << 8U | at(3), input.size() - 4);
        const std::string_view body = input.substr(4, size);
        if (!takes_long<wire::CreateTopicsRequest>(api, version, body) &&
            !takes_long<wire::CreatePartitionsRequest>(api, version, body)) {
            out += frame_of(static_cast<std::int16_t>(api), version, body);
        }
        input.remove_prefix(4 + size);
    }
    return out;
}

ConnectionPtr dial(Env& env) {
    while (true) {  // the broker may still be starting
        auto conn = env.net.connect({"n1", 9092}, env.clock.in(5s));
        if (conn.ok()) return *std::move(conn);
        env.fibers.sleep_until(env.clock.in(50ms));
    }
}

void send(Env& env, Connection& conn, std::string_view bytes, std::size_t piece) {
    while (!bytes.empty()) {
        const std::string_view part = bytes.substr(0, piece);
        if (!conn.write(OutBuf(IoBuf::copy_of(as_bytes(part))), env.clock.in(10s)).ok()) return;
        bytes.remove_prefix(part.size());
    }
}

// One request of a client that means well must be answered.
void must_answer(Env& env, const std::string& request) {
    const ConnectionPtr conn = dial(env);
    send(env, *conn, request, request.size());
    rpc::FrameReader reader(*conn, 1U << 20);
    FL_ASSERT(reader.next(env.clock.in(60s)).ok());
}

std::string make_topic() {
    wire::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.num_partitions = 2;
    topic.replication_factor = 1;
    return frame_of(7, request);
}

void hurt(Env& env, const std::string& bytes, std::size_t piece) {
    const ConnectionPtr conn = dial(env);
    send(env, *conn, bytes, piece);
    IoBuf answers;
    const Deadline enough = env.clock.in(2s);
    while (conn->read_some(answers, 64U << 10, enough).ok()) answers.clear();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 5 || size > 4096) return 0;
    const std::uint8_t flags = data[0];
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string bytes = (flags & kRaw) != 0 ? std::string(input) : stream_of(input);

    sim::Recorder recorder;
    sim::World world(1, recorder);
    const NodeId server = world.add_node("n1", 1, [](Env& env, fiber::StopToken stop) {
        broker::BrokerConfig config;
        config.node = NodeId{1};
        config.listeners = {{"PLAINTEXT", {"", 9092}, {"n1", 9092}}};
        config.log_dirs = {"data"};
        // Small enough that an input can reach them.
        config.limits.max_frame = 1U << 20;
        config.request_bytes_per_shard = 2U << 20;
        FL_ASSERT(broker::run_broker(env, config, stop).ok());
    });
    bool finished = false;
    const NodeId client = world.add_node("c1", 1, [&](Env& env, fiber::StopToken) {
        must_answer(env, make_topic());
        hurt(env, bytes, (flags & kPieces) != 0 ? 7 : bytes.size() + 1);
        must_answer(env, frame_of(3, wire::ApiVersionsRequest{}));
        finished = true;
        world.halt();
    });
    world.start(server);
    world.start(client);
    world.run_until(world.now() + 600s);
    FL_ASSERT(finished);
    world.stop(server);
    world.run_until(world.now() + 60s);
    FL_ASSERT(!world.running(server));
    return 0;
}
