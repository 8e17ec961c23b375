#include "sim/world/sim_disk.h"

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "core/base/text.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kPage = 4096;
constexpr Fate kDrawn[] = {Fate::kept, Fate::dropped, Fate::torn, Fate::garbage, Fate::holes};
}  // namespace

SimDisk::SimDisk(NodeId node, DiskOptions options, std::uint64_t seed, fiber::Scheduler& scheduler,
                 Recorder& recorder, FaultLog& faults)
    : node_(node),
      options_(options),
      seed_(seed),
      scheduler_(scheduler),
      recorder_(recorder),
      faults_(faults),
      capacity_(options.capacity) {}

std::uint64_t SimDisk::used() const {
    std::uint64_t sum = 0;
    for (const auto& [path, inode] : names_) sum += inode->cache.size();
    return sum;
}

void SimDisk::fail_syncs(std::string glob, std::uint32_t times, FaultId fault) {
    sync_faults_.push_back({std::move(glob), times, fault});
}

SimDisk::SyncFault* SimDisk::sync_fault(const std::string& path) {
    for (SyncFault& f : sync_faults_) {
        if (f.left > 0 && glob_match(f.glob, path)) return &f;
    }
    return nullptr;
}

void SimDisk::fail_io(DiskOp op, std::string glob, std::uint64_t from, std::uint64_t to,
                      std::uint32_t times, FaultId fault) {
    FL_ASSERT(op == DiskOp::read || op == DiskOp::write);
    io_faults_.push_back({op, std::move(glob), from, to, times, fault});
}

bool SimDisk::io_fails(DiskOp op, const std::string& path, const Inode& inode, std::uint64_t off,
                       std::uint64_t len) {
    for (IoFault& f : io_faults_) {
        if (f.left == 0 || f.op != op || off >= f.to || off + len <= f.from) continue;
        if (!glob_match(f.glob, path)) continue;
        --f.left;
        const bool read = op == DiskOp::read;
        faults_.effect(f.fault, node_, read ? "a read failed" : "a write failed");
        done(op, path, inode.label, off, 0, 5);
        return true;
    }
    return false;
}

bool SimDisk::lies(const std::string& path) const {
    return !lying_glob_.empty() && glob_match(lying_glob_, path);
}

void SimDisk::set_hung(bool on, FaultId fault) {
    hung_ = on;
    hung_fault_ = fault;
    while (!on && !hung_waiters_.empty()) hung_waiters_.pop_front().wake();
}

void SimDisk::on_operation(DiskOp op, std::string glob, std::uint32_t nth,
                           std::function<void()> fn) {
    watches_.push_back({op, std::move(glob), nth, std::move(fn)});
}

bool SimDisk::flip_bit(const std::string& glob, std::uint64_t at, FaultId fault, bool cached) {
    std::vector<std::pair<const std::string*, Inode*>> fitting;
    for (auto& [path, inode] : names_) {
        const bool there = !inode->is_dir && (cached ? inode->cache : inode->platter).size() > at;
        if (there && glob_match(glob, path)) fitting.emplace_back(&path, inode.get());
    }
    if (fitting.empty()) return false;
    Rng draw = Rng(faults_.key(fault)).fork("bit");
    const auto& [path, inode] = fitting[draw.below(fitting.size())];
    const std::byte bit{static_cast<unsigned char>(1U << draw.below(8))};
    if (at < inode->platter.size()) inode->platter[at] ^= bit;
    if (!cached) inode->forgot = true;
    if (cached) {
        inode->cache[at] ^= bit;
        for (PendingWrite& w : inode->pending) {
            if (w.truncate || at < w.off || at - w.off >= w.len) continue;
            Block* copy = Block::allocate(w.len);
            w.data.copy_out(0, {copy->data(), w.len});
            copy->data()[at - w.off] ^= bit;
            w.data = IoBuf(Slice(copy, 0, static_cast<std::uint32_t>(w.len)));
        }
    }
    faults_.effect(fault, node_, "one bit of " + *path + " flipped");
    return true;
}

