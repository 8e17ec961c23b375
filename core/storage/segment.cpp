#include "core/storage/segment.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/logic/storage/recovery_plan.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kIndexLimit = 1U << 30U;

// An index file only grows, unless its segment was cut: `there` bytes of it are right already.
Result<void> write_grown(Disk& disk, const std::string& path, const IoBuf& content,
                         std::size_t there, bool synced) {
    FL_TRY(FileRef file, disk.open(path, OpenMode::create));
    if (there == 0) FL_CHECK(file->truncate(0));
    if (content.size() > there)
        FL_CHECK(file->write(there, content.sub(there, content.size() - there)));
    return synced ? file->sync(SyncMode::data_and_metadata) : Result<void>{};
}

bool begins_with(const IoBuf& file, const logic::LogMark::Prefix& prefix) {
    const auto bytes = static_cast<std::size_t>(prefix.bytes);
    return file.size() >= bytes && crc32c(file.sub(0, bytes), 0) == prefix.crc;
}
}  // namespace

Segment::Segment(Disk& disk, const std::string& dir, Offset base, std::uint64_t bytes)
    : disk_(disk),
      base_(base),
      stem_(dir + "/" + logic::storage::segment_name(base, "")),
      bytes_(bytes),
      index_(base) {}

Result<FileRef> Segment::file() {
    if (file_ == nullptr) {
        FL_TRY(FileRef opened, disk_.open(log_path(), OpenMode::read_write));
        if (file_ == nullptr) file_ = std::move(opened);  // another fiber may have been faster
    }
    file_used_ = true;
    return file_;
}

Result<void> Segment::create() {
    FL_TRY(FileRef made, disk_.open(log_path(), OpenMode::create));
    FL_CHECK(made->truncate(0));
    FL_CHECK(made->sync(SyncMode::data_and_metadata));
    FL_CHECK(disk_.sync_dir(parent_of(stem_)));
    file_ = std::move(made);
    bytes_ = 0;
    loaded_ = true;
    return {};
}

void Segment::open_empty() noexcept {
    FL_ASSERT(bytes_ == 0);
    loaded_ = true;
}

void Segment::adopt(FileRef log, SegmentIndex index) {
    file_ = std::move(log);
    index_ = std::move(index);
    loaded_ = true;
    mark_verified(0, bytes_);
}

Result<std::int64_t> Segment::find_first_timestamp() {
    if (first_timestamp >= 0 || bytes_ == 0) return first_timestamp;
    FL_TRY(FileRef log, file());
    BatchScan walk(std::move(log), 0, bytes_, BatchScan::Check::header);
    FL_TRY(const BatchScan::Step step, walk.next());
    if (step == BatchScan::Step::batch) first_timestamp = walk.header().max_timestamp;
    return first_timestamp;
}

void Segment::appended(const BatchHeader& batch, std::int64_t index_interval) {
    FL_ASSERT(loaded_);
    saved_ = false;
    largest_.reset();
    if (bytes_ == 0) first_timestamp = batch.max_timestamp;
    index_.add(batch, bytes_, index_interval);
    if (verified_to_ == bytes_) verified_to_ += batch.size();
    bytes_ += batch.size();
}

Result<std::optional<Segment::Damage>> Segment::scan(std::int64_t index_interval,
                                                     std::uint64_t file_bytes, bool gaps,
                                                     const Each& each) {
    return scan_from({0, base_, -1}, SegmentIndex(base_), {index_interval, gaps}, file_bytes, each);
}

Result<std::optional<Segment::Damage>> Segment::scan_on(std::int64_t index_interval,
                                                        std::uint64_t file_bytes, Offset expected,
                                                        const Each& each) {
    FL_ASSERT(loaded_);
    return scan_from({bytes_, expected, first_timestamp}, std::move(index_),
                     {index_interval, false}, file_bytes, each);
}

