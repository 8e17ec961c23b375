#include "core/wire/recode.h"

#include <vector>

#include "core/base/crc32c.h"
#include "core/wire/record_batch.h"

namespace faultline::wire {

std::optional<Codec> codec_of_topic(std::string_view compression_type) {
    if (compression_type == "uncompressed") return Codec::none;
    Codec codec{};
    if (compression_type == "producer" || !parse_codec(compression_type, codec))
        return std::nullopt;
    return codec;
}

Result<IoBuf> recode_batch(const IoBuf& batch, Codec codec) {
    std::byte head[kBatchHeader];
    batch.copy_out(0, head);
    BatchHeader header = parse_batch_header(head);
    std::vector<std::byte> packed(batch.size() - kBatchHeader);
    batch.copy_out(kBatchHeader, packed);
    Slice records;
    if (header.codec() == Codec::none) {
        records = Slice::copy_of(packed);
    } else {
        FL_TRY(records, decompress(header.codec(), packed));
    }
    if (codec != Codec::none) records = compress(codec, records.bytes());
    header.attributes =
        static_cast<std::int16_t>((header.attributes & ~7) | static_cast<int>(codec));
    header.length = static_cast<std::int32_t>(kBatchHeader - kBatchLengthEnd + records.size());
    const auto assemble = [&] {
        write_batch_header(header, head);
        IoBuf out = IoBuf::copy_of(head);
        out.append(records);
        return out;
    };
    header.crc = crc32c(assemble(), kCrcFrom);
    return assemble();
}
}  // namespace faultline::wire
