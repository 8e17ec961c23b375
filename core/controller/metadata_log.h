// The metadata log of a node that is its own quorum: __cluster_metadata-0, in Kafka's format. What
// is in it is committed when it is durable; the image is what replaying it gives.
#pragma once
#include <set>
#include <vector>

#include "core/env/clock.h"
#include "core/model/metadata_image.h"
#include "core/storage/log_manager.h"

namespace faultline::controller {

inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";

class MetadataLog {
public:
    explicit MetadataLog(const Clock& clock) : clock_(clock) {}

    // Opens or makes the log in `logs` and replays it into `image`; `removed` gets the topics whose
    // removal it holds. Parks. corrupt, io.
    Result<void> open(storage::LogManager& logs, model::MetadataImage& image,
                      std::set<Uuid>& removed);
    // Appends the records as one batch and parks until they are durable: then they are committed.
    // no_space, io: nothing of them counts.
    Result<void> commit(const std::vector<model::MetadataRecord>& records);

private:
    Result<void> replay(model::MetadataImage& image, std::set<Uuid>& removed);
    const Clock& clock_;
    storage::LogRef log_;
};
}  // namespace faultline::controller
