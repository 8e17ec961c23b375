#include "core/logic/controller/large_decision.h"

namespace faultline::logic {

bool too_large(const std::vector<model::MetadataRecord>& records) {
    if (records.size() > kMostRecords) return true;
    std::size_t bytes = 0;
    for (const auto& record : records) bytes += model::encode_metadata_record(record).size();
    return bytes > kMostRecordBytes;
}
}  // namespace faultline::logic
