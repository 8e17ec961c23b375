// What the controller decides about topics: command -> {records, answer}. Pure. The answer is given
// when the records are committed.
#pragma once
#include <vector>

#include "core/base/random.h"
#include "core/model/metadata_image.h"
#include "core/model/topic_config.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"

namespace faultline::logic {

struct TopicDefaults {
    std::int32_t partitions = 1;  // num.partitions
    bool tiny_segments = false;   // model::check_topic_config
    model::TopicConfig config;
    std::int16_t replication_factor = 1;  // default.replication.factor
    model::ConfigMap given;               // the controller's own file
};

template <class Response>
struct Decision {
    std::vector<model::MetadataRecord> records;
    Response response;
};

// Kafka's CreateTopics on the nodes of the image: every topic is judged alone. `rng` gives topic
// ids.
Decision<wire::CreateTopicsResponse> create_topics(const model::MetadataImage& image,
                                                   const wire::CreateTopicsRequest& request,
                                                   const TopicDefaults& defaults, Rng& rng);

// By name or, from version 6 on, by id.
Decision<wire::DeleteTopicsResponse> delete_topics(const model::MetadataImage& image,
                                                   const wire::DeleteTopicsRequest& request);
}  // namespace faultline::logic
