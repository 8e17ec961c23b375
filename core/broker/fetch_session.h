// Fetch sessions between a handler and the shard that keeps the session: a client that comes back
// by another connection may be served by another shard.
#pragma once
#include "core/broker/shard.h"
#include "gen/wire/fetch_response.h"

namespace faultline::broker {

// Puts what is to be fetched in place of what the request names. Where the answer is refused
// `request.topics` is empty and the plan has the error. Parks when another shard has the session.
logic::FetchPlan begin_fetch(Shard& shard, wire::FetchRequest& request, bool by_id);

// Takes out of the answer to `plan` what the client knows already, and gives it its session. Parks
// as above.
void finish_fetch(Shard& shard, const logic::FetchPlan& plan, wire::FetchResponse& response);
}  // namespace faultline::broker
