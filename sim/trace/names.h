// Texts and partitions as small numbers, with the hash of each text at hand.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/env/probe.h"
#include "sim/trace/events.h"

namespace faultline::sim {

// Numbers start at 1, in the order of first use; 0 is "" and "no partition". Looking up a known
// name allocates nothing. Names are never forgotten.
class Names {
public:
    struct Interned {
        std::uint32_t id;
        bool fresh;  // first use
    };
    struct Partition {
        std::string name;  // "orders-0"
        std::string topic;
        PartitionIndex index;
        std::uint64_t hash;
    };

    Interned label(std::string_view text);
    Interned partition(std::string_view topic, PartitionIndex index);

    // "" for a number that was never given out. Valid as long as this object.
    std::string_view text(Label) const;
    std::string_view partition_name(probe::PartitionKey) const;
    // The FNV-1a 64 of the text, 0 for number 0: what enters the hash of a trace.
    std::uint64_t text_hash(Label) const;
    std::uint64_t partition_hash(probe::PartitionKey) const;

    struct LabelText {
        std::string text;
        std::uint64_t hash;
    };
    const std::deque<LabelText>& labels() const { return labels_; }  // [0] is number 1
    const std::deque<Partition>& partitions() const { return partitions_; }

private:
    // Deques: the map's keys are views of the strings in them.
    std::deque<LabelText> labels_;
    std::deque<Partition> partitions_;
    std::unordered_map<std::string_view, std::uint32_t> label_ids_, partition_ids_;
};
}  // namespace faultline::sim
