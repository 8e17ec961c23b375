// What stands in a frame: a header, whose version follows from the API and its version, and a body.
// The four bytes of length in front are read by rpc/frame_io, which bounds them; made frames have
// them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/wire/message.h"
#include "core/wire/writer.h"
#include "gen/wire/api.h"

namespace faultline::wire {

struct RequestFrame {
    ApiKey api{};
    Version version;
    std::int32_t correlation_id = 0;
    std::optional<std::string> client_id;
    // The version is one of this API's. When it is not, only ApiVersions may be answered (at
    // version 0, with error 35); the body cannot be read.
    bool known_version = false;
    IoBuf body;  // shares the frame
};

// Splits a received request, without its length. corrupt: the header cannot be read. invalid: there
// is no such API. Both end the connection.
Result<RequestFrame> parse_request_frame(const IoBuf& frame);

struct ResponseFrame {
    std::int32_t correlation_id = 0;
    IoBuf body;  // shares the frame
};

// Splits a received response, without its length; which request it answers tells the correlation
// id, which is in the same place in every header version. corrupt.
Result<ResponseFrame> parse_response_frame(const IoBuf& frame, ApiKey api, Version version);
// The correlation id alone. corrupt.
Result<std::int32_t> peek_correlation_id(const IoBuf& frame);

struct RequestHead {
    ApiKey api{};
    Version version;
    std::int32_t correlation_id = 0;
    std::optional<std::string> client_id;
};

// A whole frame with its length. `body` points to the struct that `info` describes; typed callers
// use the templates. invalid: the message has values that this version cannot carry.
Result<Encoded> make_request_frame(const RequestHead& head, const MessageInfo& info,
                                   const void* body);
Result<Encoded> make_response_frame(ApiKey api, Version version, std::int32_t correlation_id,
                                    const MessageInfo& info, const void* body);

template <class Request>
Result<Encoded> make_request_frame(Version version, std::int32_t correlation_id,
                                   std::optional<std::string> client_id, const Request& body) {
    return make_request_frame({Request::key, version, correlation_id, std::move(client_id)},
                              Request::info(), &body);
}
template <class Response>
Result<Encoded> make_response_frame(Version version, std::int32_t correlation_id,
                                    const Response& body) {
    return make_response_frame(Response::key, version, correlation_id, Response::info(), &body);
}
}  // namespace faultline::wire