void SimDisk::done(DiskOp op, const std::string& path, Label label, std::uint64_t off,
                   std::uint64_t len, std::uint16_t sys) {
    ++operations_;
    recorder_.record(scheduler_.now(), DiskDone{node_, op, label, off, len, sys});
    for (std::size_t i = 0; i < watches_.size(); ++i) {
        Watch& w = watches_[i];
        if (w.left == 0 || w.op != op || !glob_match(w.glob, path)) continue;
        if (--w.left == 0) w.fn();
    }
}

void SimDisk::pause_for(Incarnation& incarnation, Duration latency) {
    if (factor_ > 1) {
        latency *= factor_;
        faults_.effect(slow_fault_, incarnation.node, "a disk operation took longer");
    }
    while (hung_) {
        faults_.effect(hung_fault_, incarnation.node, "a disk operation hung");
        (void)fiber::wait_in(hung_waiters_, Deadline::never());
    }
    if (latency > Duration{0}) scheduler_.sleep_until({scheduler_.now() + latency});
}

void SimDisk::entry_changed(const std::string& path, InodeRef inode) {
    pending_entries_.push_back({operations_, parent_of(path), path, std::move(inode)});
}

Fate SimDisk::fate_of(const PowerLoss& loss, const PendingWrite& w, bool last) const {
    Fate fate = loss.writes;
    if (fate == Fate::random) {
        // Keyed by the operation, not by how many were asked before: taking one fault out of a
        // scenario leaves the fates of the others as they were.
        fate = kDrawn[mix64(seed_ ^ mix64(w.number)) % std::size(kDrawn)];
    } else if (fate != Fate::kept && fate != Fate::dropped && !last) {
        fate = Fate::kept;  // a forced cut strikes the last write; the others came in time
    }
    if (w.truncate && fate != Fate::kept) return Fate::dropped;
    const std::uint64_t unit = fate == Fate::holes ? kPage : kSector;
    const bool cuts = fate == Fate::torn || fate == Fate::garbage || fate == Fate::holes;
    // Nothing to cut when it lies within one sector, or page.
    if (cuts && (w.off / unit + 1) * unit >= w.off + w.len) return Fate::dropped;
    return fate;
}

// Brings the bytes [from, to) of a write, counted in the file, to the platter.
void SimDisk::apply(Inode& inode, const PendingWrite& w, std::uint64_t from, std::uint64_t to) {
    if (w.truncate) {
        inode.platter.resize(w.off);
        return;
    }
    if (inode.platter.size() < to) inode.platter.resize(to);
    w.data.copy_out(from - w.off, {inode.platter.data() + from, to - from});
}

void SimDisk::lost(const Inode& inode, std::uint64_t off, std::uint64_t len, LossKind how) {
    recorder_.record(scheduler_.now(), DiskLost{node_, inode.label, off, len, how});
}

// Torn at a sector's boundary inside the write, maybe with a sector of garbage after it.
void SimDisk::lose_tail(Inode& inode, const PendingWrite& w, Fate fate) {
    const std::uint64_t end = w.off + w.len;
    const std::uint64_t first_cut = (w.off / kSector + 1) * kSector;
    const std::uint64_t sectors = (end - 1 - first_cut) / kSector + 1;
    const std::uint64_t draw = mix64(seed_ ^ mix64(w.number + 0x746f726e));
    const std::uint64_t cut = first_cut + draw % sectors * kSector;
    apply(inode, w, w.off, cut);
    if (fate == Fate::garbage) {
        const std::uint64_t stop = std::min(cut + kSector, end);
        inode.platter.resize(std::max<std::uint64_t>(inode.platter.size(), stop));
        for (std::uint64_t at = cut; at < stop; ++at) {
            inode.platter[at] = static_cast<std::byte>(mix64(draw ^ at));
        }
    }
    lost(inode, cut, end - cut, fate == Fate::garbage ? LossKind::garbage : LossKind::torn);
}

