// One change of one partition, as the controller decides it: who leads, who is in sync, who stays
// eligible (KIP-966), when a reassignment is complete (KIP-455). Pure.
#pragma once
#include <functional>
#include <optional>

#include "core/model/metadata_image.h"

namespace faultline::logic {

enum class Election : std::uint8_t {
    online,     // the leader stays while it can; else the first replica that can
    preferred,  // the first replica of the assignment if it can, else as online
    unclean,    // as online; where nobody can, any live replica, at the price of what it lacks
};

struct PartitionRules {
    std::int32_t min_isr = 1;  // min.insync.replicas
    bool unclean = false;      // unclean.leader.election.enable
};

// What is wanted of a partition. Members that are not set stay as they are.
struct PartitionTarget {
    std::optional<model::BrokerIds> isr, replicas, adding, removing;
    std::optional<bool> recovering;
    Election election = Election::online;
    std::int32_t forget = -1;  // it may have lost what it held: it is in no ELR any more
    std::function<bool(std::int32_t)> can_lead;  // whether that broker may lead now
};

// The record that brings partition `index` of `topic` to the target; nothing when nothing changes.
// INV-130  A leader that is elected cleanly is in the ISR, or in the ELR of an empty one.
// INV-131  No broker that is fenced or shutting down is elected.
std::optional<wire::PartitionChangeRecord> change_partition(const Uuid& topic, std::int32_t index,
                                                            const model::PartitionImage& now,
                                                            const PartitionRules& rules,
                                                            const PartitionTarget& target);

// --- sets of broker ids, small and in order of assignment
// ---------------------------------------------------------------------
bool contains(const model::BrokerIds& ids, std::int32_t id);
model::BrokerIds without(const model::BrokerIds& ids, std::int32_t id);
model::BrokerIds without(const model::BrokerIds& ids, const model::BrokerIds& others);
}  // namespace faultline::logic
