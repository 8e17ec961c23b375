// What a replica must know of its log to decide; the records stay with the shell.
#pragma once
#include <optional>

#include "core/logic/raft/messages.h"
#include "core/logic/storage/leader_epochs.h"

namespace faultline::logic::raft {

struct LogView {
    storage::LeaderEpochs epochs;
    Offset start{0}, end{0}, durable{0};
    std::uint64_t cuts = 0;  // how often it was cut or replaced since the start
    LogEnd snapshot;         // what stands before `start`, when that is above 0

    // The epoch of the last record, and the end.
    LogEnd last() const;
    // Whether a log that ends at `other` is a beginning of this one; if not, where they part at the
    // latest. Nothing: this log starts above, a snapshot is needed.
    struct Match {
        bool same = false;
        LogEnd parts_at;
    };
    std::optional<Match> match(const LogEnd& other) const;

    void append(const Batch& batch);
    void truncate(Offset to);
    void restart(const LogEnd& at);
    void trim(const LogEnd& at);
};
}  // namespace faultline::logic::raft
