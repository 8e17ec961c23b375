// Metadata records as bytes.
#include "core/model/metadata_image.h"

namespace faultline::model {
namespace {
constexpr std::uint32_t kFrameVersion = 1;

// The version in which a type is written: as low as it can carry what is said.
template <class Record>
constexpr wire::Version written{0};
template <>
constexpr wire::Version written<wire::PartitionRecord>{2};  // eligible leader replicas
template <>
constexpr wire::Version written<wire::PartitionChangeRecord>{2};
template <>
constexpr wire::Version written<wire::RegisterBrokerRecord>{3};  // log directories
template <>
constexpr wire::Version written<wire::BrokerRegistrationChangeRecord>{2};

template <class Record>
std::optional<MetadataRecord> try_decode(std::uint32_t type, wire::Version version,
                                         wire::Reader& in) {
    if (type != static_cast<std::uint32_t>(Record::record_type)) return std::nullopt;
    Record record;
    record.decode(in, version);
    return MetadataRecord(std::move(record));
}

template <std::size_t I = 0>
std::optional<MetadataRecord> decode_any(std::uint32_t type, wire::Version version,
                                         wire::Reader& in) {
    if constexpr (I == std::variant_size_v<MetadataRecord>) {
        return std::nullopt;
    } else {
        auto record = try_decode<std::variant_alternative_t<I, MetadataRecord>>(type, version, in);
        return record ? std::move(record) : decode_any<I + 1>(type, version, in);
    }
}
}  // namespace

IoBuf encode_metadata_record(const MetadataRecord& record) {
    wire::Writer out(128);
    std::visit(
        [&]<class Record>(const Record& r) {
            out.uvarint(kFrameVersion);
            out.uvarint(static_cast<std::uint32_t>(r.record_type));
            out.uvarint(static_cast<std::uint32_t>(written<Record>.v));
            r.encode(out, written<Record>);
        },
        record);
    FL_ASSERT(out.ok());
    return out.finish().to_iobuf();
}

Result<std::optional<MetadataRecord>> decode_metadata_record(Bytes value) {
    const IoBuf buf = IoBuf::copy_of(value);
    wire::Reader in(buf);
    const std::uint32_t frame = in.uvarint(), type = in.uvarint(), version = in.uvarint();
    if (!in.ok() || frame > kFrameVersion || version > INT16_MAX)
        return Error{Errc::corrupt, 0, "metadata.record"};
    auto record = decode_any(type, wire::Version{static_cast<std::int16_t>(version)}, in);
    if (record && !in.ok()) return Error{Errc::corrupt, 0, "metadata.record"};
    return record;
}
}  // namespace faultline::model
