#include "core/logic/raft/vote_rules.h"

namespace faultline::logic::raft {

bool log_is_current(const LogEnd& candidate, const LogEnd& own) { return candidate >= own; }

bool may_vote(const QuorumState& state, const ReplicaKey& candidate, const LogEnd& candidate_log,
              const LogEnd& own_log) {
    if (state.leader) return false;
    if (state.voted) return state.voted->same(candidate);
    return log_is_current(candidate_log, own_log);
}

bool may_pre_vote(bool hears_leader, const LogEnd& candidate_log, const LogEnd& own_log) {
    return !hears_leader && log_is_current(candidate_log, own_log);
}
}  // namespace faultline::logic::raft
