// Any bytes as the records of a Produce request: refused, or accepted and then read without an
// error, record by record. Input: a byte of flags, the record set.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/wire/record_batch.h"

using namespace faultline;
using namespace faultline::wire;

namespace {
constexpr std::uint8_t kFitLength = 1, kFitCrc = 2, kAppendTime = 4, kCompacted = 8;

void put_u32(std::string& bytes, std::size_t at, std::uint32_t v) {
    for (unsigned i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(v >> (8 * (3 - i)));
}

// Without this no change behind the header would get past the CRC.
void fit(std::string& bytes, std::uint8_t flags) {
    if (bytes.size() < kBatchHeader) return;
    if ((flags & kFitLength) != 0) {
        put_u32(bytes, 8, static_cast<std::uint32_t>(bytes.size() - kBatchLengthEnd));
    }
    if ((flags & kFitCrc) != 0) put_u32(bytes, 17, crc32c(as_bytes(bytes).subspan(kCrcFrom)));
}

// Records read, or -1 after an error.
int read_all(const IoBuf& batch) {
    auto reader = RecordReader::open(batch);
    if (!reader.ok()) return -1;
    for (int n = 0;; ++n) {
        const auto next = reader->next();
        if (!next.ok()) return -1;
        if (!*next) return n;
        Bytes headers = (*next)->header_bytes;
        for (std::int32_t i = 0; i < (*next)->headers; ++i) {
            if (!next_header(headers).ok()) break;
        }
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 16384) return 0;
    std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    fit(bytes, data[0]);
    const IoBuf records = IoBuf::copy_of(as_bytes(bytes));
    for (const IoBuf& batch : split_batches(records)) (void)read_all(batch);

    const AppendRules rules{.log_append_time = (data[0] & kAppendTime) != 0,
                            .compacted = (data[0] & kCompacted) != 0,
                            .before_max_ms = 3'600'000,
                            .after_max_ms = 3'600'000};
    CheckedBatch checked;
    if (check_produce(records, rules, WallTime{1'700'000'000'050}, checked)) return 0;
    FL_ASSERT(checked.bytes.size() == records.size());
    FL_ASSERT(split_batches(checked.bytes).size() == 1);
    FL_ASSERT(read_all(checked.bytes) == checked.header.count);

    // The same batch in parts, as a socket may deliver it, gets the same answer.
    IoBuf parts;
    const std::size_t step = 1 + data[0] % 31;
    for (std::size_t i = 0; i < records.size(); i += step) {
        const std::size_t n = std::min(step, records.size() - i);
        parts.append(Slice::copy_of(records.sub(i, n).coalesce_copy().bytes()));
    }
    CheckedBatch again;
    FL_ASSERT(!check_produce(parts, rules, WallTime{1'700'000'000'050}, again));
    FL_ASSERT(again.bytes == checked.bytes);
    FL_ASSERT(read_all(again.bytes) == checked.header.count);
    return 0;
}
