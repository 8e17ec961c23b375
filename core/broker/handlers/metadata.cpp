// Metadata: brokers, topics, leaders; makes topics on first use where that is configured.
#include <algorithm>
#include <set>

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

constexpr Duration kElection = 1s;  // how long an answer waits for one
constexpr Duration kNotice = 3ms;

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
const model::TopicImage* find(const model::MetadataImage& image,
                              const MetadataRequest::MetadataRequestTopic& t) {
    if (!t.topic_id.is_zero()) return image.find(t.topic_id);
    return t.name ? image.find(*t.name) : nullptr;
}

// Whether a leader that is asked for has just gone: the controller is about to name another.
bool leader_in_doubt(const Shard& shard, const MetadataRequest& request) {
    const auto image = shard.told();
    const auto doubtful = [&](const model::TopicImage& topic) {
        return std::ranges::any_of(topic.partitions, [&](const model::PartitionImage& p) {
            return shard.seems_gone(p.leader);
        });
    };
    if (!request.topics) return false;
    return std::ranges::any_of(*request.topics, [&](const auto& t) {
        const model::TopicImage* topic = find(*image, t);
        return topic != nullptr && doubtful(*topic);
    });
}

MetadataResponse answer(const Shard& shard, const MetadataRequest& request, wire::Version version) {
    const bool all = !request.topics || (version.v == 0 && request.topics->empty());
    const auto image = shard.told();  // one version for the whole answer
    MetadataResponse response;
    for (const model::BrokerImage& b : image->brokers) {
        if (b.fenced) continue;
        MetadataResponse::MetadataResponseBroker broker;
        broker.node_id = b.id.v;
        broker.host = b.host;
        broker.port = b.port;
        broker.rack = b.rack;
        response.brokers.push_back(std::move(broker));
    }
    response.cluster_id = image->cluster_id;
    // Clients send there what the controller decides: a broker, which hands it on.
    const model::BrokerImage* controller = image->broker(image->controller);
    response.controller_id = controller != nullptr && !controller->fenced ? controller->id.v
                             : response.brokers.empty()                   ? -1
                                                        : response.brokers.front().node_id;
    if (request.include_cluster_authorized_operations)
        response.cluster_authorized_operations = kClusterOperations;
    const auto add = [&](MetadataResponse::MetadataResponseTopic topic) {
        if (request.include_topic_authorized_operations && topic.error_code == KafkaError::none)
            topic.topic_authorized_operations = kTopicOperations;
        response.topics.push_back(std::move(topic));
    };
    if (all) {
        for (const auto& [name, topic] : image->topics) add(describe(shard, *image, *topic));
        return response;
    }
    std::set<std::pair<std::optional<std::string>, Uuid>> told;
    for (const auto& t : *request.topics) {
        if (!told.emplace(t.name, t.topic_id).second) continue;
        const model::TopicImage* topic = find(*image, t);
        auto described = topic != nullptr ? describe(shard, *image, *topic) : missing(t);
        if (version.v < 12 && !described.name) described.name.emplace();
        add(std::move(described));
    }
    return response;
}

// Versions 10 and 11 can name topics by id, but only to be told that it is too early.
bool too_early(const MetadataRequest& request, wire::Version version) {
    if (version.v < 10 || version.v > 11 || !request.topics) return false;
    return std::ranges::any_of(*request.topics,
                               [](const auto& t) { return !t.name || !t.topic_id.is_zero(); });
}

MetadataResponse refusal(const MetadataRequest& request) {
    MetadataResponse response;
    response.cluster_id.reset();
    response.controller_id = -1;
    for (const auto& t : *request.topics) {
        auto& topic = response.topics.emplace_back();
        topic.name = t.name.value_or("");
        topic.topic_id = t.topic_id;
        topic.error_code = KafkaError::invalid_request;
    }
    return response;
}
}  // namespace

bool handle_metadata(Context& context, rpc::Request& r, rpc::Responder& responder) {
    MetadataRequest request;
    if (!decode(r, request)) return false;
    if (too_early(request, r.version)) {
        respond(responder, r, refusal(request));
        return true;
    }
    Shard& shard = context.shard;
    // Version 0 has no null: there an empty list asks for all topics.
    const bool all = !request.topics || (r.version.v == 0 && request.topics->empty());
    const bool may_create = shard.config().auto_create_topics && request.allow_auto_topic_creation;
    if (!all && may_create) auto_create(context, request);
    if (all || shard.image()->brokers.size() < 2) {
        respond(responder, r, answer(shard, request, r.version));
        return true;
    }
    // A client that is told of no leader, or of the old one, may not ask again for a second.
    context.fibers.spawn({.name = "metadata"}, [&shard, request = std::move(request), api = r.api,
                                                version = r.version, correlation = r.correlation,
                                                responder](fiber::StopToken stop) mutable {
        // A client whose leader is gone asks at once: often before this node has noticed.
        shard.env().fibers.sleep_until(shard.env().clock.in(kNotice), stop);
        shard.wait_for_image([&] { return !leader_in_doubt(shard, request); },
                             shard.env().clock.in(kElection), stop);
        respond(responder, api, version, correlation, answer(shard, request, version));
    });
    return true;
}
}  // namespace faultline::broker
