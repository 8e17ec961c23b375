// DescribeQuorum (KIP-836), as the leader of the metadata log answers it.
#pragma once
#include "core/controller/quorum.h"
#include "core/env/clock.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"

namespace faultline::controller {
wire::DescribeQuorumResponse describe_quorum(const Quorum& quorum,
                                             const wire::DescribeQuorumRequest& request,
                                             const Clock& clock);
}  // namespace faultline::controller
