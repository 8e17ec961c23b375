// The snapshots of the metadata log that stand in its directory (docs/formats/snapshot.md).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/controller/metadata_snapshot.h"
#include "core/env/disk.h"

namespace faultline::controller {

struct SnapshotInfo {
    SnapshotId id;
    std::uint64_t bytes = 0;
    std::int64_t last_timestamp_ms = 0;
};

// One fiber at a time may write; reading goes on meanwhile.
class SnapshotStore {
public:
    explicit SnapshotStore(Disk& disk) : disk_(disk) {}
    // Reads what is there; removes what was being written. A damaged snapshot is passed over: it is
    // in damaged(), and stays as it is. Parks. io.
    Result<void> open(const std::string& dir);

    // Oldest first.
    const std::vector<SnapshotInfo>& all() const noexcept { return all_; }
    const std::vector<std::string>& damaged() const noexcept { return damaged_; }
    std::uint64_t bytes() const;
    // Whose end is at or above `end`, the oldest; null when there is none.
    const SnapshotInfo* at_or_above(Offset end) const;
    // Parks. not_found, corrupt, io.
    Result<MetadataSnapshot> load(const SnapshotId& id) const;

    // Durable when it returns. Parks. no_space, io: as if it had not been tried.
    Result<void> save(const MetadataSnapshot& snapshot, WallTime now);
    // One comes part by part: add() in order of positions, then finish(), which gives it when it is
    // good (corrupt), then publish() or abandon(). Park. no_space, io.
    Result<void> begin(const SnapshotId& id);
    Result<void> add(std::uint64_t position, const IoBuf& part);
    Result<MetadataSnapshot> finish();
    Result<void> publish();
    void abandon();
    // Removes those that end below `end`. What is being read of them can be read on for a while.
    // Parks. io.
    Result<void> remove_before(Offset end);

    struct Part {
        std::uint64_t size = 0;  // of the whole
        IoBuf bytes;
    };
    // At most `max_bytes`, from `position` on; now: the time. Parks. not_found; invalid: no such
    // position; io.
    Result<Part> read(const SnapshotId& id, std::uint64_t position, std::size_t max_bytes,
                      MonoTime now);

private:
    struct Served {  // open for as long as somebody may come back for the next part
        FileRef file;
        MonoTime until;
    };
    std::string path_of(const SnapshotId& id) const;
    void insert(SnapshotInfo info);

    Disk& disk_;
    std::string dir_;
    std::vector<SnapshotInfo> all_;
    std::vector<std::string> damaged_;
    std::map<SnapshotId, Served> served_;
    struct Incoming {
        FileRef file;
        SnapshotInfo info;
        bool renamed = false;  // it has its name, which may not be on the disk yet
    };
    std::optional<Incoming> incoming_;  // the one that comes part by part
};
}  // namespace faultline::controller
