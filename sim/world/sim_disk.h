// A node's disk: what programs see (the page cache), what survives power loss (the platter), and
// what lies between them. It outlives the node's incarnations.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/env/disk.h"
#include "core/fiber/sync.h"
#include "sim/trace/recorder.h"
#include "sim/world/faults.h"
#include "sim/world/incarnation.h"

namespace faultline::sim {

struct DiskOptions {
    std::uint64_t capacity = std::uint64_t{1} << 40;
    Duration write_latency = 10us, sync_latency = 1ms, meta_latency = 20us;
};

// What becomes of each unsynced operation when power is lost.
// torn: cut at a sector. garbage: cut, and the sector after the cut is rubbish. holes: of its 4 KiB
// pages any subset. random: one of them, drawn for each operation.
enum class Fate : std::uint8_t { kept, dropped, torn, garbage, holes, random };

struct PowerLoss {
    Fate writes = Fate::random;
    bool drop_dir_entries = false;
    FaultId fault = kNoFault;
};

// One change of a file that no sync has covered.
struct PendingWrite {
    std::uint64_t number;    // of all operations on this disk: what a sync covers
    std::uint64_t key;       // the file's name and its own operations before: its fate's identity
    bool truncate;           // else a write
    std::uint64_t off, len;  // truncate: the new size in off
    IoBuf data;              // shared with the writer: what this write would bring to the platter
};

struct Inode {
    std::vector<std::byte> cache, platter;
    std::vector<PendingWrite> pending;
    std::map<std::uint64_t, FaultId> bad_sectors;  // by number: reading them fails
    std::map<std::uint64_t, FaultId> rot;          // bytes wrong on the platter, not seen by anyone
    std::uint64_t key = 0;                         // of the name that it was made under
    std::uint64_t operations = 0, reads = 0;       // on it so far
    bool forgot = false;       // a failed sync, or rot, left the platter unlike the cache
    std::uint32_t poison = 0;  // handles opened before the last failed sync are useless
    Label label{};
    bool is_dir = false;
};
using InodeRef = std::shared_ptr<Inode>;

struct DiskFault {
    enum class Kind : std::uint8_t {
        sync_error,
        read_error,
        write_error,
        misdirect,
        lying_sync,
        capacity,
        slow,
        hung,
        lost_dir,
    };
    Kind kind;
    FaultId fault;
    std::string glob;
    std::uint64_t from = 0, to = UINT64_MAX;  // bytes of a file that an error must touch
    std::uint64_t amount = 0;                 // times still to come; bytes; factor
    std::string glob_to;                      // misdirect: another file
    std::int64_t shift = 0;                   // misdirect: or bytes further in the same one
};

class SimDisk {
public:
    SimDisk(NodeId node, DiskOptions options, std::uint64_t seed, fiber::Scheduler& scheduler,
            Recorder& recorder, FaultLog& faults);

    // The node's view of it; calls of a dead incarnation return Errc::cancelled.
    std::unique_ptr<Disk> mount(std::shared_ptr<Incarnation> incarnation);

    // Power is gone: pending operations meet their fate, caches are empty.
    void lose_power(const PowerLoss& loss);
    // kill -9: locks are free again, nothing is lost.
    void release_locks() { locks_.clear(); }
    void wipe();

    // --- what can go wrong. What lasts, lasts until end_fault() of its number; globs are matched
    // against the path under which a file was opened ---------------------------------------------
    // The disk is this small. Without a fault: from now on and for good.
    void set_capacity(std::uint64_t bytes, FaultId fault);
    // Every operation takes `factor` times as long; one in 32, drawn, up to 32 times longer still.
    void set_slow(std::uint32_t factor, FaultId fault);
    // Operations that take time do not return.
    void set_hung(FaultId fault);
    // Every operation on a directory that matches and on everything below it fails with EIO.
    void lose_dir(std::string glob, FaultId fault);
    // Syncs of files that match say ok and do nothing. A disk that breaks the contract: to show
    // that an oracle notices.
    void lie_about_syncs(std::string glob, FaultId fault);
    // The next `times` syncs of files that match fail and forget what they should have written.
    void fail_syncs(std::string glob, std::uint32_t times, FaultId fault);
    // The next `times` reads (or writes) of files that match, and that touch [from, to), fail with
    // io and do nothing.
    void fail_io(DiskOp read_or_write, std::string glob, std::uint64_t from, std::uint64_t to,
                 std::uint32_t times, FaultId fault);
    // The next `times` writes to files that match land elsewhere: `shift` bytes further in the same
    // file, or with shift 0 at the same offset of the first other file that matches `glob_to` and
    // is that long. The place that was meant keeps its old bytes, zeros where there were none. All
    // of it on the platter: the page cache shows what was written until power is lost or the file
    // is reloaded.
    void misdirect_writes(std::string glob, std::string glob_to, std::int64_t shift,
                          std::uint32_t times, FaultId fault);
    // The 512-byte sector at `at` of a file that matches and is longer, drawn, cannot be read, nor
    // written in part, until it is written whole or cut off. False when there is no such file.
    bool break_sector(const std::string& glob, std::uint64_t at, FaultId fault);
    // Nothing more of it comes; its sectors can be read again.
    void end_fault(FaultId fault);
    // Flips one bit at `at` of a file that matches and is long enough, drawn for the fault. On the
    // platter alone unless `cached`: a machine that runs keeps seeing its page cache until power is
    // lost or the file is reloaded. That is when it counts as an effect, unless it was written
    // over.
    bool flip_bit(const std::string& glob, std::uint64_t at, FaultId fault, bool cached = true);
    // Calls fn once, after the nth operation of this kind on a matching path.
    void on_operation(DiskOp op, std::string glob, std::uint32_t nth, std::function<void()> fn);

