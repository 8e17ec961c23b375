// How long a broker may lead after a word of its controller, and how long a controller waits until
// others may lead: the first ends before the second (INV-158, docs/DURABILITY.md). A tenth of each
// is for clocks that do not run alike. All nodes have the same time-outs.
#pragma once
#include <algorithm>

#include "core/base/time.h"

namespace faultline::controller {

// From the moment at which a heartbeat was sent that the controller answered.
constexpr Duration broker_lease(Duration session) { return session * 9 / 10; }

// After its election a controller gives every broker a new session, but the node that led the
// quorum in the epoch before: nobody has heard of that one for a fetch time-out. What a controller
// before that one had answered it is over then, too. It may be elected sooner when the one before
// runs no more, or has said that it leads no more: its broker was told before that was sent (its
// other shards a moment later, which what is waited for covers).
constexpr Duration successor_waits(Duration session, Duration fetch_timeout) {
    return std::max(session / 3, session - fetch_timeout);
}

// By the word of a controller in the same process, which may have been succeeded unheard.
// `majority_until`: until then nobody else is elected (Raft::majority_until).
constexpr MonoTime own_word_lease(MonoTime majority_until, Duration session,
                                  Duration fetch_timeout) {
    if (majority_until == MonoTime::never() || majority_until == MonoTime{}) return majority_until;
    const Duration waits = successor_waits(session, fetch_timeout);
    return majority_until + (waits - (fetch_timeout + waits) / 10);
}
}  // namespace faultline::controller
