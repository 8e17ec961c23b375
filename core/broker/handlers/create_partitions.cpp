// CreatePartitions (KIP-195): decided by the controller.
#include "core/broker/handlers/respond.h"
#include "core/wire/error_map.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"

namespace faultline::broker {

bool handle_create_partitions(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::CreatePartitionsRequest request;
    if (!decode(r, request)) return false;
    // As Kafka's controller: a deadline that has passed when the request is read changes nothing.
    auto response = request.timeout_ms > 0
                        ? context.shard.create_partitions(request)
                        : Error{Errc::timed_out, 0, "handlers.create_partitions"};
    if (response.ok()) {
        respond(responder, r, *response);
        return true;
    }
    wire::CreatePartitionsResponse failed;
    for (const auto& t : request.topics) {
        auto& result = failed.results.emplace_back();
        result.name = t.name;
        result.error_code = wire::to_kafka_error(response.code());
    }
    respond(responder, r, failed);
    return true;
}
}  // namespace faultline::broker
