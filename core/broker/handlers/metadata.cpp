// Metadata: brokers, topics, leaders; makes topics on first use where that is configured.
#include "core/broker/ask_controller.h"
#include "core/broker/handlers/respond.h"
#include "core/model/internal_topics.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;
using wire::MetadataRequest;
using wire::MetadataResponse;

MetadataResponse::MetadataResponseTopic describe(const Shard& shard,
                                                 const model::MetadataImage& image,
                                                 const model::TopicImage& topic) {
    MetadataResponse::MetadataResponseTopic t;
    t.name = topic.name;
    t.topic_id = topic.id;
    t.is_internal = model::is_internal_topic(topic.name);
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
        const model::PartitionImage& p = topic.partitions[i];
        MetadataResponse::MetadataResponsePartition out;
        out.partition_index = static_cast<std::int32_t>(i);
        out.leader_id = p.leader.v;
        out.leader_epoch = p.leader_epoch.v;
        out.replica_nodes = p.replicas;
        out.isr_nodes = p.isr;
        if (shard.seems_gone(p.leader)) out.leader_id = -1;
        if (out.leader_id == -1) out.error_code = KafkaError::leader_not_available;
        for (const std::int32_t id : p.replicas) {
            const model::BrokerImage* b = image.broker(id);
            if (b == nullptr || b->fenced) out.offline_replicas.push_back(id);
        }
        t.partitions.push_back(std::move(out));
    }
    return t;
}

// The topics that are asked for by name, not there, and may be made.
void auto_create(Context& context, const MetadataRequest& request) {
    wire::CreateTopicsRequest create;
    for (const auto& t : *request.topics) {
        if (!t.name || !t.topic_id.is_zero() || context.shard.image()->find(*t.name) != nullptr)
            continue;
        if (model::bad_topic_name(*t.name)) continue;
        wire::CreateTopicsRequest::CreatableTopic topic;
        topic.name = *t.name;
        topic.num_partitions = -1;
        topic.replication_factor = -1;
        create.topics.push_back(std::move(topic));
    }
    // Whatever comes of it shows in the image that is read next.
    if (!create.topics.empty())
        (void)ask_controller<wire::CreateTopicsResponse>(context.shard, std::move(create));
}

MetadataResponse::MetadataResponseTopic missing(const MetadataRequest::MetadataRequestTopic& t) {
    MetadataResponse::MetadataResponseTopic out;
    out.name = t.name;
    out.topic_id = t.topic_id;
    if (!t.topic_id.is_zero()) {
        out.error_code = KafkaError::unknown_topic_id;
    } else if (t.name && model::bad_topic_name(*t.name)) {
        out.error_code = KafkaError::invalid_topic_exception;
    } else {
        out.error_code = KafkaError::unknown_topic_or_partition;
    }
    return out;
}
}  // namespace

bool handle_metadata(Context& context, rpc::Request& r, rpc::Responder& responder) {
    MetadataRequest request;
    if (!decode(r, request)) return false;
    // Version 0 has no null: there an empty list asks for all topics.
    const bool all = !request.topics || (r.version.v == 0 && request.topics->empty());
    const bool may_create =
        context.shard.config().auto_create_topics && request.allow_auto_topic_creation;
    if (!all && may_create) auto_create(context, request);
    const auto image = context.shard.image();  // one version for the whole answer
    MetadataResponse response;
    for (const model::BrokerImage& b : image->brokers) {
        if (b.fenced) continue;
        MetadataResponse::MetadataResponseBroker broker;
        broker.node_id = b.id.v;
        broker.host = b.host;
        broker.port = b.port;
        response.brokers.push_back(std::move(broker));
    }
    response.cluster_id = image->cluster_id;
    response.controller_id = image->controller.v;
    if (all) {
        for (const auto& [name, topic] : image->topics)
            response.topics.push_back(describe(context.shard, *image, *topic));
    } else {
        for (const auto& t : *request.topics) {
            const model::TopicImage* topic = t.topic_id.is_zero()
                                                 ? (t.name ? image->find(*t.name) : nullptr)
                                                 : image->find(t.topic_id);
            auto answer = topic != nullptr ? describe(context.shard, *image, *topic) : missing(t);
            if (r.version.v < 12 && !answer.name) answer.name.emplace();
            response.topics.push_back(std::move(answer));
        }
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
