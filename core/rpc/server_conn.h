// One accepted connection: requests are read in order, answered in order, and bounded in number and
// bytes. What cannot be understood closes this connection and no other.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/log.h"
#include "core/env/clock.h"
#include "core/env/net.h"
#include "core/env/probe.h"
#include "core/fiber/sync.h"
#include "core/rpc/frame_io.h"
#include "core/wire/writer.h"
#include "gen/wire/api.h"

namespace faultline::rpc {

struct Request {
    wire::ApiKey api{};
    wire::Version version;
    std::int32_t correlation = 0;
    std::string client_id;
    IoBuf body;  // behind the header; shares the frame
};

// Where the answer to one request goes. Used once, from any fiber of the connection's shard; when
// it is dropped unused the connection closes, because the order of answers could not be kept.
class Responder {
public:
    // Response header and body, without the length.
    void send(OutBuf answer);
    // This request has no answer (Produce with acks=0).
    void none();
    // There is an answer, and it cannot be written down: a defect of ours. The connection logs why
    // and closes.
    void lose(std::string why);

private:
    friend class ServerConnection;
    struct Slot {
        bool done = false;
        bool lost = false;  // nobody is left who could answer
        std::string why;    // it was lost, where that is an error
        OutBuf answer;
        fiber::Semaphore::Units units;        // of the request's bytes, until it is answered
        fiber::Condition* changed = nullptr;  // null once the connection is gone
    };
    // Held by all copies of a responder: the last one gone without an answer loses the slot.
    struct Ticket {
        explicit Ticket(std::shared_ptr<Slot> s) : slot(std::move(s)) {}
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;
        ~Ticket();
        std::shared_ptr<Slot> slot;
    };
    explicit Responder(std::shared_ptr<Slot> slot)
        : ticket_(std::make_shared<Ticket>(std::move(slot))) {}
    std::shared_ptr<Ticket> ticket_;
};

struct ServerLimits {
    std::size_t max_frame = 100U << 20;        // socket.request.max.bytes
    std::size_t max_pending = 100;             // requests without their answer
    Duration idle = std::chrono::minutes(10);  // connections.max.idle.ms
    Duration write_timeout = std::chrono::minutes(2);
    // While others wait for memory, a request that has begun must go on arriving: a 32nd of it in
    // this time.
    Duration stall = std::chrono::seconds(10);
    // How long a connection that we end waits for the peer to read what was answered.
    Duration linger = std::chrono::seconds(1);
};

// What the connections of a shard share.
struct ServerBudget {
    // Bytes of requests that arrive, wait or are answered; how many requests a handler may have at
    // once (queued.max.requests).
    ServerBudget(std::size_t request_bytes, std::size_t requests)
        : bytes(request_bytes), handlers(requests) {}
    fiber::Semaphore bytes, handlers;
};

class ServerConnection {
public:
    // Called in the connection's reader fiber for each request, in order; may park, which holds
    // back the requests behind it. `fibers` is for work that waits: its members are stopped and
    // joined when the connection ends. False when the body could not be understood: the connection
    // closes.
    using Handler = std::function<bool(Request, Responder, fiber::Group& fibers)>;

    // All references must outlive run().
    ServerConnection(ConnectionPtr connection, const ServerLimits& limits, const Clock& clock,
                     fiber::Scheduler& fibers, ServerBudget& budget, probe::Probe probe,
                     Logger& log)
        : connection_(std::move(connection)),
          limits_(limits),
          clock_(clock),
          scheduler_(fibers),
          budget_(budget),
          probe_(probe),
          log_(log) {}

    // Parks until the peer has gone, `stop` is requested, or something was wrong.
    void run(const Handler& handler, fiber::StopToken stop);

private:
    // idle: nothing came; gone: nobody reads answers any more
    enum class Next : std::uint8_t { more, idle, end, gone };
    Next serve_one(const Handler& handler, FrameReader& reader, fiber::Group& fibers, Duration idle,
                   fiber::StopToken stop);
    Result<IoBuf> read_request(std::size_t size, FrameReader& reader, Duration idle,
                               fiber::StopToken stop);
    Next serve_until_quiet(const Handler& handler, FrameReader& reader, fiber::Group& fibers);
    void say_goodbye();
    OutBuf take_answers();
    void write_answers(fiber::StopToken stop);
    void refuse(std::string_view why);
    void give_up();

    ConnectionPtr connection_;
    ServerLimits limits_;
    const Clock& clock_;
    fiber::Scheduler& scheduler_;
    ServerBudget& budget_;
    probe::Probe probe_;
    Logger& log_;
    std::deque<std::shared_ptr<Responder::Slot>> pending_;
    fiber::Condition changed_;
    bool writing_ = false;
    bool broken_ = false;
    bool produces_ = false;
    bool ending_ = false;  // serve_until_quiet()
};

// Splits a frame into header and body. Nothing when the header cannot be read or names no API. An
// ApiVersions request of an unknown version has a header of version 1 in front, whatever follows.
std::optional<Request> parse_request(const IoBuf& frame);
// The header of an answer.
void write_response_header(wire::Writer& out, wire::ApiKey api, wire::Version version,
                           std::int32_t correlation);
}  // namespace faultline::rpc
