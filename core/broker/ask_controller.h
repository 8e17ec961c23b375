// Asks the active controller, from whichever shard.
#pragma once
#include "core/broker/controller_channel.h"
#include "core/broker/shard.h"

namespace faultline::broker {

inline constexpr Duration kControllerTimeout = std::chrono::seconds(30);

// Parks. As ControllerChannel::ask.
template <class Response, class Request>
Result<Response> ask_controller(Shard& here, Request request,
                                Duration timeout = kControllerTimeout) {
    Env& env = here.env();
    const Deadline deadline = env.clock.in(timeout);
    if (env.shard.v == 0) return here.shared()->channel->template ask<Response>(request, deadline);
    FL_TRY(Result<Response> answer,
           env.shards.call(ShardId{0}, deadline,
                           [shared = here.shared(), request = std::move(request), deadline](Env&) {
                               return shared->channel->template ask<Response>(request, deadline);
                           }));
    return answer;
}
}  // namespace faultline::broker
