// The batches of one partition that a producer has sent and that have no final answer: which may go
// next, which go again, under which numbers. Pure. Sources: KIP-98, KIP-360, KAFKA-5494 (five in
// flight with idempotence).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "gen/wire/errors.h"

namespace faultline::client {

// What an answer, or its lack, says of one batch.
enum class BatchAnswer : std::uint8_t {
    written,           // or known as written already
    refused,           // this attempt is surely not in the log; a later one may succeed
    unclear,           // this attempt may be in the log; send it again
    refused_for_good,  // surely not in the log, and never will be
    unclear_for_good,  // may be in the log; asking again is of no use
    out_of_order,      // surely not in the log: another sequence number was expected
    forgotten,         // surely not in the log: the broker does not know the producer
    fenced,            // surely not in the log: another has the producer id with a newer epoch
};
// What a broker's answer says. A leader that resigns while it waits for its followers answers as
// one that never led, so NOT_LEADER_OR_FOLLOWER is unclear.
BatchAnswer meaning_of(wire::KafkaError error) noexcept;

struct BatchVerdict {
    enum class Fate : std::uint8_t { done, again, failed };
    Fate fate = Fate::done;
    bool maybe_written = false;  // of a failed one
    bool pause = false;          // of one that goes again: the broker needs time
};

// With numbers (idempotence):
// - batches are numbered in the order of take(), and are in the log in that order, each once;
// - what is sent again goes in that order, under the numbers that it had;
// - numbers change only when nothing is under way and nothing that is left may be in the log: then
//   the epoch rises, which fences what may still come late, and they begin at 0. A batch that may
//   be in the log never gets other numbers: it fails rather than stand there twice;
// - before the broker has accepted one batch under new numbers only one is under way: a broker that
//   does not know a producer takes any sequence number for its first.
// Without numbers the order holds with a limit of one.
class InFlight {
public:
    using Id = std::uint64_t;
    struct Numbers {
        std::int64_t producer_id = -1;
        std::int16_t epoch = -1;
        std::int32_t sequence = -1;
        friend bool operator==(const Numbers&, const Numbers&) = default;
    };
    // How many of a producer's newest batches a broker recognises.
    static constexpr std::size_t kMostNumbered = 5;

    // At most `limit` batches under way, with numbers at most kMostNumbered.
    InFlight(std::size_t limit, bool numbered);

    // A producer id is needed before anything can be sent.
    bool wants_id() const noexcept { return numbered_ && producer_id_ < 0; }
    // Requires wants_id(). What is here is numbered from 0 on.
    void identified(std::int64_t producer_id, std::int16_t epoch);
    // There are no producer ids: goes on without numbers, one batch at a time.
    void renounce();

    // Whether a new batch may be sent now.
    bool may_take() const;
    // Requires may_take(). The batch counts as sent.
    Id take(std::int32_t records);
    // The batch that is to be sent again, when one may be now.
    std::optional<Id> next_again() const;
    // Requires: next_again() named it.
    void resent(Id id);
    Numbers numbers(Id id) const;

    // Requires: sent, and not answered since. All but `again` end the batch's life here.
    BatchVerdict answered(Id id, BatchAnswer answer);
    // Its time is over, whether it is under way or waits.
    BatchVerdict expired(Id id);
    // Instead of answered(), when it is refused for its size: it may be split.
    bool may_split(Id id) const;
    // Two in its place, of `first` records and the rest, with its numbers, both to be sent again.
    std::pair<Id, Id> split(Id id, std::int32_t first);

    // In the order of the partition.
    std::vector<Id> ids() const;
    bool empty() const noexcept { return ids().empty(); }
    // Changes with every new numbering.
    std::int16_t epoch() const noexcept { return epoch_; }

private:
    struct Batch {
        Id id = 0;
        std::int32_t records = 0, sequence = -1;
        bool out = false;      // under way
        bool unclear = false;  // an attempt may be in the log
        bool alone = false;    // nothing was left before it when it was sent last
        // In the log. It keeps its place while one before it has none: a broker recognises only its
        // newest batches, so no more than those may follow the oldest that is not settled.
        bool done = false;
    };
    using Place = std::vector<Batch>::iterator;
    std::size_t limit() const noexcept;
    Place place(Id id);
    void drop_done();
    BatchVerdict misnumbered(Place at, BatchAnswer answer);
    BatchVerdict fail(Place at);
    // Takes new numbers when they are needed and nothing forbids it.
    void settle();
    void number_from_zero();
    void check() const;

    std::size_t limit_;
    bool numbered_;
    std::vector<Batch> batches_;  // in order
    Id next_id_ = 1;
    std::int64_t producer_id_ = -1;
    std::int16_t epoch_ = -1;
    std::int32_t next_sequence_ = 0;
    bool broken_ = false;   // a number was lost: all that is left needs new ones
    bool spent_ = false;    // ... and another producer id, too
    bool known_ = false;    // the broker has taken a batch under these numbers
    bool probing_ = false;  // an attempt failed: only the first goes, until one succeeds
};

// Sequence numbers go round after the largest int32.
std::int32_t sequence_past(std::int32_t sequence, std::int32_t records) noexcept;
}  // namespace faultline::client