// Each page on its own; the system writes pages back in any order. False when all were kept.
bool SimDisk::lose_pages(Inode& inode, const PendingWrite& w) {
    const std::uint64_t end = w.off + w.len;
    std::uint64_t lost_from = end;  // of the run of lost pages that ends here
    bool any = false;
    for (std::uint64_t from = w.off; from < end;) {
        const std::uint64_t to = std::min((from / kPage + 1) * kPage, end);
        if (mix64(seed_ ^ mix64(w.number ^ mix64(from / kPage))) % 2 == 0) {
            if (lost_from < from) lost(inode, lost_from, from - lost_from, LossKind::dropped);
            lost_from = end;
            apply(inode, w, from, to);
        } else {
            any = true;
            lost_from = std::min(lost_from, from);
        }
        from = to;
    }
    if (lost_from < end) lost(inode, lost_from, end - lost_from, LossKind::dropped);
    return any;
}

void SimDisk::lose_writes(const std::string& path, Inode& inode, const PowerLoss& loss) {
    FL_INVARIANT(73, !inode.pending.empty() || inode.forgot || inode.cache == inode.platter);
    for (std::size_t i = 0; i < inode.pending.size(); ++i) {
        const PendingWrite& w = inode.pending[i];
        const Fate fate = fate_of(loss, w, i + 1 == inode.pending.size());
        bool bites = fate != Fate::kept;
        switch (fate) {
            case Fate::dropped: lost(inode, w.off, w.len, LossKind::dropped); break;
            case Fate::torn:
            case Fate::garbage: lose_tail(inode, w, fate); break;
            case Fate::holes: bites = lose_pages(inode, w); break;
            case Fate::kept: apply(inode, w, w.off, w.off + w.len); break;
            case Fate::random: FL_UNREACHABLE();
        }
        if (!bites) lost(inode, w.off, w.len, LossKind::kept);
        if (bites) {
            faults_.effect(loss.fault, node_, "an unsynced write to " + path + " was lost or torn");
        }
    }
    inode.pending.clear();
}

void SimDisk::lose_power(const PowerLoss& loss) {
    constexpr LossKind kEntry = LossKind::dir_entry;
    for (const PendingEntry& e : pending_entries_) {
        const bool drawn =
            loss.writes == Fate::random && mix64(seed_ ^ mix64(e.number + 0x646972)) % 2 == 0;
        if (loss.drop_dir_entries || drawn) {
            faults_.effect(loss.fault, node_, "the directory entry " + e.path + " was lost");
            recorder_.record(scheduler_.now(),
                             DiskLost{node_, recorder_.intern(e.path), 0, 0, kEntry});
        } else if (e.inode == nullptr) {
            durable_names_.erase(e.path);
        } else {
            durable_names_[e.path] = e.inode;
        }
    }
    pending_entries_.clear();
    // Every inode meets its fate once, also those whose entry is gone from one of the two maps.
    std::map<Inode*, bool> met;
    for (auto* names : {&names_, &durable_names_}) {
        for (auto& [path, inode] : *names) {
            if (met.try_emplace(inode.get(), true).second) lose_writes(path, *inode, loss);
        }
    }
    // What lies in a directory that vanished is out of reach.
    std::erase_if(durable_names_, [&](const auto& entry) {
        const std::string parent = parent_of(entry.first);
        return parent != "." && !durable_names_.contains(parent);
    });
    names_ = durable_names_;
    for (auto& [path, inode] : names_) {
        inode->cache = inode->platter;
        inode->poison = 0;
        inode->forgot = false;
    }
    locks_.clear();
}

void SimDisk::end_fault(FaultId fault) {
    std::erase_if(sync_faults_, [&](const SyncFault& f) { return f.fault == fault; });
    std::erase_if(io_faults_, [&](const IoFault& f) { return f.fault == fault; });
}

void SimDisk::wipe() {
    names_.clear();
    durable_names_.clear();
    pending_entries_.clear();
    locks_.clear();
}
}  // namespace faultline::sim
