#include "core/model/partition_index.h"

namespace faultline::model {
namespace {

Uuid hash_of(const PartitionId& id, const PartitionImage& p) {
    Digest h;
    h.add(id.topic);
    h.add(std::int64_t{id.index});
    h.add(std::int64_t{p.leader.v});
    h.add(std::int64_t{p.leader_epoch.v});
    h.add(std::int64_t{p.partition_epoch});
    h.add(std::int64_t{p.recovering});
    for (const BrokerIds* ids :
         {&p.replicas, &p.isr, &p.elr, &p.last_known_elr, &p.adding, &p.removing})
        h.add(*ids);
    return h.value();
}

bool is_away(const PartitionImage& p) {
    return !p.replicas.empty() && p.leader.v != p.replicas.front();
}

void keep(PartitionIndex::Ids& ids, const PartitionId& id, bool was, bool is) {
    if (is && !was) ids.set(id, {});
    if (was && !is) ids.erase(id);
}
}  // namespace

void PartitionIndex::changed(const PartitionId& id, const PartitionImage* before,
                             const PartitionImage* after) {
    static const PartitionImage kNone{};
    const PartitionImage& old = before != nullptr ? *before : kNone;
    const PartitionImage& now = after != nullptr ? *after : kNone;
    if (before != nullptr) digest_.remove(hash_of(id, old));
    if (after != nullptr) digest_.add(hash_of(id, now));
    keep(leaderless_, id, before != nullptr && old.leader == kNoLeader,
         after != nullptr && now.leader == kNoLeader);
    keep(away_, id, is_away(old), is_away(now));
    if (old.replicas == now.replicas) return;
    for (const std::int32_t broker : old.replicas) {
        if (Ids* ids = by_broker_.write(NodeId{broker})) {
            ids->erase(id);
            if (ids->empty()) by_broker_.erase(NodeId{broker});
        }
    }
    for (const std::int32_t broker : now.replicas) {
        if (!by_broker_.contains(NodeId{broker})) by_broker_.set(NodeId{broker}, {});
        by_broker_.write(NodeId{broker})->set(id, {});
    }
}

const PartitionIndex::Ids& PartitionIndex::of(NodeId broker) const {
    static const Ids kNone;
    const Ids* ids = by_broker_.get(broker);
    return ids == nullptr ? kNone : *ids;
}
}  // namespace faultline::model
