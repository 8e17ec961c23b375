// A broker in the simulated world and a client that speaks in frames of its own making.
#pragma once
#include <functional>

#include "core/broker/broker.h"
#include "core/wire/record_batch.h"
#include "gen/wire/request_header.h"
#include "gen/wire/response_header.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

namespace faultline::broker::test {

struct Bench {
    explicit Bench(std::function<void(BrokerConfig&)> tune = {}, unsigned shards = 1,
                   std::uint64_t seed = 1)
        : world(seed, recorder) {
        server = world.add_node("n1", shards, [this, tune](Env& env, fiber::StopToken stop) {
            BrokerConfig config;
            config.node = NodeId{1};
            config.listeners = {{"PLAINTEXT", {"", 9092}, {"n1", 9092}}};
            config.log_dirs = {"data"};
            if (tune) tune(config);
            ended = run_broker(env, config, stop);
        });
        world.start(server);
    }
    // Runs `body` in a client node until it returns; at most an hour of virtual time.
    void run(std::function<void(Env&)> body) {
        bool finished = false;
        const NodeId client =
            world.add_node("c" + std::to_string(++clients), 1, [&](Env& env, fiber::StopToken) {
                body(env);
                finished = true;
                world.halt();
            });
        world.start(client);
        world.run_until(world.now() + 3600s);
        REQUIRE(finished);
    }
    void stop() {
        world.stop(server);
        world.run_until(world.now() + 60s);
        REQUIRE(!world.running(server));
        REQUIRE(ended.ok());
    }
    sim::Recorder recorder;
    sim::World world;
    NodeId server{};
    int clients = 0;
    Result<void> ended;
};

class Client {
public:
    explicit Client(Env& e, std::uint16_t port = 9092)
        : env(e), conn(dial(e, port)), reader_(*conn, 256U << 20) {}

    template <class Request>
    void send(std::int16_t version, const Request& request) {
        wire::Writer out;
        wire::RequestHeader header;
        header.request_api_key = static_cast<std::int16_t>(Request::key);
        header.request_api_version = version;
        header.correlation_id = ++sent_;
        header.client_id = "test";
        header.encode(out, {wire::request_header_version(Request::key, {version})});
        request.encode(out, {version});
        REQUIRE(out.ok());
        raw(rpc::make_frame(OutBuf(out.finish().to_iobuf())));
    }
    // One that has no answer.
    template <class Request>
    void send_silent(std::int16_t version, const Request& request) {
        send(version, request);
        ++received_;
    }
    void raw(OutBuf bytes) { CHECK(conn->write(std::move(bytes), env.clock.in(60s)).ok()); }
    // Of the oldest request that has none yet.
    template <class Response>
    Response receive(std::int16_t version, Duration timeout = 120s) {
        auto frame = reader_.next(env.clock.in(timeout));
        REQUIRE(frame.ok());
        wire::Reader in(*frame);
        wire::ResponseHeader header;
        header.decode(in, {wire::response_header_version(Response::key, {version})});
        CHECK(header.correlation_id == ++received_);
        Response response;
        response.decode(in, {version});
        REQUIRE(in.ok());
        CHECK(in.remaining() == 0);
        return response;
    }
    template <class Response, class Request>
    Response call(std::int16_t version, const Request& request) {
        send(version, request);
        return receive<Response>(version);
    }
    // Whether anything came, an answer or the end of the connection.
    bool heard(Duration timeout) {
        return reader_.next(env.clock.in(timeout)).code() != Errc::timed_out;
    }
    bool closed(Duration timeout = 120s) {
        const auto frame = reader_.next(env.clock.in(timeout));
        return frame.code() == Errc::closed || frame.code() == Errc::unreachable;
    }
    Env& env;
    ConnectionPtr conn;

private:
    // The broker may still be starting.
    static ConnectionPtr dial(Env& e, std::uint16_t port) {
        for (int i = 0; i < 100; ++i) {
            auto c = e.net.connect({"n1", port}, e.clock.in(5s));
            if (c.ok()) return *std::move(c);
            e.fibers.sleep_until(e.clock.in(100ms));
        }
        FL_UNREACHABLE();
    }
    rpc::FrameReader reader_;
    std::int32_t sent_ = 0, received_ = 0;
};

inline IoBuf batch(Env& env, std::vector<std::string> values, std::int64_t producer = -1,
                   std::int32_t sequence = -1, std::int64_t timestamp = -1,
                   wire::Codec codec = wire::Codec::none) {
    wire::BatchBuilder b;
    if (timestamp < 0) timestamp = env.clock.wall().ms;
    for (const auto& v : values) b.add(timestamp, std::nullopt, as_bytes(v));
    if (producer >= 0) b.set_producer(producer, 0, sequence);
    return b.finish(codec);
}

inline std::vector<std::string> values_of(const wire::Records& records) {
    std::vector<std::string> out;
    if (records.is_null()) return out;
    for (const IoBuf& one : wire::split_batches(records.bytes())) {
        auto reader = wire::RecordReader::open(one);
        REQUIRE(reader.ok());
        while (true) {
            const auto r = reader->next();
            REQUIRE(r.ok());
            if (!*r) break;
            out.emplace_back(as_text(*(*r)->value));
        }
    }
    return out;
}
}  // namespace faultline::broker::test
