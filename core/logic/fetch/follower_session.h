// A follower's side of a fetch session (KIP-227): what it has to say so that the leader knows all
// that it wants. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <utility>

#include "core/base/ids.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"

namespace faultline::logic {

class FollowerSession {
public:
    // By topic id and index.
    using Wanted = std::map<std::pair<Uuid, std::int32_t>, wire::FetchRequest::FetchPartition>;

    // Sets the session, the topics and the forgotten topics of `request`: all that is wanted, or
    // what differs from the request before. Answered by answered() or lost() before the next one.
    void ask(const Wanted& wanted, wire::FetchRequest& request);
    // False when the leader does not know the session (any more): the next request names all.
    bool answered(const wire::FetchResponse& response);
    // No answer came: what the leader made of the request is not known.
    void lost() noexcept { epoch_ = 0; }

private:
    std::int32_t id_ = 0;     // named with epoch 0 it ends
    std::int32_t epoch_ = 0;  // of the next request; 0: it names all
    Wanted known_;            // to the leader
};
}  // namespace faultline::logic
