#include "core/controller/snapshot_store.h"

#include <algorithm>

namespace faultline::controller {
namespace {
constexpr std::size_t kLimit = 1U << 30;      // bytes of a snapshot
constexpr std::size_t kWriteStep = 1U << 20;  // bytes of one write
constexpr Duration kServedFor = 60s;  // after the last part, as Kafka's file.delete.delay.ms
constexpr std::string_view kPart = ".part";
}  // namespace

std::string SnapshotStore::path_of(const SnapshotId& id) const {
    return dir_ + "/" + snapshot_file_name(id);
}

void SnapshotStore::insert(SnapshotInfo info) {
    std::erase_if(all_, [&](const SnapshotInfo& s) { return s.id == info.id; });
    const auto at = std::ranges::upper_bound(all_, info.id.end, {},
                                             [](const SnapshotInfo& s) { return s.id.end; });
    all_.insert(at, info);
}

Result<void> SnapshotStore::open(const std::string& dir) {
    dir_ = dir;
    FL_TRY(const auto entries, disk_.list(dir_));
    for (const DirEntry& entry : entries) {
        if (entry.name.ends_with(std::string(".checkpoint") + std::string(kPart))) {
            FL_CHECK(disk_.remove(dir_ + "/" + entry.name));
            continue;
        }
        const auto id = parse_snapshot_file_name(entry.name);
        if (!id || entry.is_dir) continue;
        const auto snapshot = load(*id);
        if (snapshot.ok()) {
            insert({*id, entry.size, snapshot->last_timestamp_ms});
        } else if (snapshot.code() == Errc::corrupt || snapshot.code() == Errc::too_large) {
            damaged_.push_back(path_of(*id));
        } else {
            return snapshot.error();
        }
    }
    return {};
}

std::uint64_t SnapshotStore::bytes() const {
    std::uint64_t sum = 0;
    for (const SnapshotInfo& s : all_) sum += s.bytes;
    return sum;
}

const SnapshotInfo* SnapshotStore::at_or_above(Offset end) const {
    const auto it =
        std::ranges::find_if(all_, [&](const SnapshotInfo& s) { return s.id.end >= end; });
    return it == all_.end() ? nullptr : &*it;
}

Result<MetadataSnapshot> SnapshotStore::load(const SnapshotId& id) const {
    FL_TRY(const IoBuf bytes, read_file(disk_, path_of(id), kLimit));
    return decode_snapshot(id, bytes);
}

Result<void> SnapshotStore::save(const MetadataSnapshot& snapshot, WallTime now) {
    const IoBuf bytes = encode_snapshot(snapshot, now);
    FL_CHECK(begin(snapshot.id));
    incoming_->info.last_timestamp_ms = snapshot.last_timestamp_ms;
    const auto write = [&]() -> Result<void> {
        for (std::size_t at = 0; at < bytes.size(); at += kWriteStep)
            FL_CHECK(add(at, bytes.sub(at, std::min(kWriteStep, bytes.size() - at))));
        FL_CHECK(incoming_->file->sync(SyncMode::data_and_metadata));
        return publish();
    };
    const auto done = write();
    if (!done.ok()) abandon();
    return done;
}

Result<void> SnapshotStore::begin(const SnapshotId& id) {
    incoming_.reset();
    FL_TRY(FileRef file, disk_.open(path_of(id) + std::string(kPart), OpenMode::create));
    FL_CHECK(file->truncate(0));
    incoming_ = Incoming{std::move(file), {id, 0, 0}};
    return {};
}

Result<void> SnapshotStore::add(std::uint64_t position, const IoBuf& part) {
    if (!incoming_ || position != incoming_->info.bytes)
        return Error{Errc::invalid, 0, "snapshot.part"};
    FL_CHECK(incoming_->file->write(position, part));
    incoming_->info.bytes += part.size();
    return {};
}

Result<MetadataSnapshot> SnapshotStore::finish() {
    if (!incoming_) return Error{Errc::invalid, 0, "snapshot.finish"};
    FL_CHECK(incoming_->file->sync(SyncMode::data_and_metadata));
    FL_TRY(const IoBuf bytes, incoming_->file->read(0, incoming_->info.bytes));
    FL_TRY(auto snapshot, decode_snapshot(incoming_->info.id, bytes));
    incoming_->info.last_timestamp_ms = snapshot.last_timestamp_ms;
    return snapshot;
}

Result<void> SnapshotStore::publish() {
    if (!incoming_) return Error{Errc::invalid, 0, "snapshot.publish"};
    const std::string path = path_of(incoming_->info.id);
    // It may be tried again: the disk was full.
    if (!incoming_->renamed) FL_CHECK(disk_.rename(path + std::string(kPart), path));
    incoming_->renamed = true;
    FL_CHECK(disk_.sync_dir(dir_));
    insert(incoming_->info);
    incoming_.reset();
    return {};
}

void SnapshotStore::abandon() {
    if (!incoming_) return;
    const std::string path = path_of(incoming_->info.id) + std::string(kPart);
    incoming_.reset();
    (void)disk_.remove(path);  // else at the next start
}

Result<void> SnapshotStore::remove_before(Offset end) {
    while (!all_.empty() && all_.front().id.end < end) {
        const std::string path = path_of(all_.front().id);
        all_.erase(all_.begin());
        const auto removed = disk_.remove(path);
        if (!removed.ok() && removed.code() != Errc::not_found) return removed;
    }
    return {};
}

Result<SnapshotStore::Part> SnapshotStore::read(const SnapshotId& id, std::uint64_t position,
                                                std::size_t max_bytes, MonoTime now) {
    std::erase_if(served_, [&](const auto& s) { return s.second.until < now; });
    auto it = served_.find(id);
    FileRef file;
    if (it != served_.end()) {
        file = it->second.file;
    } else {
        if (std::ranges::find(all_, id, &SnapshotInfo::id) == all_.end())
            return Error{Errc::not_found, 0, "snapshot.read"};
        FL_TRY(file, disk_.open(path_of(id), OpenMode::read));
    }
    served_[id] = {file, now + kServedFor};
    FL_TRY(const std::uint64_t size, file->size());
    if (position >= size) return Error{Errc::invalid, 0, "snapshot.position"};
    const auto length = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max<std::size_t>(max_bytes, 1), size - position));
    FL_TRY(IoBuf bytes, file->read(position, length));
    return Part{size, std::move(bytes)};
}
}  // namespace faultline::controller
