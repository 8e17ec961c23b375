// The two sparse indexes of a segment, in memory; docs/formats/index.md has their files' bytes.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/storage/batch_header.h"

namespace faultline::storage {

struct IndexEntry {
    std::int32_t last;      // last offset of the batch, relative to the segment's base
    std::int32_t position;  // where that batch begins
    friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

struct TimeEntry {
    std::int64_t timestamp;  // the largest so far
    std::int32_t last;       // last offset of the batch that has it, relative to the base
    friend bool operator==(const TimeEntry&, const TimeEntry&) = default;
};

// Entries ascend strictly in offset, position and timestamp. A value; never parks.
class SegmentIndex {
public:
    static constexpr std::size_t kEntryBytes = 8, kTimeEntryBytes = 12;
    explicit SegmentIndex(Offset base = Offset{0}) : base_(base) {}

    // The batch at `position` was appended. An entry each time more than `interval` bytes went by.
    void add(const BatchHeader& batch, std::uint64_t position, std::int64_t interval);
    // The last entry of the time index, which a segment gets when it ends or is closed.
    void seal();
    // Forgets what is at or behind `position` and offset `end`. The largest timestamp must then be
    // found again from what is left: begin from scan_from() with add_timestamp().
    void truncate(std::uint64_t position, Offset end);

    // Where a scan for `offset` may begin: no batch before it holds `offset`.
    std::optional<IndexEntry> floor(Offset offset) const;
    // The last entry at or before `position` whose batch ends below `limit`.
    std::optional<IndexEntry> floor_position(std::uint64_t position, Offset limit) const;
    // The last entry whose timestamp is <= `timestamp`: nothing before its batch reaches it.
    std::optional<TimeEntry> floor_time(std::int64_t timestamp) const;
    std::optional<IndexEntry> last_entry() const;

    std::int64_t largest_timestamp() const noexcept { return largest_; }
    Offset largest_at() const noexcept { return largest_at_; }
    // Takes a batch's timestamp without an entry: for a scan over bytes that are indexed already.
    void add_timestamp(const BatchHeader& batch);
    std::size_t entries() const noexcept { return offsets_.size(); }
    const std::vector<IndexEntry>& offsets() const noexcept { return offsets_; }
    const std::vector<TimeEntry>& times() const noexcept { return times_; }

    IoBuf encode_offsets() const;
    IoBuf encode_times() const;
    // False, and nothing kept, unless both files are whole entries that ascend and point inside
    // `segment_bytes`.
    bool decode(const IoBuf& offsets, const IoBuf& times, std::uint64_t segment_bytes);
    // What stands behind the last entry had this one; nothing when -1.
    void set_largest(std::int64_t timestamp, Offset at) {
        if (timestamp <= largest_) return;
        largest_ = timestamp;
        largest_at_ = at;
    }
    // How far bytes behind the last entry count for the next one.
    void set_since(std::int64_t bytes) { since_ = bytes; }

private:
    Offset base_;
    std::vector<IndexEntry> offsets_;
    std::vector<TimeEntry> times_;
    std::int64_t since_ = 0;  // bytes behind the last entry
    std::int64_t largest_ = -1;
    Offset largest_at_{-1};
};
}  // namespace faultline::storage
