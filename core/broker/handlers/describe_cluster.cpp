// DescribeCluster (KIP-700): what tools ask before they show anything.
#include <fmt/format.h>

#include "core/broker/handlers/respond.h"
#include "gen/wire/describe_cluster_request.h"
#include "gen/wire/describe_cluster_response.h"

namespace faultline::broker {
using wire::KafkaError;

bool handle_describe_cluster(Context& context, rpc::Request& r, rpc::Responder& responder) {
    wire::DescribeClusterRequest request;
    if (!decode(r, request)) return false;
    constexpr std::int8_t kBrokers = 1;
    const auto image = context.shard.image();
    wire::DescribeClusterResponse response;
    response.cluster_id = image->cluster_id;
    response.endpoint_type = kBrokers;
    if (request.endpoint_type != kBrokers) {
        // As Kafka answers on a broker's listener.
        response.error_code = request.endpoint_type == 2 ? KafkaError::mismatched_endpoint_type
                                                         : KafkaError::unsupported_endpoint_type;
        response.error_message =
            request.endpoint_type == 2
                ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint "
                  "of type CONTROLLER"
                : fmt::format("Unsupported endpoint type {}", request.endpoint_type);
        respond(responder, r, response);
        return true;
    }
    response.controller_id = image->controller.v;
    if (request.include_cluster_authorized_operations)
        response.cluster_authorized_operations = kClusterOperations;
    for (const model::BrokerImage& b : image->brokers) {
        if (b.fenced && !request.include_fenced_brokers) continue;  // KIP-1073
        wire::DescribeClusterResponse::DescribeClusterBroker broker;
        broker.broker_id = b.id.v;
        broker.host = b.host;
        broker.port = b.port;
        broker.rack = b.rack;
        broker.is_fenced = b.fenced;
        response.brokers.push_back(std::move(broker));
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
