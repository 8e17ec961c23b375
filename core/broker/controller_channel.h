// A broker's way to the active controller, wherever that is: in this process or behind a
// connection. Lives on shard 0.
#pragma once
#include <memory>

#include "core/controller/controller.h"
#include "core/rpc/client_conn.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"

namespace faultline::broker {

// Whether the answer says that it came from one who is not the active controller.
template <class Response>
bool not_controller(const Response& r) {
    using wire::KafkaError;
    if constexpr (requires { r.error_code; }) {
        return r.error_code == KafkaError::not_controller;
    } else if constexpr (requires { r.topics; }) {
        return !r.topics.empty() && r.topics.front().error_code == KafkaError::not_controller;
    } else if constexpr (requires { r.responses; }) {
        return !r.responses.empty() && r.responses.front().error_code == KafkaError::not_controller;
    } else {
        return !r.results.empty() && r.results.front().error_code == KafkaError::not_controller;
    }
}

class ControllerChannel {
public:
    ControllerChannel(Env& env, controller::Controller& local) : env_(env), local_(local) {}
    // Parks. Asks again until somebody has decided: a request whose answer was lost may therefore
    // be decided twice. `by_own`: whether the controller of this process was asked last. timed_out,
    // cancelled.
    template <class Response, class Request>
    Result<Response> ask(const Request& request, Deadline deadline, fiber::StopToken stop = {},
                         bool* by_own = nullptr) {
        while (true) {
            if (by_own != nullptr) *by_own = local_.active();
            auto answer = once<Response>(request, deadline, stop);
            if (answer.ok() && !not_controller(*answer)) return answer;
            if (!answer.ok() && answer.code() == Errc::cancelled) return answer.error();
            const auto slept =
                env_.fibers.sleep_until(std::min(deadline, env_.clock.in(kAgain)), stop);
            if (slept == fiber::Wake::cancelled) return Error{Errc::cancelled, 0, "controller.ask"};
            if (env_.clock.now() >= deadline.at) return Error{Errc::timed_out, 0, "controller.ask"};
        }
    }
    // That node is the active controller: who waits for an answer of another one asks there. Never
    // parks.
    void follow(NodeId controller);
    // Parks. Nobody may be inside ask().
    void close();

private:
    static constexpr Duration kAgain = std::chrono::milliseconds(50);
    template <class Response, class Request>
    Result<Response> once(const Request& request, Deadline deadline, fiber::StopToken stop) {
        if (local_.active()) return local_.serve(request);
        FL_TRY(const auto conn, connect(deadline, stop));
        return conn->template call<Response>(request, std::min(deadline, env_.clock.in(kTimeout)),
                                             stop);
    }
    static constexpr Duration kTimeout = std::chrono::seconds(30);
    Result<std::shared_ptr<rpc::ClientConn>> connect(Deadline deadline, fiber::StopToken stop);
    Result<std::shared_ptr<rpc::ClientConn>> dial(const Endpoint& to, Deadline until,
                                                  fiber::StopToken stop);

    Env& env_;
    controller::Controller& local_;
    fiber::Mutex connecting_;
    NodeId to_{-1};     // of conn_
    NodeId tried_{-1};  // last
    // How long the next attempt may take. All that is asked waits for it, heartbeats too, and
    // meanwhile another may be elected: the first ones are as short as is usual here, those that
    // follow have time for a network that has become slow.
    static constexpr Duration kFirstConnect = std::chrono::milliseconds(250);
    Duration usual_ = kFirstConnect, patience_ = kFirstConnect;
    std::shared_ptr<rpc::ClientConn> conn_;
    std::vector<std::shared_ptr<rpc::ClientConn>> old_;  // others may still be inside
};
}  // namespace faultline::broker
