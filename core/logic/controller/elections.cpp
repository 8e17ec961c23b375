#include "core/logic/controller/elections.h"

namespace faultline::logic {

std::vector<model::MetadataRecord> lead_anew(const model::MetadataImage& image, NodeId node) {
    std::vector<model::MetadataRecord> records;
    for (const auto& [name, topic] : image.topics) {
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            if (topic.partitions[i].leader != node) continue;
            wire::PartitionChangeRecord record;
            record.partition_id = static_cast<std::int32_t>(i);
            record.topic_id = topic.id;
            record.leader = node.v;
            records.emplace_back(std::move(record));
        }
    }
    return records;
}
}  // namespace faultline::logic
