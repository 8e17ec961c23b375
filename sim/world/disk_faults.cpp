// What can go wrong with a disk that has power.
#include <algorithm>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "sim/world/sim_disk.h"

namespace faultline::sim {
namespace {
constexpr std::uint64_t kSector = 512;
// A slow disk is very slow for one operation in so many, up to so many times.
constexpr std::uint64_t kTailEvery = 32, kTailMost = 32;
}  // namespace

// --- what begins and ends
// -------------------------------------------------------------------------

void SimDisk::begin(DiskFault fault) {
    // A fault that strikes again while it lasts takes the place of its former self.
    std::erase_if(faults_now_, [&](const DiskFault& f) {
        return f.kind == fault.kind && f.fault == fault.fault && f.glob == fault.glob;
    });
    faults_now_.push_back(std::move(fault));
}

void SimDisk::set_capacity(std::uint64_t bytes, FaultId fault) {
    if (fault == kNoFault) {
        capacity_ = bytes;
    } else {
        begin({.kind = DiskFault::Kind::capacity, .fault = fault, .glob = "*", .amount = bytes});
    }
}

void SimDisk::set_slow(std::uint32_t factor, FaultId fault) {
    begin({.kind = DiskFault::Kind::slow, .fault = fault, .glob = "*", .amount = factor});
}

void SimDisk::set_hung(FaultId fault) {
    begin({.kind = DiskFault::Kind::hung, .fault = fault, .glob = "*"});
}

void SimDisk::lose_dir(std::string glob, FaultId fault) {
    begin({.kind = DiskFault::Kind::lost_dir, .fault = fault, .glob = std::move(glob)});
}

void SimDisk::lie_about_syncs(std::string glob, FaultId fault) {
    begin({.kind = DiskFault::Kind::lying_sync, .fault = fault, .glob = std::move(glob)});
}

void SimDisk::fail_syncs(std::string glob, std::uint32_t times, FaultId fault) {
    begin({.kind = DiskFault::Kind::sync_error,
           .fault = fault,
           .glob = std::move(glob),
           .amount = times});
}

void SimDisk::fail_io(DiskOp op, std::string glob, std::uint64_t from, std::uint64_t to,
                      std::uint32_t times, FaultId fault) {
    FL_ASSERT(op == DiskOp::read || op == DiskOp::write);
    using enum DiskFault::Kind;
    begin({.kind = op == DiskOp::read ? read_error : write_error,
           .fault = fault,
           .glob = std::move(glob),
           .from = from,
           .to = to,
           .amount = times});
}

void SimDisk::misdirect_writes(std::string glob, std::string glob_to, std::int64_t shift,
                               std::uint32_t times, FaultId fault) {
    begin({.kind = DiskFault::Kind::misdirect,
           .fault = fault,
           .glob = std::move(glob),
           .amount = times,
           .glob_to = std::move(glob_to),
           .shift = shift});
}

// A file that matches and is longer than `at`, drawn for the fault; null when there is none.
std::pair<const std::string, InodeRef>* SimDisk::victim(const std::string& glob, std::uint64_t at,
                                                        bool cached, Rng& draw) {
    std::vector<std::pair<const std::string, InodeRef>*> fitting;
    for (auto& entry : names_) {
        const Inode& inode = *entry.second;
        const bool there = !inode.is_dir && (cached ? inode.cache : inode.platter).size() > at;
        if (there && glob_match(glob, entry.first)) fitting.push_back(&entry);
    }
    return fitting.empty() ? nullptr : fitting[draw.below(fitting.size())];
}

bool SimDisk::break_sector(const std::string& glob, std::uint64_t at, FaultId fault) {
    Rng rng = Rng(faults_.key(fault)).fork("sector");
    const auto* file = victim(glob, at, true, rng);
    if (file == nullptr) return false;
    file->second->bad_sectors[at / kSector] = fault;
    return true;
}

bool SimDisk::flip_bit(const std::string& glob, std::uint64_t at, FaultId fault, bool cached) {
    Rng rng = Rng(faults_.key(fault)).fork("bit");
    const auto* file = victim(glob, at, cached, rng);
    if (file == nullptr) return false;
    Inode& inode = *file->second;
    const std::byte bit{static_cast<unsigned char>(1U << rng.below(8))};
    if (cached) {
        const std::byte flipped = inode.cache[at] ^ bit;
        overwrite(inode, at, IoBuf::copy_of({&flipped, 1}));
        faults_.effect(fault, node_, "one bit of " + file->first + " flipped");
    } else {
        inode.platter[at] ^= bit;
        inode.forgot = true;
        inode.rot[at] = fault;
    }
    return true;
}

// Bytes [from, to) of the platter were written.
void SimDisk::rot_gone(Inode& inode, std::uint64_t from, std::uint64_t to) {
    inode.rot.erase(inode.rot.lower_bound(from), inode.rot.lower_bound(to));
}

// The cache was read anew from the platter.
void SimDisk::rot_seen(const std::string& path, Inode& inode) {
    for (auto it = inode.rot.begin(); it != inode.rot.end();) {
        const auto [at, fault] = *it;
        // What is not yet written back hides it.
        if (at >= inode.cache.size() || inode.cache[at] != inode.platter[at]) {
            ++it;
            continue;
        }
        it = inode.rot.erase(it);
        faults_.effect(fault, node_, "one bit of " + path + " flipped");
    }
}

void SimDisk::end_fault(FaultId fault) {
    std::erase_if(faults_now_, [&](const DiskFault& f) { return f.fault == fault; });
    for (auto& [path, inode] : names_)
        std::erase_if(inode->bad_sectors, [&](const auto& s) { return s.second == fault; });
    hung_waiters_.for_each([](fiber::Waiter& w) { w.wake(); });
}

// --- what it does -------------------------------------------------------------------------------

// One that is still to strike at this path; null when there is none.
DiskFault* SimDisk::find(DiskFault::Kind kind, const std::string& path) {
    const bool counted = kind == DiskFault::Kind::sync_error || kind == DiskFault::Kind::misdirect;
    for (DiskFault& f : faults_now_) {
        if (f.kind != kind || (counted && f.amount == 0)) continue;
        if (glob_match(f.glob, path)) return &f;
    }
    return nullptr;
}

std::uint64_t SimDisk::capacity() const {
    std::uint64_t least = capacity_;
    for (const DiskFault& f : faults_now_) {
        if (f.kind == DiskFault::Kind::capacity) least = std::min(least, f.amount);
    }
    return least;
}

void SimDisk::no_room(const char* what) {
    for (const DiskFault& f : faults_now_) {
        if (f.kind == DiskFault::Kind::capacity && f.amount == capacity())
            faults_.effect(f.fault, node_, what);
    }
}

// Parks for as long as the operation takes. `key` identifies it.
void SimDisk::pause_for(std::uint64_t key, Duration latency) {
    for (const DiskFault& f : faults_now_) {
        if (f.kind != DiskFault::Kind::slow) continue;
        const std::uint64_t drawn = draw(f.fault, key);
        latency *= static_cast<std::int64_t>(f.amount);
        if (drawn % kTailEvery == 0)
            latency *= static_cast<std::int64_t>(2 + drawn / kTailEvery % (kTailMost - 1));
        faults_.effect(f.fault, node_, "a disk operation took longer");
        break;
    }
    while (const DiskFault* hung = find(DiskFault::Kind::hung, "")) {
        faults_.effect(hung->fault, node_, "a disk operation hung");
        (void)fiber::wait_in(hung_waiters_, Deadline::never());
    }
    if (latency > Duration{0}) scheduler_.sleep_until(scheduler_.here(scheduler_.now() + latency));
}

bool SimDisk::io_fails(DiskOp op, const std::string& path, Inode& inode, std::uint64_t off,
                       std::uint64_t len) {
    if (!inode.bad_sectors.empty() && sector_fails(op, path, inode, off, len)) return true;
    const bool read = op == DiskOp::read;
    const auto kind = read ? DiskFault::Kind::read_error : DiskFault::Kind::write_error;
    for (DiskFault& f : faults_now_) {
        if (f.kind != kind || f.amount == 0 || off >= f.to || off + len <= f.from) continue;
        if (!glob_match(f.glob, path)) continue;
        --f.amount;
        faults_.effect(f.fault, node_, read ? "a read failed" : "a write failed");
        done(op, path, inode.label, off, 0, 5);
        return true;
    }
    return false;
}

// What a write covers whole is sound again. The rest of a sector would have to be read first.
bool SimDisk::sector_fails(DiskOp op, const std::string& path, Inode& inode, std::uint64_t off,
                           std::uint64_t len) {
    const std::uint64_t end = off + len;
    const auto first = inode.bad_sectors.lower_bound(off / kSector);
    auto last = first;
    for (; last != inode.bad_sectors.end() && last->first * kSector < end; ++last) {
        const std::uint64_t begin = last->first * kSector;
        const std::uint64_t stop = std::min<std::uint64_t>(begin + kSector, inode.cache.size());
        if (op == DiskOp::write && off <= begin && end >= stop) continue;
        faults_.effect(last->second, node_, "a sector could not be read");
        done(op, path, inode.label, off, 0, 5);
        return true;
    }
    if (op == DiskOp::write) inode.bad_sectors.erase(first, last);
    return false;
}

bool SimDisk::dir_lost(const std::string& path) {
    for (const DiskFault& f : faults_now_) {
        if (f.kind != DiskFault::Kind::lost_dir) continue;
        for (std::string p = path; !p.empty() && p != "."; p = parent_of(p)) {
            if (!glob_match(f.glob, p)) continue;
            faults_.effect(f.fault, node_, "an operation met a lost directory");
            return true;
        }
    }
    return false;
}

// A write that goes elsewhere: what the platter gets at the place it was meant for, which are the
// bytes that were there before. Nothing when it goes where it should.
std::optional<IoBuf> SimDisk::misdirected(const std::string& path, Inode& inode, std::uint64_t off,
                                          const IoBuf& data) {
    DiskFault* fault = find(DiskFault::Kind::misdirect, path);
    if (fault == nullptr) return std::nullopt;
    Inode* target = nullptr;
    std::uint64_t at = off;
    if (fault->shift != 0) {
        at = off + static_cast<std::uint64_t>(fault->shift);
        if (at < inode.platter.size()) target = &inode;  // not when it would lie before byte 0
    } else {
        for (auto& [name, other] : names_) {
            if (other.get() == &inode || other->platter.size() <= at) continue;
            if (!glob_match(fault->glob_to, name)) continue;
            target = other.get();
            break;
        }
    }
    if (target == nullptr) return std::nullopt;
    --fault->amount;
    std::vector<std::byte> old(data.size());
    const std::uint64_t there = std::max<std::uint64_t>(inode.cache.size(), off) - off;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(there, old.size()); ++i)
        old[i] = inode.cache[off + i];
    const std::uint64_t fits = std::min<std::uint64_t>(data.size(), target->platter.size() - at);
    data.copy_out(0, {target->platter.data() + at, fits});
    rot_gone(*target, at, at + fits);
    inode.forgot = target->forgot = true;
    faults_.effect(fault->fault, node_, "a write to " + path + " landed elsewhere");
    return IoBuf::copy_of(old);
}

// On the platter, in the cache, and in what is on its way from one to the other.
void SimDisk::overwrite(Inode& inode, std::uint64_t off, const IoBuf& data) {
    const std::uint64_t end = off + data.size();
    FL_ASSERT(end <= inode.cache.size());
    data.copy_out(0, {inode.cache.data() + off, data.size()});
    if (off < inode.platter.size()) {
        const std::uint64_t n = std::min<std::uint64_t>(end, inode.platter.size()) - off;
        data.copy_out(0, {inode.platter.data() + off, n});
        rot_gone(inode, off, off + n);
    }
    for (PendingWrite& w : inode.pending) {
        inode.forgot = true;  // a truncate between them may leave the two images different
        if (w.truncate || w.off >= end || w.off + w.len <= off) continue;
        Block* copy = Block::allocate(w.len);
        w.data.copy_out(0, {copy->data(), w.len});
        const std::uint64_t from = std::max(off, w.off), to = std::min(end, w.off + w.len);
        data.copy_out(from - off, {copy->data() + (from - w.off), to - from});
        w.data = IoBuf(Slice(copy, 0, static_cast<std::uint32_t>(w.len)));
    }
}
}  // namespace faultline::sim
