// Requests that the active controller decides: a broker hands them on, a controller serves them.
#pragma once
#include "core/broker/ask_controller.h"
#include "core/broker/handlers/respond.h"
#include "core/logic/controller/fail_all.h"
#include "core/wire/error_map.h"

namespace faultline::broker {

using logic::fail_all;

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
