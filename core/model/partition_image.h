// What the metadata log says of one partition.
#pragma once
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "gen/wire/partition_change_record.h"

namespace faultline::model {

using BrokerIds = std::vector<std::int32_t>;

inline constexpr NodeId kNoLeader{-1};

struct PartitionImage {
    NodeId leader = kNoLeader;
    Epoch leader_epoch{0};
    BrokerIds replicas, isr;
    std::int32_t partition_epoch = 0;  // counts the changes of this partition
    bool recovering = false;           // an unclean leader that has not said that it recovered
    // Members that left an ISR below min.insync.replicas: they hold all that is committed
    // (KIP-966).
    BrokerIds elr, last_known_elr;
    BrokerIds adding, removing;  // of a reassignment under way
    friend bool operator==(const PartitionImage&, const PartitionImage&) = default;
};

// Leaves the partition as the record says.
void apply(PartitionImage& partition, const wire::PartitionChangeRecord& record);
}  // namespace faultline::model
