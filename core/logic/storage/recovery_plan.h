// What to do with the files that a start finds in a partition's directory, and with damaged bytes.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"

namespace faultline::logic::storage {

// "00000000000000000042" + suffix. Requires base >= 0.
std::string segment_name(Offset base, std::string_view suffix);
// The base offset of a 20-digit name that ends in `suffix`.
std::optional<Offset> parse_segment_name(std::string_view name, std::string_view suffix);

struct FoundFile {
    std::string name;
    std::uint64_t size = 0;
};

struct SegmentPlan {
    Offset base;
    std::uint64_t bytes = 0;
    bool has_index = false, has_time_index = false;
    bool scan = false;  // read every batch and check it; rebuild the indexes
};

struct RecoveryPlan {
    std::vector<SegmentPlan> segments;  // ascending; empty: a new log
    std::vector<std::string> remove;    // left over: no crash can make them matter
    std::vector<Offset> snapshots;      // of producers, ascending
};

// What a compaction left that did not come to its end. It writes N.log.cleaned, and when that is
// durable renames it to N.log.swap: from then on the swap must be finished, since the segments that
// it replaces may be gone in part. Kafka renames several files one after the other, the highest
// first: beside a .cleaned file a .swap of the same base or a higher one does not count yet.
struct SwapPlan {
    std::vector<Offset> finish;       // ascending
    std::vector<std::string> remove;  // what is not finished, and indexes, which are made anew
};
SwapPlan plan_swaps(std::span<const FoundFile> files);
// The names that make way for N.log.swap when its batches end at `end`: every file of a segment
// that begins between, and the indexes of N's own.
std::vector<std::string> replaced_by_swap(std::span<const FoundFile> files, Offset base,
                                          Offset end);

// offset-gaps-checkpoint: "0\n<offset>\n". Empty when `text` is anything else.
std::string print_gaps(Offset dense_from);
std::optional<Offset> parse_gaps(std::string_view text);

// A clean log is taken as it is. Otherwise every segment from the one that holds `recovery_point`
// on is read; those below it are durable as a whole and are checked when they are first read.
RecoveryPlan plan_recovery(std::span<const FoundFile> files, bool clean, Offset recovery_point);

// Which of the `snapshots` (ascending) a log with these segment `bases` (ascending, not empty)
// needs no longer: those below its first segment, and of the others all that do not stand where a
// segment begins, but for the newest.
std::vector<Offset> stray_snapshots(std::span<const Offset> snapshots,
                                    std::span<const Offset> bases);

// What is known of the names in a log's directory when a start found everything in its place.
struct Names {
    // The log stands in the recovery point checkpoint: it was made, durably, before that was
    // written.
    bool checkpointed = false;
    bool untouched = false;         // one segment, at offset 0, without a byte
    bool marked_in_active = false;  // a snapshot tells of bytes of the newest segment
    // The first segment, and what stands in the checkpoint files of the log, are those of the
    // snapshot; without one, 0 and nothing.
    bool others_as_marked = false;
};
// Whether all of them are durable. A process that is killed between a rename or a removal and the
// sync of the directory leaves what the next power loss takes back. While a snapshot tells of bytes
// of the newest segment, no segment was made since, and none was cut off.
bool names_durable(const Names& names);

// What is known of the first bytes that are not a good batch.
struct Damage {
    bool active_segment = true;         // it is in the newest segment
    bool clean = false;                 // the log was shut down cleanly: nothing may be damaged
    bool below_recovery_point = false;  // a checkpoint says that it was durable
    bool one_bit_off = false;           // changing one bit makes it a good batch
};
enum class Verdict : std::uint8_t { torn_tail, corruption };

// A crash may leave anything where writes were not synced: pages that were never written, a sector
// torn in the middle, and whole batches behind them. It cannot damage what was durable (sealed
// segments, everything below the recovery point, a log that was closed), and it does not flip
// single bits. Damage that a crash explains is a torn tail and is cut; any other is corruption:
// cutting there would silently take records that were acknowledged.
Verdict judge(const Damage&);
}  // namespace faultline::logic::storage
