#include "sim/world/sim_disk.h"

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "core/base/text.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kSector = 512;
constexpr Fate kDrawn[] = {Fate::kept, Fate::dropped, Fate::torn, Fate::garbage};
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

void SimDisk::on_operation(DiskOp op, std::string glob, std::uint32_t nth,
                           std::function<void()> fn) {
    watches_.push_back({op, std::move(glob), nth, std::move(fn)});
}

bool SimDisk::flip_bit(const std::string& glob, std::uint64_t at, FaultId fault) {
    for (auto& [path, inode] : names_) {
        if (inode->is_dir || inode->cache.size() <= at || !glob_match(glob, path)) continue;
        inode->cache[at] ^= std::byte{0x10};
        if (at < inode->platter.size()) inode->platter[at] ^= std::byte{0x10};
        faults_.effect(fault, node_, "one bit of " + path + " flipped");
        return true;
    }
    return false;
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
    if (latency > Duration{0}) scheduler_.sleep_until({scheduler_.now() + latency});
}

void SimDisk::entry_changed(const std::string& path, InodeRef inode) {
    pending_entries_.push_back({operations_, parent_of(path), path, std::move(inode)});
}

Fate SimDisk::fate_of(const PowerLoss& loss, std::uint64_t number) const {
    if (loss.writes != Fate::random) return loss.writes;
    // Keyed by the operation, not by how many were asked before: taking one fault out of a
    // scenario leaves the fates of the others as they were.
    return kDrawn[mix64(seed_ ^ mix64(number)) % std::size(kDrawn)];
}

void SimDisk::apply(Inode& inode, const PendingWrite& write, std::uint64_t len) {
    if (write.truncate) {
        inode.platter.resize(write.off);
        return;
    }
    if (inode.platter.size() < write.off + len) inode.platter.resize(write.off + len);
    // A later truncate may have taken the bytes from the cache; what was never written is zero.
    if (write.off >= inode.cache.size()) return;
    const std::uint64_t have = std::min(len, inode.cache.size() - write.off);
    std::memcpy(inode.platter.data() + write.off, inode.cache.data() + write.off, have);
}

void SimDisk::lose_writes(const std::string& path, Inode& inode, const PowerLoss& loss) {
    for (std::size_t i = 0; i < inode.pending.size(); ++i) {
        const PendingWrite& w = inode.pending[i];
        Fate fate = fate_of(loss, w.number);
        // A forced fate strikes the last write; those before it reached the platter in time.
        const bool last = i + 1 == inode.pending.size();
        if ((loss.writes == Fate::torn || loss.writes == Fate::garbage) && !last) fate = Fate::kept;
        if (w.truncate && fate != Fate::kept) fate = Fate::dropped;
        // The cut falls on a sector's boundary inside the write.
        const std::uint64_t first_cut = (w.off / kSector + 1) * kSector;
        if ((fate == Fate::torn || fate == Fate::garbage) && first_cut >= w.off + w.len) {
            fate = Fate::dropped;  // it lies within one sector
        }
        std::uint64_t lost_from = w.off;
        if (fate == Fate::kept) {
            apply(inode, w, w.len);
        } else if (fate == Fate::torn || fate == Fate::garbage) {
            const std::uint64_t sectors = (w.off + w.len - 1 - first_cut) / kSector + 1;
            const std::uint64_t draw = mix64(seed_ ^ mix64(w.number + 0x746f726e));
            const std::uint64_t cut = first_cut + draw % sectors * kSector;
            lost_from = cut;
            apply(inode, w, cut - w.off);
            if (fate == Fate::garbage) {
                const std::uint64_t end = std::min(cut + kSector, w.off + w.len);
                inode.platter.resize(std::max<std::uint64_t>(inode.platter.size(), end));
                for (std::uint64_t at = cut; at < end; ++at) {
                    inode.platter[at] = static_cast<std::byte>(mix64(draw ^ at));
                }
            }
        }
        if (fate != Fate::kept) {
            faults_.effect(loss.fault, node_, "an unsynced write to " + path + " was lost or torn");
        }
        recorder_.record(scheduler_.now(),
                         DiskLost{node_, inode.label, lost_from, w.off + w.len - lost_from,
                                  static_cast<LossKind>(fate)});
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
    }
    locks_.clear();
}

void SimDisk::wipe() {
    names_.clear();
    durable_names_.clear();
    pending_entries_.clear();
    locks_.clear();
}
}  // namespace faultline::sim
