// The records that make an image: what a snapshot of the metadata log holds (KIP-630).
#pragma once
#include <vector>

#include "core/model/metadata_image.h"

namespace faultline::model {

// Applied in order to an empty image they give `image` again: the same digest, the same of
// everything but what is not in the log (cluster_id, controller, applied), and that a fenced broker
// must know all of the snapshot before it is unfenced, not only the record that fenced it.
std::vector<MetadataRecord> image_records(const MetadataImage& image);

// The image that such records make; all records below `end` are in them.
MetadataImage image_of(const std::vector<MetadataRecord>& records, Offset end);
}  // namespace faultline::model
