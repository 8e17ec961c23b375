#include "core/logic/raft/voter_set.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic::raft {

bool ReplicaKey::same(const ReplicaKey& other) const noexcept {
    return id == other.id &&
           (directory.is_zero() || other.directory.is_zero() || directory == other.directory);
}

VoterSet::VoterSet(std::vector<ReplicaKey> voters) : voters_(std::move(voters)) {
    std::ranges::sort(voters_, {}, &ReplicaKey::id);
    FL_ASSERT(std::ranges::adjacent_find(voters_, {}, &ReplicaKey::id) == voters_.end());
}

VoterSet::VoterSet(std::vector<ReplicaKey> voters, std::map<NodeId, VoterAddresses> addresses)
    : VoterSet(std::move(voters)) {
    addresses_ = std::move(addresses);
    in_log_ = true;
}

const VoterAddresses* VoterSet::addresses(NodeId id) const {
    const auto it = addresses_.find(id);
    return it == addresses_.end() ? nullptr : &it->second;
}

const ReplicaKey* VoterSet::find(NodeId id) const {
    const auto it = std::ranges::find(voters_, id, &ReplicaKey::id);
    return it == voters_.end() ? nullptr : &*it;
}

bool VoterSet::contains(const ReplicaKey& replica) const {
    const ReplicaKey* voter = find(replica.id);
    return voter != nullptr && voter->same(replica);
}

std::optional<VoterSet> VoterSet::with(const ReplicaKey& replica, VoterAddresses addresses) const {
    if (find(replica.id) != nullptr) return {};
    VoterSet more = *this;
    more.voters_.push_back(replica);
    std::ranges::sort(more.voters_, {}, &ReplicaKey::id);
    if (!addresses.empty()) more.addresses_[replica.id] = std::move(addresses);
    return more;
}

std::optional<VoterSet> VoterSet::without(const ReplicaKey& replica) const {
    if (!contains(replica) || voters_.size() == 1) return {};
    VoterSet fewer = *this;
    std::erase_if(fewer.voters_, [&](const ReplicaKey& v) { return v.id == replica.id; });
    fewer.addresses_.erase(replica.id);
    return fewer;
}

std::optional<VoterSet> VoterSet::updated(const ReplicaKey& replica,
                                          VoterAddresses addresses) const {
    if (!contains(replica)) return {};
    VoterSet other = *this;
    *std::ranges::find(other.voters_, replica.id, &ReplicaKey::id) = replica;
    other.addresses_[replica.id] = std::move(addresses);
    return other;
}

const VoterSet& VoterHistory::before(Offset end) const {
    std::size_t i = sets_.size() - 1;
    while (i > 0 && sets_[i].at >= end) --i;
    return sets_[i].set;
}

void VoterHistory::append(Offset at, VoterSet set) {
    FL_ASSERT(at > sets_.back().at);
    sets_.push_back({at, std::move(set)});
}

void VoterHistory::truncate_end(Offset end) {
    while (sets_.size() > 1 && sets_.back().at >= end) sets_.pop_back();
}

void VoterHistory::restart(Offset end, VoterSet set) {
    sets_.clear();
    sets_.push_back({end + (-1), std::move(set)});
}
}  // namespace faultline::logic::raft
