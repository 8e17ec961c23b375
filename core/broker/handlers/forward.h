// Requests that the active controller decides: a broker hands them on, a controller serves them.
#pragma once
#include "core/broker/ask_controller.h"
#include "core/broker/handlers/respond.h"
#include "core/wire/error_map.h"

namespace faultline::broker {

// The error in all of an answer's places that tell one.
inline void fail_all(const auto&, wire::KafkaError error, auto& response) requires requires {
    response.error_code;
}
{ response.error_code = error; }
inline void fail_all(const wire::CreateTopicsRequest& q, wire::KafkaError error,
                     wire::CreateTopicsResponse& response) {
    for (const auto& t : q.topics) {
        auto& result = response.topics.emplace_back();
        result.name = t.name;
        result.error_code = error;
    }
}
inline void fail_all(const wire::DeleteTopicsRequest& q, wire::KafkaError error,
                     wire::DeleteTopicsResponse& response) {
    const auto add = [&](const std::optional<std::string>& name, const Uuid& id) {
        auto& result = response.responses.emplace_back();
        result.name = name;
        result.topic_id = id;
        result.error_code = error;
    };
    for (const auto& name : q.topic_names) add(name, {});
    for (const auto& t : q.topics) add(t.name, t.topic_id);
}
inline void fail_all(const wire::CreatePartitionsRequest& q, wire::KafkaError error,
                     wire::CreatePartitionsResponse& response) {
    for (const auto& t : q.topics) {
        auto& result = response.results.emplace_back();
        result.name = t.name;
        result.error_code = error;
    }
}

// Of AlterConfigs and IncrementalAlterConfigs: an answer for each resource.
inline void fail_all(const auto& q, wire::KafkaError error, auto& response) requires requires {
    q.resources;
    response.responses;
}
{
    for (const auto& r : q.resources) {
        auto& result = response.responses.emplace_back();
        result.resource_type = r.resource_type;
        result.resource_name = r.resource_name;
        result.error_code = error;
    }
}

template <class Response, class Request>
Response decide(Context& context, const Request& request) {
    const auto answer = context.controller != nullptr
                            ? context.controller->serve(request)
                            : ask_controller<Response>(context.shard, request);
    if (answer.ok()) return *answer;
    Response refusal;
    const bool not_active = context.controller != nullptr && answer.code() == Errc::fenced;
    fail_all(request,
             not_active ? wire::KafkaError::not_controller : wire::to_kafka_error(answer.code()),
             refusal);
    return refusal;
}

// Decodes, lets it be decided in a fiber of its own, answers. `fit` takes out of the answer what
// the client's version does not have.
template <class Request, class Response>
bool forward(Context& context, rpc::Request& r, rpc::Responder& responder,
             void (*fit)(wire::Version, Response&) = nullptr) {
    Request request;
    if (!decode(r, request)) return false;
    context.fibers.spawn({.name = "controller request"},
                         [context, request = std::move(request), api = r.api, version = r.version,
                          correlation = r.correlation, responder, fit](fiber::StopToken) mutable {
                             Response response = decide<Response>(context, request);
                             if (fit != nullptr) fit(version, response);
                             respond(responder, api, version, correlation, std::move(response));
                         });
    return true;
}
}  // namespace faultline::broker
