// Who votes in the quorum (KIP-853).
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace faultline::logic::raft {

// A replica of the metadata log: a node and the directory that its log is in. A node that came back
// with another disk is another replica: it has forgotten what it voted.
struct ReplicaKey {
    NodeId id{-1};
    Uuid directory;  // zero: not known, as with a static list of voters
    // Nodes are equal, and so are directories where both are known.
    bool same(const ReplicaKey& other) const noexcept;
    friend bool operator==(const ReplicaKey&, const ReplicaKey&) = default;
};

// Where a voter listens for controllers and brokers.
struct VoterAddress {
    std::string listener, host;
    std::uint16_t port = 0;
    friend bool operator==(const VoterAddress&, const VoterAddress&) = default;
};
using VoterAddresses = std::vector<VoterAddress>;

// A value; in order of node ids, each once.
class VoterSet {
public:
    VoterSet() = default;
    // From the configuration (kraft.version 0): it never changes.
    explicit VoterSet(std::vector<ReplicaKey> voters);
    // As a log holds it (kraft.version 1).
    VoterSet(std::vector<ReplicaKey> voters, std::map<NodeId, VoterAddresses> addresses);

    bool contains(const ReplicaKey& replica) const;
    const ReplicaKey* find(NodeId id) const;
    // How many make a majority; 1 for the empty set, which nobody wins.
    std::size_t majority() const noexcept { return voters_.size() / 2 + 1; }
    const std::vector<ReplicaKey>& all() const noexcept { return voters_; }
    std::size_t size() const noexcept { return voters_.size(); }

    // Of a voter, as the log says it; null when it does not.
    const VoterAddresses* addresses(NodeId id) const;
    // Whether it was made for a log: kraft.version is 1.
    bool in_log() const noexcept { return in_log_; }

    // Nothing when a replica of that node votes already.
    std::optional<VoterSet> with(const ReplicaKey& replica, VoterAddresses addresses = {}) const;
    // Nothing when it does not vote, or nobody would be left.
    std::optional<VoterSet> without(const ReplicaKey& replica) const;
    // With other addresses of a voter, and its directory where that was not known. Nothing when it
    // does not vote.
    std::optional<VoterSet> updated(const ReplicaKey& replica, VoterAddresses addresses) const;
    friend bool operator==(const VoterSet&, const VoterSet&) = default;

private:
    std::vector<ReplicaKey> voters_;
    std::map<NodeId, VoterAddresses> addresses_;
    bool in_log_ = false;
};

// The voter sets that the log holds. The newest counts from the moment it is appended, committed or
// not; a truncation brings the one before back.
class VoterHistory {
public:
    // `first` counts until the log holds another.
    explicit VoterHistory(VoterSet first) : sets_{{Offset{-1}, std::move(first)}} {}
    const VoterSet& current() const noexcept { return sets_.back().set; }
    // Where the newest one stands; -1 for the first.
    Offset current_offset() const noexcept { return sets_.back().at; }
    // As it was at the entry before `end`.
    const VoterSet& before(Offset end) const;
    // Requires a higher offset than all before.
    void append(Offset at, VoterSet set);
    // The log now ends at `end`.
    void truncate_end(Offset end);
    // A snapshot up to `end` holds `set`; nothing before is needed.
    void restart(Offset end, VoterSet set);

private:
    struct Entry {
        Offset at;
        VoterSet set;
    };
    std::vector<Entry> sets_;
};
}  // namespace faultline::logic::raft
