// CreatePartitions (KIP-195): decided by the controller.
#include "core/broker/handlers/forward.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"

namespace faultline::broker {

bool handle_create_partitions(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::CreatePartitionsRequest request;
    if (!decode(r, request)) return false;
    wire::CreatePartitionsResponse answer;
    if (request.timeout_ms > 0) {
        answer = decide<wire::CreatePartitionsResponse>(context, request);
    } else {
        // As Kafka's controller: a deadline that has passed when the request is read.
        fail_all(request, wire::KafkaError::request_timed_out, answer);
    }
    respond(responder, r, answer);
    return true;
}
}  // namespace faultline::broker