// Goes on from `at`, which moves along, to `end`.
Result<std::optional<Segment::Damage>> Segment::walk_batches(const FileRef& log, Walked& at,
                                                             SegmentIndex& fresh, Rules rules,
                                                             std::uint64_t end, const Each& each) {
    BatchScan walk(log, at.position, end, BatchScan::Check::crc);
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) return std::optional<Damage>{};
        const bool in_order = step == BatchScan::Step::batch && walk.header().base >= at.expected &&
                              (rules.gaps || follows(at.expected, walk.header().base)) &&
                              walk.header().last() - base_ <= INT32_MAX &&
                              walk.position() <= INT32_MAX;
        if (!in_order) return std::optional<Damage>{{walk.position(), at.expected}};
        if (walk.position() == 0) at.first_timestamp = walk.header().max_timestamp;
        fresh.add(walk.header(), walk.position(), rules.index_interval);
        at.expected = walk.header().last() + 1;
        at.position = walk.next_position();
        if (each) each({walk.header(), walk.position()});
    }
}

Result<std::optional<Segment::Damage>> Segment::scan_from(Walked at, SegmentIndex fresh,
                                                          Rules rules, std::uint64_t file_bytes,
                                                          const Each& each) {
    FL_TRY(const FileRef log, file());
    const std::uint64_t begin = at.position;
    const bool was_loaded = loaded_;
    std::optional<Damage> damage;
    for (std::uint64_t end = file_bytes;; file_bytes = end) {
        FL_TRY(damage, walk_batches(log, at, fresh, rules, end, each));
        // Of a log that is open: it may have grown while this fiber was parked.
        if (damage || each || bytes_ <= end) break;
        end = bytes_;
    }
    if (!each && (bytes_ < file_bytes || (loaded_ && !was_loaded))) return damage;  // or changed
    index_ = std::move(fresh);
    loaded_ = true;
    from_file_ = saved_ = false;
    if (begin == 0) offsets_on_disk_ = times_on_disk_ = 0;
    mark_.reset();
    first_timestamp = at.first_timestamp;
    if (each) bytes_ = file_bytes;
    mark_verified(begin, at.position);
    return damage;
}

Result<void> Segment::cut(std::uint64_t position, Offset end) {
    FL_ASSERT(loaded_);
    FL_TRY(FileRef log, file());
    FL_CHECK(log->truncate(position));
    FL_CHECK(log->sync(SyncMode::data_and_metadata));
    bytes_ = position;
    saved_ = false;
    offsets_on_disk_ = times_on_disk_ = 0;
    largest_.reset();
    verified_from_ = std::min(verified_from_, position);
    verified_to_ = std::min(verified_to_, position);
    index_.truncate(position, end);
    // The timestamps behind the last entry that stayed are found again.
    const auto last = index_.last_entry();
    const std::uint64_t from = last ? static_cast<std::uint64_t>(last->position) : 0;
    BatchScan walk(std::move(log), from, position, BatchScan::Check::header);
    std::int64_t since = 0;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step != BatchScan::Step::batch) break;
        index_.add_timestamp(walk.header());
        since += static_cast<std::int64_t>(walk.header().size());
    }
    index_.set_since(since);
    return {};
}

void Segment::restore(const logic::LogMark& mark, bool synced) {
    FL_ASSERT(!loaded_ && mark.segment == base_);
    mark_ = std::make_unique<logic::LogMark>(mark);
    bytes_ = static_cast<std::uint64_t>(mark.position);
    first_timestamp = mark.first_timestamp;
    largest_ = mark.largest_timestamp;
    saved_ = synced;
}

Result<bool> Segment::resumable() {
    FL_ASSERT(mark_ != nullptr);
    FL_TRY(const bool rebuilt, load_index(INT64_MAX, false));
    (void)rebuilt;
    return loaded_;
}

Result<bool> Segment::load_index(std::int64_t index_interval) {
    return load_index(index_interval, true);
}

