// The features of a cluster (KIP-584): what this version can, and what is agreed on.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/logic/controller/brokers.h"
#include "gen/wire/update_features_request.h"
#include "gen/wire/update_features_response.h"

namespace faultline::logic {

struct FeatureRange {
    std::string_view name;
    std::int16_t low, high;  // levels; 0: it may be off
};

inline constexpr std::string_view kKraftVersion = "kraft.version",
                                  kMetadataVersion = "metadata.version";
// metadata.version of Kafka 4.3: the one in whose records we write.
inline constexpr std::int16_t kMetadataLevel = 30;

// In order of their names.
std::span<const FeatureRange> supported_features();
// The features that a new cluster begins with.
Records first_features();

// What is wrong with setting `update` while the feature stands at `now`; "" when nothing is.
std::string refuse_update(const wire::UpdateFeaturesRequest::FeatureUpdateKey& update,
                          std::int16_t now);
// All of the updates or none; kraft.version is not in the image and not among them.
Decision<wire::UpdateFeaturesResponse> update_features(const model::MetadataImage& image,
                                                       const wire::UpdateFeaturesRequest& request);
}  // namespace faultline::logic
