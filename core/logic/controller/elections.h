// What the controller decides about leaders. Pure.
#pragma once
#include <vector>

#include "core/model/metadata_image.h"

namespace faultline::logic {

// The node has started anew: it leads its partitions in a new leader epoch, as after the fencing of
// its former incarnation. So a client whose position lies in what the former one lost finds the
// epoch changed, asks where the old epoch ended, and learns of the cut (KIP-320).
std::vector<model::MetadataRecord> lead_anew(const model::MetadataImage& image, NodeId node);
}  // namespace faultline::logic