    std::uint64_t used() const;
    const DiskOptions& options() const noexcept { return options_; }
    // Files and their content as programs see them, for tests.
    std::map<std::string, InodeRef>& names() noexcept { return names_; }

private:
    friend class MountedDisk;
    friend class SimFile;
    struct PendingEntry {  // one change of a directory that no sync_dir has covered
        std::uint64_t number, key;
        std::string parent, path;
        InodeRef inode;  // null: the entry is gone
    };
    struct Watch {
        DiskOp op;
        std::string glob;
        std::uint32_t left;
        std::function<void()> fn;
    };
    void pause_for(std::uint64_t key, Duration latency);
    void done(DiskOp op, const std::string& path, Label label, std::uint64_t off, std::uint64_t len,
              std::uint16_t sys);
    void entry_changed(const Inode& moved, std::string parent, const std::string& path,
                       InodeRef inode);
    InodeRef make_inode(const std::string& path, bool is_dir);
    std::uint64_t room_for(std::uint64_t more);
    void no_room(const char* what);
    // power_loss.cpp
    void lose_writes(const std::string& path, Inode& inode, const PowerLoss& loss);
    void lose_tail(Inode& inode, const PendingWrite& write, Fate fate, std::uint64_t drawn);
    bool lose_pages(Inode& inode, const PendingWrite& write, std::uint64_t drawn);
    void lost(const Inode& inode, std::uint64_t off, std::uint64_t len, LossKind how);
    static void apply(Inode& inode, const PendingWrite& write, std::uint64_t from,
                      std::uint64_t to);
    static Fate fate_of(const PowerLoss& loss, const PendingWrite& write, bool last,
                        std::uint64_t drawn);
    std::uint64_t draw(FaultId fault, std::uint64_t what) const;
    // disk_faults.cpp; each asked only when faults_now_ is not empty
    void begin(DiskFault fault);
    DiskFault* find(DiskFault::Kind kind, const std::string& path);
    bool io_fails(DiskOp op, const std::string& path, Inode& inode, std::uint64_t off,
                  std::uint64_t len);
    bool sector_fails(DiskOp op, const std::string& path, Inode& inode, std::uint64_t off,
                      std::uint64_t len);
    bool dir_lost(const std::string& path);
    std::optional<IoBuf> misdirected(const std::string& path, Inode& inode, std::uint64_t off,
                                     const IoBuf& data);
    std::pair<const std::string, InodeRef>* victim(const std::string& glob, std::uint64_t at,
                                                   bool cached, Rng& draw);
    static void overwrite(Inode& inode, std::uint64_t off, const IoBuf& data);
    static void rot_gone(Inode& inode, std::uint64_t from, std::uint64_t to);
    void rot_seen(const std::string& path, Inode& inode);
    std::uint64_t capacity() const;

    NodeId node_;
    DiskOptions options_;
    std::uint64_t seed_;
    fiber::Scheduler& scheduler_;
    Recorder& recorder_;
    FaultLog& faults_;
    std::map<std::string, InodeRef> names_, durable_names_;
    std::vector<PendingEntry> pending_entries_;
    std::map<std::string, bool> locks_;
    std::vector<DiskFault> faults_now_;
    std::vector<Watch> watches_;
    fiber::WaitList hung_waiters_;
    std::vector<std::uint32_t> births_;  // of files under a name, by its label
    std::uint64_t capacity_, operations_ = 0;
    std::uint64_t at_most_ = 0;  // bytes used, or more: what grew since they were counted
};
}  // namespace faultline::sim
