// One connection to a broker, seen by a client: pipelined requests, answered in order.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/assert.h"
#include "core/env/env.h"
#include "core/fiber/sync.h"
#include "core/rpc/frame_io.h"
#include "core/wire/message.h"
#include "gen/wire/api.h"

namespace faultline::rpc {

struct ClientConnOptions {
    std::string client_id = "faultline";
    std::size_t max_response = 128U << 20;  // bytes
    std::size_t max_in_flight = 32;         // requests without an answer; more callers park
};

// Any failure of the stream, a late answer included, makes the connection unusable and fails all
// requests under way; the owner then closes it and makes another.
//
// Errors of call() and send():
//  invalid  the broker and we have no common version of this request; nothing was sent
//  busy     the connection was unusable already; nothing was sent
//  timed_out, unreachable, closed, cancelled, corrupt, too_large: what was asked MAY HAVE HAPPENED
class ClientConn {
    struct Pending {
        std::int32_t correlation = 0;
        fiber::Waiter waiter;
        fiber::Condition* changed = nullptr;  // of a posted one that is still listened for
        fiber::Semaphore::Units place;        // until the answer is here
        std::optional<Result<IoBuf>> answer;
        void give(Result<IoBuf> result);
    };

public:
    // A request of post(). Dropped before its answer came, it hears of none; the connection stays.
    class Posted {
    public:
        Posted() = default;
        Posted(Posted&&) noexcept = default;
        Posted& operator=(Posted&& other) noexcept;
        ~Posted() { forget(); }
        // A request was posted, and its answer is not taken yet.
        explicit operator bool() const noexcept { return pending_ != nullptr; }
        // take() will not park: the answer is here, or the connection failed.
        bool answered() const noexcept { return pending_ != nullptr && pending_->answer; }

    private:
        friend class ClientConn;
        Posted(std::shared_ptr<Pending> pending, wire::Version version)
            : pending_(std::move(pending)), version_(version) {}
        void forget() noexcept;
        std::shared_ptr<Pending> pending_;
        wire::Version version_{0};
    };

    ClientConn(fiber::Scheduler& scheduler, ConnectionPtr connection, ClientConnOptions options,
               probe::Probe probe = {});
    // Requires close() before, unless the fibers were killed.
    ~ClientConn();
    ClientConn(const ClientConn&) = delete;
    ClientConn& operator=(const ClientConn&) = delete;

    // Starts the reader fiber and asks for the broker's versions (ApiVersions, KIP-511: falls back
    // to version 0 on UNSUPPORTED_VERSION). Parks. Once, before any call().
    Result<void> start(Deadline deadline, fiber::StopToken stop = {});
    // Parks until the reader fiber is gone. Fails what is under way. May be called again.
    void close();
    bool usable() const noexcept { return !broken_; }

    // The highest version that both sides know, not over `cap`. Nothing when there is none.
    std::optional<wire::Version> common_version(wire::ApiKey key, wire::Version min,
                                                wire::Version max) const;
    template <class Req>
    bool serves() const {
        return common_version(Req::key, Req::min, Req::max).has_value();
    }

    // Sends `request` and parks until its answer. `cap` bounds the version from above.
    template <class Resp, class Req>
    Result<Resp> call(const Req& request, Deadline deadline, fiber::StopToken stop = {},
                      wire::Version cap = Req::max) {
        static_assert(Resp::key == Req::key);
        const auto version = common_version(Req::key, Req::min, std::min(cap, Req::max));
        if (!version) return Error{Errc::invalid, 0, "rpc.no_common_version"};
        FL_TRY(const IoBuf frame,
               exchange(Req::key, *version, Req::info(), &request, deadline, stop));
        Resp response;
        FL_CHECK(decode(frame, Req::key, *version, Resp::info(), &response));
        return response;
    }
    // Sends `request` and parks until it is written, not until its answer: that is told by
    // `changed`, which must outlive the Posted. Requests of one fiber leave in the order of post().
    // Whoever has waited long enough calls give_up().
    template <class Req>
    Result<Posted> post(const Req& request, fiber::Condition& changed, Deadline deadline,
                        fiber::StopToken stop = {}, wire::Version cap = Req::max) {
        const auto version = common_version(Req::key, Req::min, std::min(cap, Req::max));
        if (!version) return Error{Errc::invalid, 0, "rpc.no_common_version"};
        FL_TRY(auto pending,
               begin(Req::key, *version, Req::info(), &request, &changed, deadline, stop));
        return Posted(std::move(pending), *version);
    }
    // The answer of an answered() request of this connection; `posted` is empty afterwards.
    template <class Resp>
    Result<Resp> take(Posted& posted) {
        const Posted taken = std::exchange(posted, {});
        FL_ASSERT(taken.answered());
        FL_TRY(const IoBuf frame, *std::move(taken.pending_->answer));
        Resp response;
        FL_CHECK(decode(frame, Resp::key, taken.version_, Resp::info(), &response));
        return response;
    }
    // An answer is too late: the connection fails with timed_out, and all its requests with it.
    void give_up();
    // Sends a request that gets no answer (Produce with acks=0). Parks until it is written.
    template <class Req>
    Result<void> send(const Req& request, Deadline deadline, fiber::StopToken stop = {},
                      wire::Version cap = Req::max) {
        const auto version = common_version(Req::key, Req::min, std::min(cap, Req::max));
        if (!version) return Error{Errc::invalid, 0, "rpc.no_common_version"};
        return write(Req::key, *version, Req::info(), &request, nullptr, deadline, stop);
    }

private:
    Result<std::shared_ptr<Pending>> begin(wire::ApiKey key, wire::Version version,
                                           const wire::MessageInfo& info, const void* request,
                                           fiber::Condition* changed, Deadline deadline,
                                           fiber::StopToken stop);
    Result<IoBuf> exchange(wire::ApiKey key, wire::Version version, const wire::MessageInfo& info,
                           const void* request, Deadline deadline, fiber::StopToken stop);
    // `pending` joins the queue at the moment its request takes its place in the stream.
    Result<void> write(wire::ApiKey key, wire::Version version, const wire::MessageInfo& info,
                       const void* request, const std::shared_ptr<Pending>& pending,
                       Deadline deadline, fiber::StopToken stop);
    Result<void> decode(const IoBuf& frame, wire::ApiKey key, wire::Version version,
                        const wire::MessageInfo& info, void* response);
    Result<void> negotiate(Deadline deadline, fiber::StopToken stop);
    void read_answers(fiber::StopToken stop);
    void fail(Error error) noexcept;

    ConnectionPtr connection_;
    ClientConnOptions options_;
    probe::Probe probe_;
    fiber::Mutex write_mutex_;
    fiber::Semaphore in_flight_;
    std::deque<std::shared_ptr<Pending>> pending_;  // in the order of the stream
    std::array<wire::VersionRange, 128> ranges_;    // the broker's, by API key
    std::int32_t next_correlation_ = 1;
    bool broken_ = false;
    fiber::Group group_;
};
}  // namespace faultline::rpc
