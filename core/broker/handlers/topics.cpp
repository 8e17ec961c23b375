// CreateTopics, DeleteTopics, InitProducerId: decided by the controller.
#include "core/broker/handlers/respond.h"
#include "core/wire/error_map.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"

namespace faultline::broker {

bool handle_create_topics(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::CreateTopicsRequest request;
    if (!decode(r, request)) return false;
    auto response = context.shard.create_topics(request);
    if (response.ok()) {
        respond(responder, r, *response);
        return true;
    }
    wire::CreateTopicsResponse failed;
    for (const auto& t : request.topics) {
        wire::CreateTopicsResponse::CreatableTopicResult result;
        result.name = t.name;
        result.error_code = wire::to_kafka_error(response.code());
        failed.topics.push_back(std::move(result));
    }
    respond(responder, r, failed);
    return true;
}

bool handle_delete_topics(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::DeleteTopicsRequest request;
    if (!decode(r, request)) return false;
    auto response = context.shard.delete_topics(request);
    wire::DeleteTopicsResponse failed;
    if (!response.ok()) {
        const auto add = [&](const std::optional<std::string>& name, const Uuid& id) {
            wire::DeleteTopicsResponse::DeletableTopicResult result;
            result.name = name;
            result.topic_id = id;
            result.error_code = wire::to_kafka_error(response.code());
            failed.responses.push_back(std::move(result));
        };
        for (const auto& name : request.topic_names) add(name, {});
        for (const auto& t : request.topics) add(t.name, t.topic_id);
    }
    wire::DeleteTopicsResponse& answer = response.ok() ? *response : failed;
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
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
