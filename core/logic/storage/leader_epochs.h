// Which leader epoch wrote which offsets of one log (KIP-101).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"

namespace faultline::logic::storage {

struct EpochStart {
    Epoch epoch;
    Offset start;
    friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

// Both epochs and starts ascend strictly. A value; no effects.
class LeaderEpochs {
public:
    // `epoch` begins at `start`. Entries that it contradicts (a later or equal epoch, or a later or
    // equal start) are dropped, as Kafka does. False when nothing changed.
    bool assign(Epoch epoch, Offset start);
    // The log now ends at `end`: epochs that start at or above it are gone.
    bool truncate_end(Offset end);
    // The leader's epoch is `epoch`: later ones cannot be.
    bool forget_above(Epoch epoch);
    // The log now starts at `start`: the epoch that holds it starts there.
    bool truncate_start(Offset start);
    void clear() { entries_.clear(); }
    const std::vector<EpochStart>& entries() const noexcept { return entries_; }
    std::optional<Epoch> latest() const;
    // The largest entry <= `epoch` and where it ends; empty when there is none.
    struct End {
        Epoch epoch;
        Offset end;
    };
    std::optional<End> end_of(Epoch epoch, Offset log_end) const;
    // What a leader in epoch `current` answers to OffsetForLeaderEpoch (KIP-320): as end_of, but an
    // epoch older than all that are known ended, empty, where the oldest one begins. Nothing for an
    // epoch above `current`.
    std::optional<End> answer(Epoch asked, Epoch current, Offset log_end) const;
    // The leader's log parts from this one, and it has of the epoch that it has in common, or of an
    // older one, what is below `leaders.end`: up to where this log may be kept. What this replica
    // has of later epochs alone is none of the leader's.
    Offset shared_end(End leaders, Offset log_end) const;
    // The epoch that wrote `offset`.
    std::optional<Epoch> at(Offset offset) const;

    // "0\n<count>\n<epoch> <start>\n..."; false, and nothing kept, when `text` is anything else.
    std::string print() const;
    bool parse(std::string_view text);

private:
    std::vector<EpochStart> entries_;
};

// Learns epochs from the batches of a log that is opened. A batch's checksum does not cover its
// epoch, so one that its neighbours contradict is not believed: epochs never fall along a log.
class EpochScan {
public:
    explicit EpochScan(LeaderEpochs& into) : into_(into) {}
    // The batches in their order; those without an epoch (-1) are passed over.
    void note(Epoch epoch, Offset base);
    // There are no more. True when an entry was added since the last call.
    bool finish();

private:
    void take();
    LeaderEpochs& into_;
    // The batch before, and one behind it whose epoch is lower: the next one tells which is wrong.
    std::optional<EpochStart> held_, lower_;
    bool added_ = false;
};
}  // namespace faultline::logic::storage
