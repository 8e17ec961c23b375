// What is left of a disk when the power fails: docs/adr/0011-simulated-disk.md.
#include <algorithm>
#include <iterator>

#include "core/base/assert.h"
#include "sim/world/sim_disk.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kPage = 4096;
constexpr Fate kDrawn[] = {Fate::kept, Fate::dropped, Fate::torn, Fate::garbage, Fate::holes};
}  // namespace

// Keyed by the fault and by what it strikes, not by how many were asked before: taking one fault
// out of a scenario leaves what the others do as it was.
std::uint64_t SimDisk::draw(FaultId fault, std::uint64_t what) const {
    return mix64(seed_ ^ mix64(faults_.key(fault) ^ mix64(what)));
}

Fate SimDisk::fate_of(const PowerLoss& loss, const PendingWrite& w, bool last,
                      std::uint64_t drawn) {
    Fate fate = loss.writes;
    if (fate == Fate::random) {
        fate = kDrawn[drawn % std::size(kDrawn)];
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
        rot_gone(inode, w.off, UINT64_MAX);
        return;
    }
    rot_gone(inode, from, to);
    if (inode.platter.size() < to) inode.platter.resize(to);
    w.data.copy_out(from - w.off, {inode.platter.data() + from, to - from});
}

void SimDisk::lost(const Inode& inode, std::uint64_t off, std::uint64_t len, LossKind how) {
    recorder_.record(scheduler_.now(), DiskLost{node_, inode.label, off, len, how});
}

// Torn at a sector's boundary inside the write, maybe with a sector of garbage after it.
void SimDisk::lose_tail(Inode& inode, const PendingWrite& w, Fate fate, std::uint64_t drawn) {
    const std::uint64_t end = w.off + w.len;
    const std::uint64_t first_cut = (w.off / kSector + 1) * kSector;
    const std::uint64_t sectors = (end - 1 - first_cut) / kSector + 1;
    const std::uint64_t where = mix64(drawn);
    const std::uint64_t cut = first_cut + where % sectors * kSector;
    apply(inode, w, w.off, cut);
    if (fate == Fate::garbage) {
        const std::uint64_t stop = std::min(cut + kSector, end);
        inode.platter.resize(std::max<std::uint64_t>(inode.platter.size(), stop));
        for (std::uint64_t at = cut; at < stop; ++at) {
            inode.platter[at] = static_cast<std::byte>(mix64(where ^ at));
        }
        rot_gone(inode, cut, stop);
    }
    lost(inode, cut, end - cut, fate == Fate::garbage ? LossKind::garbage : LossKind::torn);
}

// Each page on its own; the system writes pages back in any order. False when all were kept.
bool SimDisk::lose_pages(Inode& inode, const PendingWrite& w, std::uint64_t drawn) {
    const std::uint64_t end = w.off + w.len;
    std::uint64_t lost_from = end;  // of the run of lost pages that ends here
    bool any = false;
    for (std::uint64_t from = w.off; from < end;) {
        const std::uint64_t to = std::min((from / kPage + 1) * kPage, end);
        if (mix64(drawn ^ mix64(from / kPage)) % 2 == 0) {
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
        const std::uint64_t drawn = draw(loss.fault, w.key);
        const Fate fate = fate_of(loss, w, i + 1 == inode.pending.size(), drawn);
        bool bites = fate != Fate::kept;
        switch (fate) {
            case Fate::dropped: lost(inode, w.off, w.len, LossKind::dropped); break;
            case Fate::torn:
            case Fate::garbage: lose_tail(inode, w, fate, drawn); break;
            case Fate::holes: bites = lose_pages(inode, w, drawn); break;
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
        const bool drawn = loss.writes == Fate::random && draw(loss.fault, e.key) % 2 == 0;
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
        rot_seen(path, *inode);
    }
    locks_.clear();
    at_most_ = used();
}
}  // namespace faultline::sim
