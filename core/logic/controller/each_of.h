// A walk over some partitions of an image, in the order in which records are written.
#pragma once
#include <algorithm>
#include <utility>
#include <vector>

#include "core/model/metadata_image.h"

namespace faultline::logic {

// In order of topics and indexes: `fn(topic, index, partition)`.
template <class Fn>
void each_of(const model::MetadataImage& image, const model::PartitionIndex::Ids& ids, Fn fn) {
    std::vector<std::pair<const model::TopicImage*, std::int32_t>> all;
    all.reserve(ids.size());
    for (const auto& [id, nothing] : ids) all.emplace_back(image.find(id.topic), id.index);
    std::ranges::sort(all, [](const auto& a, const auto& b) {
        return a.first == b.first ? a.second < b.second : a.first->name < b.first->name;
    });
    for (const auto& [topic, index] : all)
        fn(*topic, index, topic->partitions[static_cast<std::size_t>(index)]);
}
}  // namespace faultline::logic
