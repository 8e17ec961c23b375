// The APIs that are served: one list for each kind of listener, from which ApiVersions answers and
// requests are dispatched.
#pragma once
#include <span>

#include "core/broker/shard.h"

namespace faultline::broker {

struct Context {
    Shard& shard;
    fiber::Group& fibers;                          // of the connection, for work that waits
    controller::Controller* controller = nullptr;  // at a controller's listener
    std::uint64_t connection = 0;                  // its number on this shard, from 1
};

struct ApiEntry {
    wire::ApiKey key;
    // Decodes, serves, answers. False when the body cannot be understood.
    bool (*run)(Context& context, rpc::Request& request, rpc::Responder& responder);
};
std::span<const ApiEntry> served_apis(bool as_controller = false);
// The versions of an API at such a listener.
const wire::VersionRange& served_versions(const wire::ApiInfo& info, bool as_controller);

// Serves one request of a connection. False: close it.
bool dispatch(Context context, rpc::Request request, rpc::Responder responder);
}  // namespace faultline::broker
