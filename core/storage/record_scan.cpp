#include "core/storage/record_scan.h"

#include "core/wire/record_batch.h"

namespace faultline::storage {

Result<std::optional<RecordAt>> find_record(const BatchHeader& header, const IoBuf& batch,
                                            std::int64_t timestamp, Offset from) {
    using Found = std::optional<RecordAt>;
    if (header.count == 0) return Found{};  // compaction left the header alone
    // All records of such a batch have the time of their append.
    if (header.append_time() && header.count == header.last_delta + 1) {
        if (header.max_timestamp < timestamp || header.last() < from) return Found{};
        return Found{{header.max_timestamp, header.base < from ? from : header.base}};
    }
    FL_TRY(auto records, wire::RecordReader::open(batch, false));
    for (;;) {
        FL_TRY(const auto record, records.next());
        if (!record) return Found{};
        if (record->timestamp >= timestamp && record->offset >= from.v) {
            return Found{{record->timestamp, Offset{record->offset}}};
        }
    }
}
}  // namespace faultline::storage
