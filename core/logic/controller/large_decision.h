// What a client may ask for at once. A decision becomes one batch of the metadata log, which every
// replica has to receive whole: one that is too large would stop the cluster.
#pragma once
#include <string_view>
#include <vector>

#include "core/model/metadata_image.h"

namespace faultline::logic {

// More records than Kafka takes from one request of a user, or more bytes than its quorum takes in
// one batch.
bool too_large(const std::vector<model::MetadataRecord>& records);
inline constexpr std::size_t kMostRecords = 10'000;
inline constexpr std::size_t kMostRecordBytes = 8U << 20;
inline constexpr std::string_view kTooLarge =
    "Unable to perform excessively large batch operation.";
}  // namespace faultline::logic
