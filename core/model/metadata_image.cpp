#include "core/model/metadata_image.h"

namespace faultline::model {
namespace {
constexpr std::uint32_t kFrameVersion = 1;
constexpr wire::Version kVersion{0};  // of each record type that is written

template <class Record>
std::optional<MetadataRecord> try_decode(std::uint32_t type, wire::Version version,
                                         wire::Reader& in) {
    if (type != static_cast<std::uint32_t>(Record::record_type)) return std::nullopt;
    Record record;
    record.decode(in, version);
    return MetadataRecord(std::move(record));
}
}  // namespace

IoBuf encode_metadata_record(const MetadataRecord& record) {
    wire::Writer out(128);
    std::visit(
        [&](const auto& r) {
            out.uvarint(kFrameVersion);
            out.uvarint(static_cast<std::uint32_t>(r.record_type));
            out.uvarint(static_cast<std::uint32_t>(kVersion.v));
            r.encode(out, kVersion);
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
    const wire::Version v{static_cast<std::int16_t>(version)};
    auto record = try_decode<wire::TopicRecord>(type, v, in);
    if (!record) record = try_decode<wire::PartitionRecord>(type, v, in);
    if (!record) record = try_decode<wire::PartitionChangeRecord>(type, v, in);
    if (!record) record = try_decode<wire::ConfigRecord>(type, v, in);
    if (!record) record = try_decode<wire::RemoveTopicRecord>(type, v, in);
    if (!record) record = try_decode<wire::ProducerIdsRecord>(type, v, in);
    if (record && !in.ok()) return Error{Errc::corrupt, 0, "metadata.record"};
    return record;
}

const TopicImage* MetadataImage::find(std::string_view name) const {
    const auto it = topics.find(name);
    return it == topics.end() ? nullptr : &it->second;
}

const TopicImage* MetadataImage::find(const Uuid& id) const {
    const auto it = names.find(id);
    return it == names.end() ? nullptr : find(it->second);
}

PartitionImage* MetadataImage::partition(const Uuid& topic, std::int32_t index) {
    const auto name = names.find(topic);
    if (name == names.end() || index < 0) return nullptr;
    auto& partitions = topics[name->second].partitions;
    const auto i = static_cast<std::size_t>(index);
    return i < partitions.size() ? &partitions[i] : nullptr;
}

void MetadataImage::apply(const MetadataRecord& record) {
    if (const auto* t = std::get_if<wire::TopicRecord>(&record)) {
        topics[t->name] = {t->name, t->topic_id, {}, {}};
        names[t->topic_id] = t->name;
    } else if (const auto* p = std::get_if<wire::PartitionRecord>(&record)) {
        const auto name = names.find(p->topic_id);
        if (name == names.end() || p->partition_id < 0) return;
        auto& partitions = topics[name->second].partitions;
        const auto index = static_cast<std::size_t>(p->partition_id);
        if (partitions.size() <= index) partitions.resize(index + 1);
        partitions[index] = {NodeId{p->leader}, Epoch{p->leader_epoch}, p->replicas, p->isr,
                             p->partition_epoch};
    } else if (const auto* change = std::get_if<wire::PartitionChangeRecord>(&record)) {
        constexpr std::int32_t kSameLeader = -2;
        PartitionImage* changed = partition(change->topic_id, change->partition_id);
        if (changed == nullptr) return;
        if (change->isr) changed->isr = *change->isr;
        if (change->replicas) changed->replicas = *change->replicas;
        if (change->leader != kSameLeader) {
            // Naming the leader, were it the same, begins an epoch.
            changed->leader = NodeId{change->leader};
            changed->leader_epoch = Epoch{changed->leader_epoch.v + 1};
        }
        ++changed->partition_epoch;
    } else if (const auto* c = std::get_if<wire::ConfigRecord>(&record)) {
        constexpr std::int8_t kTopic = 2;
        const auto topic = topics.find(c->resource_name);
        if (c->resource_type != kTopic || topic == topics.end()) return;
        if (c->value) {
            topic->second.config[c->name] = *c->value;
        } else {
            topic->second.config.erase(c->name);
        }
    } else if (const auto* r = std::get_if<wire::RemoveTopicRecord>(&record)) {
        const auto name = names.find(r->topic_id);
        if (name == names.end()) return;
        topics.erase(name->second);
        names.erase(name);
    } else if (const auto* i = std::get_if<wire::ProducerIdsRecord>(&record)) {
        next_producer_id = std::max(next_producer_id, i->next_producer_id);
    }
}
}  // namespace faultline::model
