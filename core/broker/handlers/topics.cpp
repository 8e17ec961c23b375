// DeleteTopics, InitProducerId: decided by the controller.
#include "core/broker/handlers/forward.h"
#include "core/wire/error_map.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"

namespace faultline::broker {

bool handle_delete_topics(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::DeleteTopicsRequest request;
    if (!decode(r, request)) return false;
    auto answer = decide<wire::DeleteTopicsResponse>(context, request);
    // Before version 6 a name is never null.
    for (auto& a : answer.responses) {
        if (r.version.v < 6 && !a.name) a.name.emplace();
    }
    respond(responder, r, answer);
    return true;
}

bool handle_init_producer_id(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::InitProducerIdRequest request;
    if (!decode(r, request)) return false;
    wire::InitProducerIdResponse response;
    if (request.transactional_id) {
        // Transactions need a coordinator, which is another issue's.
        response.error_code = request.transactional_id->empty()
                                  ? wire::KafkaError::invalid_request
                                  : wire::KafkaError::coordinator_not_available;
    } else if (const auto id = context.shard.next_producer_id(); id.ok()) {
        response.producer_id = *id;
    } else {
        response.error_code = wire::to_kafka_error(id.code());
    }
    if (response.error_code != wire::KafkaError::none) response.producer_epoch = -1;
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
