// Which batches and records a compaction keeps (KIP-58, KIP-98, KIP-534; Kafka 4.3.1's answers
// where they are silent).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/logic/storage/compaction_offset_map.h"

namespace faultline::logic::storage {

enum class Marker : std::uint8_t { none, abort, commit, other };  // what a control batch says

struct CompactionBatch {
    Offset base, last;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    bool transactional = false, control = false;
    Marker marker = Marker::none;                // none: a control batch that was emptied
    std::optional<std::int64_t> delete_horizon;  // ms, of its header
};

// The records of `producer` in [first, last] belong to a transaction that was aborted at `last`.
struct AbortedTransaction {
    std::int64_t producer_id;
    Offset first, last;
};

// Finds the aborted transactions of a log: shown its transactional and control batches in order.
class TransactionScan {
public:
    void note(const CompactionBatch& batch);
    // A marker had no data in what was shown: its transaction may have begun earlier.
    bool incomplete() const noexcept { return incomplete_; }
    bool seen() const noexcept { return seen_; }
    const std::vector<AbortedTransaction>& aborted() const noexcept { return aborted_; }

private:
    std::map<std::int64_t, Offset> open_;  // first offset, by producer
    std::vector<AbortedTransaction> aborted_;
    bool incomplete_ = false, seen_ = false;
};

// The newest thing that an active producer wrote: recovery and fencing need it to stay.
struct LastOfProducer {
    std::optional<Offset> last_data;  // empty: only markers are left of it
    std::int16_t producer_epoch = -1;
};

struct CompactionRound {
    std::int64_t now_ms = 0;
    std::int64_t delete_retention_ms = 86'400'000;  // delete.retention.ms
    Offset map_end;                                 // the map knows every key below it
    std::map<std::int64_t, LastOfProducer> active;  // by producer id
    std::vector<AbortedTransaction> aborted;        // ascending by `last`
};

struct BatchRuling {
    enum class Keep : std::uint8_t {
        no,            // its records need not be looked at
        with_records,  // if any record stays
        always,        // as an empty batch when no record stays
    } keep = Keep::with_records;
    bool no_records = false;    // none stays, whatever its key
    bool ended_marker = false;  // a marker whose transaction has no data any more: gets a horizon
};

// Shown every batch of the segments that are rewritten, oldest first. A value; never parks.
class CompactionFilter {
public:
    CompactionFilter(const OffsetMap& map, CompactionRound round);
    // `keep`: the batch must stay, empty if need be (the last one of a new segment).
    BatchRuling rule(const CompactionBatch& batch, bool keep);
    // A record of a data batch for which rule() did not say no_records.
    bool keeps(const CompactionBatch& batch, Offset offset, const std::optional<Bytes>& key,
               bool has_value) const;
    // When tombstones and ended markers that are seen now for the first time may go.
    std::int64_t new_horizon() const;
    std::int64_t now_ms() const noexcept { return round_.now_ms; }

private:
    bool discards(const CompactionBatch& batch);
    bool last_of_producer(const CompactionBatch& batch) const;

    const OffsetMap& map_;
    CompactionRound round_;
    std::size_t next_aborted_ = 0;
    struct Open {
        bool aborted = false;
        bool has_data = false;  // a batch of it still stands in the log
    };
    std::map<std::int64_t, Open> open_;  // by producer
};
}  // namespace faultline::logic::storage
