#include "core/wire/frame.h"

#include "gen/wire/request_header.h"
#include "gen/wire/response_header.h"

namespace faultline::wire {
namespace {

IoBuf rest(const IoBuf& frame, const Reader& in) {
    return frame.sub(in.position(), in.remaining());
}

Result<Encoded> finish(Writer& out) {
    if (!out.ok()) return Error{Errc::invalid, 0, out.error()};
    return out.finish_frame();
}
}  // namespace

Result<RequestFrame> parse_request_frame(const IoBuf& frame) {
    Reader peek(frame);
    const std::int16_t key = peek.i16();
    const Version version{peek.i16()};
    if (!peek.ok()) return Error{Errc::corrupt, 0, "wire.request_header"};
    const ApiInfo* api = find_api(key);
    if (api == nullptr) return Error{Errc::invalid, 0, "wire.api_key"};
    // What follows the client id of a version we do not know is not ours to read: the tags of a
    // newer ApiVersions request stay in the body, which is answered unread.
    const bool known = api->valid.contains(version);
    RequestHeader header;
    Reader in(frame);
    header.decode(in, {known ? request_header_version(api->key, version) : RequestHeader::min.v});
    if (!in.ok()) return Error{Errc::corrupt, 0, "wire.request_header"};
    return RequestFrame{
        api->key, version,        header.correlation_id, std::move(header.client_id),
        known,    rest(frame, in)};
}

Result<ResponseFrame> parse_response_frame(const IoBuf& frame, ApiKey api, Version version) {
    ResponseHeader header;
    Reader in(frame);
    header.decode(in, {response_header_version(api, version)});
    if (!in.ok()) return Error{Errc::corrupt, 0, "wire.response_header"};
    return ResponseFrame{header.correlation_id, rest(frame, in)};
}

Result<std::int32_t> peek_correlation_id(const IoBuf& frame) {
    Reader in(frame);
    const std::int32_t id = in.i32();
    if (!in.ok()) return Error{Errc::corrupt, 0, "wire.response_header"};
    return id;
}

Result<Encoded> make_request_frame(const RequestHead& head, const MessageInfo& info,
                                   const void* body) {
    Writer out;
    out.i32(0);  // the length, see finish_frame()
    RequestHeader header;
    header.request_api_key = static_cast<std::int16_t>(head.api);
    header.request_api_version = head.version.v;
    header.correlation_id = head.correlation_id;
    header.client_id = head.client_id;
    header.encode(out, {request_header_version(head.api, head.version)});
    encode_message(out, head.version, info, body);
    return finish(out);
}

Result<Encoded> make_response_frame(ApiKey api, Version version, std::int32_t correlation_id,
                                    const MessageInfo& info, const void* body) {
    Writer out;
    out.i32(0);
    ResponseHeader header;
    header.correlation_id = correlation_id;
    header.encode(out, {response_header_version(api, version)});
    encode_message(out, version, info, body);
    return finish(out);
}
}  // namespace faultline::wire
