// A node's disk: what programs see (the page cache), what survives power loss (the platter), and
// what lies between them. It outlives the node's incarnations.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
    std::uint64_t number;    // of all operations on this disk: the identity of its fate
    bool truncate;           // else a write
    std::uint64_t off, len;  // truncate: the new size in off
    IoBuf data;              // shared with the writer: what this write would bring to the platter
};

struct Inode {
    std::vector<std::byte> cache, platter;
    std::vector<PendingWrite> pending;
    bool forgot = false;       // a failed sync left the platter behind the cache
    std::uint32_t poison = 0;  // handles opened before the last failed sync are useless
    Label label{};
    bool is_dir = false;
};
using InodeRef = std::shared_ptr<Inode>;

class SimDisk {
public:
    SimDisk(NodeId node, DiskOptions options, std::uint64_t seed, fiber::Scheduler& scheduler,
            Recorder& recorder, FaultLog& faults);

    // The node's view of it; calls of a dead incarnation return Errc::cancelled.
    std::unique_ptr<Disk> mount(std::shared_ptr<Incarnation> incarnation);

    // --- what can go wrong ------------------------------------------------------------------
    // Power is gone: pending operations meet their fate, caches are empty.
    void lose_power(const PowerLoss& loss);
    // kill -9: locks are free again, nothing is lost.
    void release_locks() { locks_.clear(); }
    void wipe();
    void set_capacity(std::uint64_t bytes, FaultId fault) {
        capacity_ = bytes;
        capacity_fault_ = fault;
    }
    void set_slow(std::uint32_t factor, FaultId fault) {
        factor_ = factor;
        slow_fault_ = fault;
    }
    // The next `times` syncs of files that match fail and forget what they should have written.
    void fail_syncs(std::string glob, std::uint32_t times, FaultId fault);
    // The next `times` reads (or writes) of files that match, and that touch [from, to), fail with
    // io and do nothing.
    void fail_io(DiskOp read_or_write, std::string glob, std::uint64_t from, std::uint64_t to,
                 std::uint32_t times, FaultId fault);
    // Syncs of files that match say ok and do nothing, until healed with an empty glob. A disk that
    // breaks the contract: to show that an oracle notices.
    void lie_about_syncs(std::string glob, FaultId fault) {
        lying_glob_ = std::move(glob);
        lying_fault_ = fault;
    }
    // Operations that take time do not return while it is on.
    void set_hung(bool on, FaultId fault);
    // What is left of a fault that strikes a number of times: nothing more of it comes.
    void end_fault(FaultId fault);
    // Flips one bit at `at` of a file that matches and is long enough, drawn for the fault. On the
    // platter alone unless `cached`: a machine that runs keeps seeing its page cache until power is
    // lost.
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
        std::uint64_t number;
        std::string parent, path;
        InodeRef inode;  // null: the entry is gone
    };
    struct SyncFault {
        std::string glob;
        std::uint32_t left;
        FaultId fault;
    };
    struct IoFault {
        DiskOp op;
        std::string glob;
        std::uint64_t from, to;
        std::uint32_t left;
        FaultId fault;
    };
    struct Watch {
        DiskOp op;
        std::string glob;
        std::uint32_t left;
        std::function<void()> fn;
    };
    void pause_for(Incarnation& incarnation, Duration latency);
    void done(DiskOp op, const std::string& path, Label label, std::uint64_t off, std::uint64_t len,
              std::uint16_t sys);
    void lose_writes(const std::string& path, Inode& inode, const PowerLoss& loss);
    void lose_tail(Inode& inode, const PendingWrite& write, Fate fate);
    bool lose_pages(Inode& inode, const PendingWrite& write);
    void lost(const Inode& inode, std::uint64_t off, std::uint64_t len, LossKind how);
    static void apply(Inode& inode, const PendingWrite& write, std::uint64_t from,
                      std::uint64_t to);
    Fate fate_of(const PowerLoss& loss, const PendingWrite& write, bool last) const;
    bool io_fails(DiskOp op, const std::string& path, const Inode& inode, std::uint64_t off,
                  std::uint64_t len);
    bool lies(const std::string& path) const;
    void entry_changed(const std::string& path, InodeRef inode);
    SyncFault* sync_fault(const std::string& path);

    NodeId node_;
    DiskOptions options_;
    std::uint64_t seed_;
    fiber::Scheduler& scheduler_;
    Recorder& recorder_;
    FaultLog& faults_;
    std::map<std::string, InodeRef> names_, durable_names_;
    std::vector<PendingEntry> pending_entries_;
    std::map<std::string, bool> locks_;
    std::vector<SyncFault> sync_faults_;
    std::vector<IoFault> io_faults_;
    std::vector<Watch> watches_;
    std::string lying_glob_;
    bool hung_ = false;
    fiber::WaitList hung_waiters_;
    std::uint64_t capacity_, operations_ = 0;
    std::uint32_t factor_ = 1;
    FaultId capacity_fault_ = kNoFault, slow_fault_ = kNoFault, lying_fault_ = kNoFault,
            hung_fault_ = kNoFault;
};
}  // namespace faultline::sim
