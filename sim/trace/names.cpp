#include "sim/trace/names.h"

#include <array>
#include <charconv>

#include "core/base/assert.h"
#include "sim/trace/fields.h"

namespace faultline::sim {
namespace {
// Kafka allows 249 characters; 16 more for '-' and the index.
using PartitionText = std::array<char, 280>;

std::string_view partition_text(PartitionText& buffer, std::string_view topic,
                                PartitionIndex index) {
    FL_ASSERT(topic.size() <= buffer.size() - 16);
    char* p = std::copy(topic.begin(), topic.end(), buffer.data());
    *p++ = '-';
    p = std::to_chars(p, buffer.data() + buffer.size(), index.v).ptr;
    return {buffer.data(), static_cast<std::size_t>(p - buffer.data())};
}
}  // namespace

Names::Interned Names::label(std::string_view text) {
    if (text.empty()) return {0, false};
    if (const auto it = label_ids_.find(text); it != label_ids_.end()) return {it->second, false};
    const LabelText& kept = labels_.emplace_back(LabelText{std::string(text), name_hash(text)});
    const auto id = static_cast<std::uint32_t>(labels_.size());
    label_ids_.emplace(kept.text, id);
    return {id, true};
}

Names::Interned Names::partition(std::string_view topic, PartitionIndex index) {
    PartitionText buffer;
    const std::string_view name = partition_text(buffer, topic, index);
    if (const auto it = partition_ids_.find(name); it != partition_ids_.end()) {
        return {it->second, false};
    }
    const Partition& kept = partitions_.emplace_back(
        Partition{std::string(name), std::string(topic), index, name_hash(name)});
    const auto id = static_cast<std::uint32_t>(partitions_.size());
    partition_ids_.emplace(kept.name, id);
    return {id, true};
}

std::string_view Names::text(Label label) const {
    return label.v == 0 || label.v > labels_.size() ? ""
                                                    : std::string_view(labels_[label.v - 1].text);
}

std::string_view Names::partition_name(probe::PartitionKey key) const {
    return key == 0 || key > partitions_.size() ? "" : std::string_view(partitions_[key - 1].name);
}

std::uint64_t Names::text_hash(Label label) const {
    FL_ASSERT(label.v <= labels_.size());
    return label.v == 0 ? 0 : labels_[label.v - 1].hash;
}

std::uint64_t Names::partition_hash(probe::PartitionKey key) const {
    FL_ASSERT(key <= partitions_.size());
    return key == 0 ? 0 : partitions_[key - 1].hash;
}
}  // namespace faultline::sim