Result<bool> Segment::load_index(std::int64_t index_interval, bool or_scan) {
    used_ = true;
    if (loaded_) return false;
    auto offsets = read_file(disk_, index_path(), kIndexLimit);
    if (!offsets.ok() && offsets.code() != Errc::not_found) return offsets.error();
    auto times = read_file(disk_, time_index_path(), kIndexLimit);
    if (!times.ok() && times.code() != Errc::not_found) return times.error();
    if (loaded_) return false;  // another fiber did it while this one was parked
    if (mark_ != nullptr) {
        // Nobody synced them: what a power loss left of them must be what the mark saw.
        const IoBuf o = offsets.ok() ? *offsets : IoBuf{}, t = times.ok() ? *times : IoBuf{};
        const bool same = begins_with(o, mark_->offsets) && begins_with(t, mark_->times);
        if (same) offsets = o.sub(0, static_cast<std::size_t>(mark_->offsets.bytes));
        if (same) times = t.sub(0, static_cast<std::size_t>(mark_->times.bytes));
        if (!same) offsets = Error{Errc::not_found, 0, "segment.load_index"};
    }
    const bool found = offsets.ok() && times.ok();
    if (found && index_.decode(*offsets, *times, bytes_)) {
        loaded_ = from_file_ = true;
        saved_ |= mark_ == nullptr;  // else restore() knows
        offsets_on_disk_ = offsets->size();
        times_on_disk_ = times->size();
        if (mark_ != nullptr) {
            index_.set_largest(mark_->largest_timestamp, mark_->largest_at);
            index_.set_since(mark_->position - mark_->last_entry);
        }
        mark_.reset();
        return false;
    }
    if (!or_scan) return false;
    FL_TRY(const auto damage, scan(index_interval, bytes_, true, nullptr));
    (void)damage;  // what lies behind it cannot be reached: locate() says corrupt
    return true;
}

Result<bool> Segment::rebuild_index(std::int64_t index_interval) {
    if (!from_file_) return false;
    FL_TRY(const auto damage, scan(index_interval, bytes_, true, nullptr));
    (void)damage;
    return true;
}

Result<void> Segment::save_index(bool final) {
    FL_ASSERT(loaded_);
    if (final) index_.seal();
    FL_CHECK(write_index(true));
    saved_ = true;
    return {};
}

Result<void> Segment::write_index(bool synced) {
    const IoBuf offsets = index_.encode_offsets(), times = index_.encode_times();
    FL_CHECK(write_grown(disk_, index_path(), offsets, offsets_on_disk_, synced));
    offsets_on_disk_ = offsets.size();
    FL_CHECK(write_grown(disk_, time_index_path(), times, times_on_disk_, synced));
    times_on_disk_ = times.size();
    return {};
}

Result<logic::LogMark> Segment::mark() {
    FL_ASSERT(loaded_);
    if (!saved_) FL_CHECK(write_index(false));
    const IoBuf offsets = index_.encode_offsets(), times = index_.encode_times();
    const auto prefix = [](const IoBuf& file) {
        return logic::LogMark::Prefix{static_cast<std::int64_t>(file.size()), crc32c(file, 0)};
    };
    logic::LogMark mark;
    mark.segment = base_;
    mark.position = static_cast<std::int64_t>(bytes_);
    if (const auto entry = index_.last_entry()) mark.last_entry = entry->position;
    mark.first_timestamp = first_timestamp;
    mark.largest_timestamp = index_.largest_timestamp();
    mark.largest_at = index_.largest_at();
    mark.offsets = prefix(offsets);
    mark.times = prefix(times);
    return mark;
}

Result<std::int64_t> Segment::largest_timestamp(std::int64_t index_interval) {
    if (loaded_) return index_.largest_timestamp();
    if (largest_) return *largest_;
    constexpr std::size_t kEntry = SegmentIndex::kTimeEntryBytes;
    if (auto times = disk_.open(time_index_path(), OpenMode::read); times.ok()) {
        FL_TRY(const std::uint64_t size, (*times)->size());
        if (size >= kEntry && size % kEntry == 0) {
            FL_TRY(const IoBuf last, (*times)->read(size - kEntry, kEntry));
            const Slice raw = last.coalesce_copy();
            if (raw.size() == kEntry && load_be64(raw.bytes().data()) > 0) {
                largest_ = load_be64(raw.bytes().data());
                return *largest_;
            }
        }
    }
    FL_TRY(const bool rebuilt, load_index(index_interval));
    (void)rebuilt;
    return index_.largest_timestamp();
}

