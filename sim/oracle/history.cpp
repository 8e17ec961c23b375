#include "sim/oracle/history.h"

namespace faultline::sim {

std::span<const HistoryCheck> history_checks() {
    static constexpr HistoryCheck all[] = {
        {95, "lost-write", lost_write, true},
        {96, "duplicate", duplicate},
        {97, "inconsistent-offsets", inconsistent_offsets},
        {98, "unseen", unseen, true},
        {99, "poll-skip", poll_skip},
        {100, "nonmonotonic-poll", nonmonotonic_poll},
        {101, "nonmonotonic-send", nonmonotonic_send},
        {102, "aborted-read", aborted_read},
    };
    return all;
}
}  // namespace faultline::sim
