// ApiVersions (KIP-35, KIP-511). An unknown version is answered at version 0, so that any client
// can read why; software names are checked from version 3 on.
#include <algorithm>
#include <cctype>

#include "core/broker/handlers/respond.h"
#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"

namespace faultline::broker {
namespace {
using wire::ApiVersionsResponse;

// [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool good_name(const std::string& s) {
    const auto alnum = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 &&
               static_cast<unsigned char>(c) < 0x80;
    };
    if (s.empty() || !alnum(s.front()) || !alnum(s.back())) return false;
    return std::ranges::all_of(s, [&](char c) { return alnum(c) || c == '-' || c == '.'; });
}
}  // namespace

bool handle_api_versions(Context& context, rpc::Request& r, rpc::Responder& responder) {
    const wire::ApiInfo& self = wire::api_info(wire::ApiKey::api_versions);
    ApiVersionsResponse response;
    if (!self.broker.contains(r.version)) {
        response.error_code = wire::KafkaError::unsupported_version;
        response.api_keys.push_back(
            {static_cast<std::int16_t>(self.key), self.broker.low, self.broker.high, {}});
        respond(responder, r.api, wire::Version{0}, r.correlation, response);
        return true;
    }
    wire::ApiVersionsRequest request;
    if (!decode(r, request)) return false;
    if (r.version.v >= 3 &&
        (!good_name(request.client_software_name) || !good_name(request.client_software_version))) {
        response.error_code = wire::KafkaError::invalid_request;
        respond(responder, r, response);
        return true;
    }
    const bool as_controller = context.controller != nullptr;
    for (const ApiEntry& entry : served_apis(as_controller)) {
        const wire::ApiInfo& info = wire::api_info(entry.key);
        const wire::VersionRange& range = served_versions(info, as_controller);
        response.api_keys.push_back(
            {static_cast<std::int16_t>(info.key), range.low, range.high, {}});
    }
    response.finalized_features_epoch = r.version.v >= 3 ? 0 : -1;
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