void Segment::release_idle_index() {
    if (loaded_ && saved_ && !used_) {
        largest_ = index_.largest_timestamp();
        index_ = SegmentIndex(base_);
        loaded_ = false;
        offsets_on_disk_ = times_on_disk_ = 0;
    }
    used_ = false;
}

void Segment::release_idle_file() noexcept {
    if (!file_used_) file_.reset();
    file_used_ = false;
}

Result<std::optional<BatchAt>> Segment::locate(Offset offset) {
    FL_ASSERT(loaded_);
    const auto entry = index_.floor(offset);
    FL_TRY(FileRef log, file());
    const std::uint64_t end = bytes_;
    BatchScan walk(std::move(log), entry ? static_cast<std::uint64_t>(entry->position) : 0, end,
                   BatchScan::Check::header);
    bool at_entry = entry.has_value();
    Offset before = base_ + -1;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) return std::optional<BatchAt>{};
        const bool good = step == BatchScan::Step::batch &&
                          (at_entry ? walk.header().last() == base_ + entry->last
                                    : follows(before + 1, walk.header().base));
        if (!good) return Error{Errc::corrupt, 0, "segment.locate"};
        at_entry = false;
        before = walk.header().last();
        if (before >= offset) return std::optional<BatchAt>{{walk.header(), walk.position()}};
    }
}

Result<Segment::Boundary> Segment::boundary(const BatchAt& start, std::uint64_t budget,
                                            Offset limit, bool min_one) {
    Boundary out{start.position, start.header.base};
    const std::uint64_t end = bytes_;
    const std::uint64_t last_byte = std::min(end, start.position + budget);
    std::uint64_t from = start.position;
    // Everything before an entry that itself ends below the limit is inside.
    const auto entry = index_.floor_position(last_byte, limit);
    if (entry) from = std::max(from, static_cast<std::uint64_t>(entry->position));
    FL_TRY(FileRef log, file());
    BatchScan walk(log, from, end, BatchScan::Check::header);
    for (;;) {
        FL_TRY(BatchScan::Step step, walk.next());
        const bool at_entry = from != start.position && walk.position() == from;
        if (at_entry && step == BatchScan::Step::batch &&
            walk.header().last() != base_ + entry->last) {
            step = BatchScan::Step::damaged;  // the index is wrong there
        }
        if (step == BatchScan::Step::damaged && out.position == start.position) {
            if (from == start.position) return Error{Errc::corrupt, 0, "segment.boundary"};
            from = start.position;  // what stands before the damage can still be served
            walk = BatchScan(log, from, end, BatchScan::Check::header);
            continue;
        }
        if (step != BatchScan::Step::batch || walk.header().last() >= limit) return out;
        out.position = std::max(out.position, walk.position());
        out.next = walk.header().base;
        const bool first = walk.position() == start.position;
        if (walk.next_position() > last_byte && !(first && min_one)) return out;
        out = {walk.next_position(), walk.header().last() + 1};
    }
}

Result<std::uint64_t> Segment::verify(std::uint64_t from, std::uint64_t to, Offset first) {
    if (verified(from, to)) return to;
    std::uint64_t begin = from;
    if (from >= verified_from_ && from < verified_to_) begin = verified_to_;
    FL_TRY(FileRef log, file());
    BatchScan walk(std::move(log), begin, to, BatchScan::Check::crc);
    std::uint64_t good = begin;
    std::optional<Offset> expected;
    if (begin == from) expected = first;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step != BatchScan::Step::batch) break;
        if (expected && !follows(*expected, walk.header().base)) break;
        expected = walk.header().last() + 1;
        good = walk.next_position();
    }
    mark_verified(begin, good);
    return good;
}

// One interval is enough: consumers read forward. A jump starts a new one.
void Segment::mark_verified(std::uint64_t from, std::uint64_t to) {
    if (from >= to) return;
    if (verified_from_ < verified_to_ && from <= verified_to_ && to >= verified_from_) {
        verified_from_ = std::min(verified_from_, from);
        verified_to_ = std::max(verified_to_, to);
    } else {
        verified_from_ = from;
        verified_to_ = to;
    }
}
}  // namespace faultline::storage
