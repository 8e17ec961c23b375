// What a broker that shuts down does for producers that still send to it what another leads now: it
// hands their batches on, so that none of them has to find out by an error and wait before it tries
// again. One per shard.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "core/broker/types.h"
#include "core/env/env.h"
#include "core/model/metadata_image.h"
#include "core/rpc/client_conn.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"

namespace faultline::broker {

class HandOver {
public:
    explicit HandOver(Env& env) : env_(env) {}

    // Brings those of `parts` that `answers` says to hand on to their leaders, and puts what the
    // leaders said into `answers`. Parks until then, at most until `deadline`: what its caller
    // sends next for the same partitions must not overtake it. The numbers of the parts that were
    // not taken: nothing more may be handed on for their partitions.
    std::vector<std::size_t> pass_on(const model::MetadataImage& image,
                                     const wire::ProduceRequest& request,
                                     const std::vector<ProducePart>& parts,
                                     std::vector<ProduceAnswer>& answers, Deadline deadline);
    // Nobody may be inside pass_on(). Parks.
    void close();

private:
    using Numbers = std::vector<std::size_t>;
    Result<std::shared_ptr<rpc::ClientConn>> connect(NodeId leader, const Endpoint& endpoint,
                                                     Deadline deadline);
    void pass_to(NodeId leader, const Endpoint& endpoint, wire::ProduceRequest& request,
                 const std::vector<ProducePart>& parts, const model::MetadataImage& image,
                 Numbers left, std::vector<ProduceAnswer>& answers, Deadline deadline);

    Env& env_;
    std::map<NodeId, std::shared_ptr<rpc::ClientConn>> conns_;
    std::vector<std::shared_ptr<rpc::ClientConn>> broken_;  // others may still be inside
};
}  // namespace faultline::broker
