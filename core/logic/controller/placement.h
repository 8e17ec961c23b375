// Which brokers get the replicas of new partitions. Pure.
#pragma once
#include "core/base/random.h"
#include "core/model/metadata_image.h"

namespace faultline::logic {

// `count` lists of `factor` different brokers. Leaders and replicas go round the brokers; the
// replicas of a partition stand in as many racks as there are (KIP-36), brokers that are fenced
// come last. Requires 0 < factor <= image.brokers.size().
std::vector<model::BrokerIds> place_replicas(const model::MetadataImage& image, std::int32_t count,
                                             std::int32_t factor, Rng& rng);
}  // namespace faultline::logic
