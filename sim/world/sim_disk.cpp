#include "sim/world/sim_disk.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/text.h"

namespace faultline::sim {
namespace {
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t h = text.size();
    for (const char c : text) h = mix64(h ^ static_cast<unsigned char>(c));
    return h;
}
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

// How many of `more` bytes fit; they count as used from now on.
std::uint64_t SimDisk::room_for(std::uint64_t more) {
    const std::uint64_t limit = capacity();
    if (at_most_ + more > limit) at_most_ = used();  // the exact number: files may be gone
    const std::uint64_t fits = at_most_ >= limit ? 0 : std::min(more, limit - at_most_);
    at_most_ += fits;
    return fits;
}

InodeRef SimDisk::make_inode(const std::string& path, bool is_dir) {
    auto inode = std::make_shared<Inode>();
    inode->label = recorder_.intern(path);
    inode->is_dir = is_dir;
    if (births_.size() <= inode->label.v) births_.resize(inode->label.v + 1);
    inode->key = mix64(hash_of(path) + ++births_[inode->label.v]);
    return inode;
}

void SimDisk::on_operation(DiskOp op, std::string glob, std::uint32_t nth,
                           std::function<void()> fn) {
    watches_.push_back({op, std::move(glob), nth, std::move(fn)});
}

void SimDisk::done(DiskOp op, const std::string& path, Label label, std::uint64_t off,
                   std::uint64_t len, std::uint16_t sys) {
    ++operations_;
    recorder_.record(scheduler_.now(), DiskDone{node_, op, label, off, len, sys});
    if (watches_.empty()) return;
    std::vector<std::function<void()>> due;
    std::erase_if(watches_, [&](Watch& w) {
        if (w.op != op || !glob_match(w.glob, path) || --w.left > 0) return false;
        due.push_back(std::move(w.fn));
        return true;
    });
    for (const auto& fn : due) fn();
}

// `moved` is the file of the operation, whose entries have one fate: a rename happens or does not.
void SimDisk::entry_changed(const Inode& moved, std::string parent, const std::string& path,
                            InodeRef inode) {
    const std::uint64_t key =
        mix64((moved.key + moved.operations) ^ hash_of(recorder_.text(moved.label)));
    pending_entries_.push_back({operations_, key, std::move(parent), path, std::move(inode)});
}

void SimDisk::wipe() {
    names_.clear();
    durable_names_.clear();
    pending_entries_.clear();
    locks_.clear();
    at_most_ = 0;
}
}  // namespace faultline::sim
