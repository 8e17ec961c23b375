// Who gets a vote. Each rule is one function, so that a mistake in one can be seen and tested
// alone.
#pragma once
#include <optional>

#include "core/logic/raft/messages.h"

namespace faultline::logic::raft {

// Raft paper, 5.4.1: a voter denies its vote to a candidate whose log is behind its own. It keeps
// every committed record in the log of every later leader.
bool log_is_current(const LogEnd& candidate, const LogEnd& own);

// What a replica has promised in its epoch; durable before anybody is told (quorum-state).
struct QuorumState {
    Epoch epoch{0};
    std::optional<NodeId> leader;     // of this epoch
    std::optional<ReplicaKey> voted;  // in this epoch
    friend bool operator==(const QuorumState&, const QuorumState&) = default;
};

// A vote in the state's own epoch: at most one candidate gets it, and none when there is a leader.
bool may_vote(const QuorumState& state, const ReplicaKey& candidate, const LogEnd& candidate_log,
              const LogEnd& own_log);

// A pre-vote promises nothing. It is denied while the leader is heard of, so that a replica that
// was cut off cannot end a reign that works (KIP-996).
bool may_pre_vote(bool hears_leader, const LogEnd& candidate_log, const LogEnd& own_log);
}  // namespace faultline::logic::raft
