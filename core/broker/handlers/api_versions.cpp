// ApiVersions (KIP-35, KIP-511). An unknown version is answered at version 0, so that any client
// can read why; software names are checked from version 3 on.
#include <algorithm>
#include <cctype>

#include "core/broker/handlers/respond.h"
#include "core/broker/shard.h"
#include "core/controller/controller.h"
#include "core/logic/controller/features.h"
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

// KIP-584. Before version 4 a lowest level of 0 could not be told.
void add_features(const model::MetadataImage& image, wire::Version version,
                  ApiVersionsResponse& response) {
    for (const logic::FeatureRange& f : logic::supported_features()) {
        auto& supported = response.supported_features.emplace_back();
        supported.name = f.name;
        supported.min_version = version.v < 4 ? std::max<std::int16_t>(f.low, 1) : f.low;
        supported.max_version = f.high;
    }
    for (const auto& [name, level] : image.features) {
        auto& finalized = response.finalized_features.emplace_back();
        finalized.name = name;
        finalized.min_version_level = level;
        finalized.max_version_level = level;
    }
    response.finalized_features_epoch = image.applied.v - 1;
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
    if (r.version.v >= 3) {
        if (as_controller) {
            add_features(context.controller->told_image(), r.version, response);
        } else {
            add_features(*context.shard.image(), r.version, response);
        }
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
