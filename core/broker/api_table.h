// The APIs that are served: one list, from which ApiVersions answers and requests are dispatched.
#pragma once
#include <span>

#include "core/broker/shard.h"

namespace faultline::broker {

struct Context {
    Shard& shard;
    fiber::Group& fibers;  // of the connection, for work that waits
};

struct ApiEntry {
    wire::ApiKey key;
    // Decodes, serves, answers. False when the body cannot be understood.
    bool (*run)(Context& context, rpc::Request& request, rpc::Responder& responder);
};
std::span<const ApiEntry> served_apis();

// Serves one request of a connection. False: close it.
bool dispatch(Shard& shard, rpc::Request request, rpc::Responder responder, fiber::Group& fibers);
}  // namespace faultline::broker
