// DescribeQuorum (KIP-836), as the leader of the metadata log answers it; nobody else can
// (Errc::fenced). Whether this node is the active controller may be known later than that it leads
// no more: a disk may be in between.
#pragma once
#include "core/controller/quorum.h"
#include "core/env/clock.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"

namespace faultline::controller {
Result<wire::DescribeQuorumResponse> describe_quorum(const Quorum& quorum,
                                                     const wire::DescribeQuorumRequest& request,
                                                     const Clock& clock);
}  // namespace faultline::controller
