// One segment of a log: its file, its indexes, and how far its bytes are known to be good.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/disk.h"
#include "core/logic/producer/producer_snapshot.h"
#include "core/logic/storage/retention_policy.h"
#include "core/storage/batch_scan.h"
#include "core/storage/segment_index.h"

namespace faultline::storage {

struct BatchAt {
    BatchHeader header;
    std::uint64_t position;
};

// Sealed segments never change; the newest one grows through appended(). The file and the indexes
// of a sealed segment are read when they are first needed. One shard; shared with readers that may
// be parked while the log drops the segment.
class Segment {
public:
    Segment(Disk& disk, const std::string& dir, Offset base, std::uint64_t bytes);

    Offset base() const noexcept { return base_; }
    std::uint64_t bytes() const noexcept { return bytes_; }
    std::string log_path() const { return stem_ + ".log"; }
    std::string index_path() const { return stem_ + ".index"; }
    std::string time_index_path() const { return stem_ + ".timeindex"; }
    // Parks when the file is not open yet.
    Result<FileRef> file();
    // Makes the .log file, empty, durable with its directory entry. Parks.
    Result<void> create();

    // Its file is there, and has no bytes. Never parks.
    void open_empty() noexcept;

    // `log` holds bytes() good bytes and will be found at log_path(); `index` is of them.
    void adopt(FileRef log, SegmentIndex index);
    // Of the first batch; -1: none. Parks when it is not known yet.
    Result<std::int64_t> find_first_timestamp();

    // Grows by one batch that was written at bytes().
    void appended(const BatchHeader& batch, std::int64_t index_interval);
    // Reads every batch, checks CRCs and offsets, rebuilds the indexes; `each` sees every good
    // batch. Stops at the first bad one and says where. With `gaps` offsets may be missing
    // anywhere, else only below dense_from. Parks. io.
    struct Damage {
        std::uint64_t position;
        Offset expected;  // the offset that should have been here, at least
    };
    using Each = std::function<void(const BatchAt&)>;
    Result<std::optional<Damage>> scan(std::int64_t index_interval, std::uint64_t file_bytes,
                                       bool gaps, const Each& each);
    // The same from position() of the last mark on, where `expected` is the next offset, if
    // load_index() found what the mark says; requires resumable().
    Result<std::optional<Damage>> scan_on(std::int64_t index_interval, std::uint64_t file_bytes,
                                          Offset expected, const Each& each);
    // Cuts file and indexes to `position`, where the batch with offset `end` would begin. Durable
    // when it returns. Parks.
    Result<void> cut(std::uint64_t position, Offset end);

    // What a snapshot says of this segment is believed: as long as nothing was appended, neither
    // the indexes nor the log have to be read. `synced`: a clean stop has synced the index files.
    // Never parks.
    void restore(const logic::LogMark& mark, bool synced);
    // The indexes from their files are those that the mark of restore() was made of. False: scan().
    // Parks.
    Result<bool> resumable();
    // Brings the index files up to date without a sync, and says what is where. Parks.
    Result<logic::LogMark> mark();

    // The indexes from their files, or by a scan when those are missing or wrong; true: rebuilt.
    // Parks.
    Result<bool> load_index(std::int64_t index_interval);
    // A lookup disagreed with the log: reads all of it again, unless that was done already. True:
    // look again. Parks.
    Result<bool> rebuild_index(std::int64_t index_interval);
    bool index_loaded() const noexcept { return loaded_; }
    // From the indexes, or from the last entry of the time index's file: a pass over all segments
    // must not bring all indexes into memory. Parks.
    Result<std::int64_t> largest_timestamp(std::int64_t index_interval);
    // Of a sealed segment: lets the indexes go when nobody used them since the last call and their
    // files hold them.
    void release_idle_index();
    // Lets the file go, or only when nobody used it since the last call: it is opened again when it
    // is needed. Readers keep what they hold.
    void release_file() noexcept { file_.reset(); }
    void release_idle_file() noexcept;
    // Writes both index files and syncs them. Parks.
    Result<void> save_index(bool final);
    // Whether the index files hold what a restart has to find.
    bool index_saved() const noexcept { return saved_ || bytes_ == 0; }
    SegmentIndex& index() noexcept { return index_; }
    const SegmentIndex& index() const noexcept { return index_; }

    // The first batch whose last offset is >= `offset`; empty when there is none. Parks.
    // corrupt: the way there is damaged.
    Result<std::optional<BatchAt>> locate(Offset offset);
    // The end of the last whole batch in [start, start + budget] that ends below `limit`; at least
    // the first batch when `min_one`. Returns position and next offset. Parks.
    struct Boundary {
        std::uint64_t position;
        Offset next;
    };
    Result<Boundary> boundary(const BatchAt& start, std::uint64_t budget, Offset limit,
                              bool min_one);
    // Checks CRCs and offsets of [from, to), where the batch with the offset `first` begins, unless
    // this incarnation wrote or checked them already. Returns how far it is good. Parks.
    // The CRC does not cover a batch's base offset, so a rotten one only shows in that offsets do
    // not follow each other.
    Result<std::uint64_t> verify(std::uint64_t from, std::uint64_t to, Offset first);
    void mark_verified(std::uint64_t from, std::uint64_t to);
    // Whether a batch at `base` may stand where `expected` is the next offset.
    bool follows(Offset expected, Offset base) const {
        return base == expected || (base > expected && base <= dense_from);
    }
    bool verified(std::uint64_t from, std::uint64_t to) const {
        return from >= verified_from_ && to <= verified_to_;
    }

    // Compaction may have taken offsets below it; from it on none is missing.
    Offset dense_from{0};
    std::int64_t first_timestamp = -1;    // of its first batch, for rolls by time
    std::int64_t created_ms = 0;          // wall time at which this process made or opened it
    std::optional<MonoTime> last_append;  // by this process

private:
    struct Walked {  // how far a scan came
        std::uint64_t position = 0;
        Offset expected;
        std::int64_t first_timestamp = -1;
    };
    struct Rules {
        std::int64_t index_interval;
        bool gaps;
    };
    Result<std::optional<Damage>> walk_batches(const FileRef& log, Walked& at, SegmentIndex& fresh,
                                               Rules rules, std::uint64_t end, const Each& each);
    Result<std::optional<Damage>> scan_from(Walked at, SegmentIndex fresh, Rules rules,
                                            std::uint64_t file_bytes, const Each& each);
    Result<bool> load_index(std::int64_t index_interval, bool or_scan);
    Result<void> write_index(bool synced);

    Disk& disk_;
    Offset base_;
    std::string stem_;
    std::uint64_t bytes_;
    FileRef file_;
    SegmentIndex index_;
    bool loaded_ = false;
    bool from_file_ = false;  // the index was believed, not built
    bool saved_ = false;      // the files hold what is in memory, durably
    // So much of them is what is in memory; the rest, if any, is old.
    std::size_t offsets_on_disk_ = 0, times_on_disk_ = 0;
    std::unique_ptr<logic::LogMark> mark_;  // until the indexes are loaded
    bool used_ = false;                     // since release_idle_index()
    bool file_used_ = false;                // since release_idle_file()
    std::optional<std::int64_t> largest_;   // of a sealed segment
    std::uint64_t verified_from_ = 0, verified_to_ = 0;
};
using SegmentRef = std::shared_ptr<Segment>;
}  // namespace faultline::storage
