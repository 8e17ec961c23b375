// What a partition remembers of its idempotent producers: enough to tell a new batch from one that
// it has already written. Pure. Sources: KIP-98, KIP-360; where they are silent, Kafka 4.3.1's
// answers (tests/unit/logic/producer, against vectors made by Kafka's own classes).
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace faultline::logic {

// The producer's side of a batch header.
struct ProducerBatch {
    std::int64_t producer_id = -1;  // -1: not idempotent, always appended
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t count = 0;  // records
};

enum class ProducerCheck : std::uint8_t {
    append,
    duplicate,               // answer with where it was written the first time
    out_of_order_sequence,   // OUT_OF_ORDER_SEQUENCE_NUMBER
    invalid_producer_epoch,  // INVALID_PRODUCER_EPOCH
};

struct ProducerVerdict {
    ProducerCheck check = ProducerCheck::append;
    Offset first{-1}, last{-1};  // of the duplicate
    std::int64_t timestamp = -1;
};

class ProducerStates {
public:
    // How many of a producer's newest batches are recognised when they come again.
    static constexpr std::size_t kRemembered = 5;

    ProducerVerdict check(const ProducerBatch& batch) const;
    // The batch now stands at first..last. Requires: check() said append, or the log is replayed.
    // `now` is what expiry counts from.
    void appended(const ProducerBatch& batch, Offset first, Offset last, std::int64_t timestamp,
                  WallTime now);
    // Forgets producers that have been idle for longer than `idle` (producer.id.expiration.ms).
    void expire(WallTime now, Duration idle);
    // The log was cut: batches at or above `end` never happened.
    void truncate(Offset end);
    void clear() { states_.clear(); }
    std::size_t size() const noexcept { return states_.size(); }
    bool knows(std::int64_t producer_id) const { return states_.contains(producer_id); }
    // Whether its producer numbered others before this batch, in the same epoch, that are not known
    // here.
    bool gap_before(const ProducerBatch& batch) const;

    struct Batch {
        std::int32_t base_sequence, last_sequence;
        Offset first, last;
        std::int64_t timestamp;
    };
    struct State {
        std::int16_t epoch = -1;
        std::vector<Batch> batches;  // oldest first, at most kRemembered
        WallTime touched{};          // what expiry counts from
    };
    // By producer id.
    const std::map<std::int64_t, State>& states() const noexcept { return states_; }
    // What a snapshot holds of one producer.
    void restore(std::int64_t producer_id, State state);

    // For DescribeProducers and compaction, in order of the producer id.
    struct Entry {
        std::int64_t producer_id;
        std::int16_t producer_epoch;
        std::int32_t last_sequence;
        Offset last_offset;
        std::int32_t offset_delta;  // last offset - first offset of the newest batch
        std::int64_t last_timestamp;
    };
    std::vector<Entry> entries() const;

private:
    std::map<std::int64_t, State> states_;
};

// The sequence `n` after `base`: sequences go from 2147483647 to 0.
std::int32_t sequence_after(std::int32_t base, std::int32_t n) noexcept;
// The sequence `n` before `last`, through the wrap in the same way.
std::int32_t sequence_before(std::int32_t last, std::int32_t n) noexcept;
// Whether `a` comes before `b`. Sequences go round: the one comes first that is less than half of
// them behind.
bool sequence_precedes(std::int32_t a, std::int32_t b) noexcept;
}  // namespace faultline::logic
