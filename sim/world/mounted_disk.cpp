// The view of a SimDisk that one incarnation of a node has: core/env/disk.h.
#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "sim/world/sim_disk.h"

namespace faultline::sim {
namespace {

// "./a//b/" and "a/b" are one path.
std::string normal(const std::string& path) {
    std::string out;
    std::size_t at = 0;
    while (at < path.size()) {
        const std::size_t slash = std::min(path.find('/', at), path.size());
        const std::string part = path.substr(at, slash - at);
        if (!part.empty() && part != ".") out += (out.empty() ? "" : "/") + part;
        at = slash + 1;
    }
    return out;
}

class Lock final : public DirLock {
public:
    Lock(std::shared_ptr<Incarnation> incarnation, bool& held)
        : incarnation_(std::move(incarnation)), held_(held) {}
    ~Lock() override {
        if (incarnation_->alive) held_ = false;
    }

private:
    std::shared_ptr<Incarnation> incarnation_;
    bool& held_;
};
}  // namespace

class SimFile final : public File {
public:
    SimFile(SimDisk& disk, std::shared_ptr<Incarnation> incarnation, InodeRef inode,
            std::string path)
        : disk_(disk),
          incarnation_(std::move(incarnation)),
          inode_(std::move(inode)),
          path_(std::move(path)),
          poison_(inode_->poison) {}

    Result<IoBuf> read(std::uint64_t off, std::size_t len) override {
        if (!incarnation_->alive) return dead("disk.read");
        ++inode_->reads;
        // From the page cache: it costs next to nothing, unless something is wrong with the disk.
        if (!disk_.faults_now_.empty()) {
            const bool slow = disk_.find(DiskFault::Kind::slow, "") != nullptr;
            disk_.pause_for(mix64(~inode_->key + inode_->reads),
                            slow ? disk_.options_.write_latency : Duration{0});
            if (!incarnation_->alive) return dead("disk.read");
            if (disk_.dir_lost(path_)) return Error{Errc::io, 5, "disk.read"};
        }
        if (troubled() && disk_.io_fails(DiskOp::read, path_, *inode_, off, len)) {
            return Error{Errc::io, 5, "disk.read"};
        }
        const auto& bytes = inode_->cache;
        if (off >= bytes.size()) return IoBuf{};
        return IoBuf::copy_of({bytes.data() + off, std::min<std::size_t>(len, bytes.size() - off)});
    }

    Result<void> write(std::uint64_t off, const IoBuf& data) override {
        FL_CHECK(usable("disk.write"));
        const std::uint64_t size = data.size();
        if (troubled() && disk_.io_fails(DiskOp::write, path_, *inode_, off, size)) {
            return Error{Errc::io, 5, "disk.write"};
        }
        const std::uint64_t key = mix64(inode_->key + inode_->operations);
        std::optional<IoBuf> instead;
        if (!disk_.faults_now_.empty()) instead = disk_.misdirected(path_, *inode_, off, data);
        const std::uint64_t taken = put(off, data, instead ? *instead : data);
        const bool full = taken < size;
        disk_.done(DiskOp::write, path_, inode_->label, off, taken, full ? 28 : 0);
        disk_.pause_for(key, disk_.options_.write_latency);
        if (!full) return {};
        disk_.no_room("a write found no space");
        return Error{Errc::no_space, 28, "disk.write"};
    }

    Result<void> sync(SyncMode) override {
        FL_CHECK(usable("disk.sync"));
        const std::uint64_t upto = disk_.operations_;
        disk_.pause_for(next_key(), disk_.options_.sync_latency);
        FL_CHECK(usable("disk.sync"));
        if (!disk_.faults_now_.empty()) {
            if (DiskFault* fault = disk_.find(DiskFault::Kind::sync_error, path_)) {
                return fail_sync(*fault, upto);
            }
            if (const DiskFault* lie = disk_.find(DiskFault::Kind::lying_sync, path_)) {
                disk_.faults_.effect(lie->fault, disk_.node_, "an fsync lied");
                disk_.done(DiskOp::sync, path_, inode_->label, 0, 0, 0);
                return {};
            }
        }
        std::uint64_t bytes = 0;
        auto& pending = inode_->pending;
        std::size_t kept = 0;
        for (PendingWrite& w : pending) {
            if (w.number < upto) {
                SimDisk::apply(*inode_, w, w.off, w.off + w.len);
                bytes += w.truncate ? 0 : w.len;
            } else {
                if (&pending[kept] != &w) pending[kept] = std::move(w);
                ++kept;
            }
        }
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(kept), pending.end());
        disk_.done(DiskOp::sync, path_, inode_->label, 0, bytes, 0);
        return {};
    }

    Result<void> reload() override {
        FL_CHECK(sync(SyncMode::data));
        // Writes that came while the disk was busy are still pending: seen, not yet durable.
        inode_->cache = inode_->platter;
        for (const PendingWrite& w : inode_->pending) {
            if (w.truncate) {
                inode_->cache.resize(w.off);
            } else {
                if (inode_->cache.size() < w.off + w.len) grow(w.off + w.len);
                w.data.copy_out(0, {inode_->cache.data() + w.off, w.len});
            }
        }
        inode_->forgot = false;
        disk_.rot_seen(path_, *inode_);
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        FL_CHECK(usable("disk.truncate"));
        const std::uint64_t key = next_key();
        if (size > inode_->cache.size()) disk_.at_most_ += size - inode_->cache.size();
        inode_->cache.resize(size);
        // What is cut off is gone, with its bad sectors.
        auto& bad = inode_->bad_sectors;
        bad.erase(bad.lower_bound((size + 511) / 512), bad.end());
        inode_->pending.push_back({disk_.operations_, key, true, size, 0, {}});
        disk_.done(DiskOp::truncate, path_, inode_->label, size, 0, 0);
        disk_.pause_for(key, disk_.options_.meta_latency);
        return {};
    }

    Result<void> preallocate(std::uint64_t) override { return usable("disk.preallocate"); }

    Result<std::uint64_t> size() override {
        if (!incarnation_->alive) return dead("disk.size");
        return inode_->cache.size();
    }

private:
    bool troubled() const { return !disk_.faults_now_.empty() || !inode_->bad_sectors.empty(); }
    std::uint64_t next_key() { return mix64(inode_->key + inode_->operations++); }
    Result<void> usable(const char* where) const {
        if (!incarnation_->alive) return dead(where);
        if (poison_ != inode_->poison) return Error{Errc::io, 5, where};
        if (!disk_.faults_now_.empty() && disk_.dir_lost(path_)) return Error{Errc::io, 5, where};
        return {};
    }
    // How much of it went into the cache: a full disk takes what fits. `later` goes to the platter.
    std::uint64_t put(std::uint64_t off, const IoBuf& data, const IoBuf& later) {
        std::uint64_t taken = data.size();
        const std::uint64_t before = inode_->cache.size(), end = off + taken;
        if (end > before) {
            const std::uint64_t reach = before + disk_.room_for(end - before);
            if (reach < end) taken = reach > off ? reach - off : 0;
        }
        if (taken == 0) return 0;
        if (before < off + taken) grow(off + taken);
        data.copy_out(0, {inode_->cache.data() + off, taken});
        inode_->pending.push_back(
            {disk_.operations_, next_key(), false, off, taken, later.sub(0, taken)});
        return taken;
    }
    // The kernel marks the pages clean although they never reached the platter.
    Error fail_sync(DiskFault& fault, std::uint64_t upto) {
        --fault.amount;
        const auto lost =
            std::erase_if(inode_->pending, [&](const PendingWrite& w) { return w.number < upto; });
        ++inode_->poison;
        inode_->forgot = true;
        disk_.done(DiskOp::sync, path_, inode_->label, 0, 0, 5);
        disk_.faults_.effect(
            fault.fault, disk_.node_,
            "fsync of " + path_ + " failed and forgot " + std::to_string(lost) + " writes");
        return Error{Errc::io, 5, "disk.sync"};
    }
    void grow(std::uint64_t size) {
        auto& bytes = inode_->cache;
        if (size > bytes.capacity())
            bytes.reserve(std::max<std::uint64_t>(size, bytes.capacity() * 2));
        bytes.resize(size);
    }

    SimDisk& disk_;
    std::shared_ptr<Incarnation> incarnation_;
    InodeRef inode_;
    std::string path_;
    std::uint32_t poison_;
};

class MountedDisk final : public Disk {
public:
    MountedDisk(SimDisk& disk, std::shared_ptr<Incarnation> incarnation)
        : disk_(disk), incarnation_(std::move(incarnation)) {}

    Result<FileRef> open(const std::string& raw, OpenMode mode) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.open"));
        auto it = disk_.names_.find(path);
        const bool exists = it != disk_.names_.end();
        if (exists && it->second->is_dir) return Error{Errc::invalid, 21, "disk.open"};
        if (exists && mode == OpenMode::create_new) return Error{Errc::exists, 17, "disk.open"};
        if (!exists) {
            if (mode == OpenMode::read || mode == OpenMode::read_write ||
                !has_dir(parent_of(path))) {
                return Error{Errc::not_found, 2, "disk.open"};
            }
            // What is counted is never less than what is used; the sum takes all files.
            if (disk_.at_most_ >= disk_.capacity() && disk_.used() >= disk_.capacity()) {
                disk_.no_room("a file found no space");
                return Error{Errc::no_space, 28, "disk.open"};
            }
            it = disk_.names_.emplace(path, disk_.make_inode(path, false)).first;
            InodeRef inode = it->second;
            disk_.entry_changed(*inode, parent_of(path), path, inode);
            disk_.done(DiskOp::create, path, inode->label, 0, 0, 0);
            disk_.pause_for(inode->key, disk_.options_.meta_latency);
            return FileRef(std::make_shared<SimFile>(disk_, incarnation_, std::move(inode), path));
        }
        return FileRef(std::make_shared<SimFile>(disk_, incarnation_, it->second, path));
    }

    Result<void> remove(const std::string& raw) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.remove"));
        const auto it = disk_.names_.find(path);
        if (it == disk_.names_.end()) return Error{Errc::not_found, 2, "disk.remove"};
        if (it->second->is_dir && has_children(path)) return Error{Errc::busy, 39, "disk.remove"};
        const InodeRef gone = it->second;
        disk_.names_.erase(it);
        disk_.entry_changed(*gone, parent_of(path), path, nullptr);
        return finish(DiskOp::remove, path, gone->label);
    }

    Result<void> rename(const std::string& raw_from, const std::string& raw_to) override {
        const std::string from = normal(raw_from), to = normal(raw_to);
        FL_CHECK(ready(from, "disk.rename"));
        FL_CHECK(ready(to, "disk.rename"));
        if (!disk_.names_.contains(from) || !has_dir(parent_of(to))) {
            return Error{Errc::not_found, 2, "disk.rename"};
        }
        // A directory takes its children along; the order of the entries keeps parents first.
        std::vector<std::pair<std::string, InodeRef>> moved;
        for (const auto& [path, inode] : disk_.names_) {
            if (path == from || path.starts_with(from + "/")) moved.emplace_back(path, inode);
        }
        for (const auto& [path, inode] : moved) {
            const std::string target = to + path.substr(from.size());
            disk_.names_.erase(path);
            disk_.names_[target] = inode;
            inode->label = disk_.recorder_.intern(target);
            // One entry of the parent changes; children are reached through it, durable or not.
            disk_.entry_changed(*moved.front().second, parent_of(to), target, inode);
            disk_.entry_changed(*moved.front().second, parent_of(to), path, nullptr);
        }
        return finish(DiskOp::rename, to, disk_.names_[to]->label);
    }

    Result<void> create_dir(const std::string& raw) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.create_dir"));
        if (path.empty() || disk_.names_.contains(path))
            return Error{Errc::exists, 17, "disk.create_dir"};
        if (!has_dir(parent_of(path))) return Error{Errc::not_found, 2, "disk.create_dir"};
        const InodeRef inode = disk_.make_inode(path, true);
        disk_.names_[path] = inode;
        disk_.entry_changed(*inode, parent_of(path), path, inode);
        return finish(DiskOp::create, path, inode->label);
    }

    Result<std::vector<DirEntry>> list(const std::string& raw) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.list"));
        if (!has_dir(path)) return Error{Errc::not_found, 2, "disk.list"};
        std::vector<DirEntry> entries;
        const std::string prefix = path.empty() ? "" : path + "/";
        for (auto it = disk_.names_.lower_bound(prefix); it != disk_.names_.end(); ++it) {
            if (!it->first.starts_with(prefix)) break;
            const std::string name = it->first.substr(prefix.size());
            if (name.empty() || name.find('/') != std::string::npos) continue;
            entries.push_back({name, it->second->is_dir, it->second->cache.size()});
        }
        // Paths are ordered with '/' among the letters, names are not.
        std::ranges::sort(entries, {}, &DirEntry::name);
        return entries;
    }

    Result<void> sync_dir(const std::string& raw) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.sync_dir"));
        if (!has_dir(path)) return Error{Errc::not_found, 2, "disk.sync_dir"};
        const std::uint64_t upto = disk_.operations_;
        disk_.pause_for(disk_.operations_, disk_.options_.sync_latency);
        FL_CHECK(ready(path, "disk.sync_dir"));
        const std::string key = path.empty() ? "." : path;
        std::erase_if(disk_.pending_entries_, [&](const auto& e) {
            if (e.parent != key || e.number >= upto) return false;
            if (e.inode == nullptr) {
                disk_.durable_names_.erase(e.path);
            } else {
                disk_.durable_names_[e.path] = e.inode;
            }
            return true;
        });
        disk_.done(DiskOp::sync_dir, path, disk_.recorder_.intern(key), 0, 0, 0);
        return {};
    }

    Result<std::unique_ptr<DirLock>> lock(const std::string& raw) override {
        const std::string path = normal(raw);
        FL_CHECK(ready(path, "disk.lock"));
        if (!has_dir(parent_of(path))) return Error{Errc::not_found, 2, "disk.lock"};
        bool& held = disk_.locks_[path];
        if (held) return Error{Errc::busy, 11, "disk.lock"};
        held = true;
        return std::unique_ptr<DirLock>(std::make_unique<Lock>(incarnation_, held));
    }

    Result<Usage> usage(const std::string& raw) override {
        FL_CHECK(ready(normal(raw), "disk.usage"));
        const std::uint64_t used = disk_.used(), all = disk_.capacity();
        return Usage{used < all ? all - used : 0, all};
    }

private:
    Result<void> ready(const std::string& path, const char* where) const {
        if (!incarnation_->alive) return dead(where);
        if (!disk_.faults_now_.empty() && disk_.dir_lost(path)) return Error{Errc::io, 5, where};
        return {};
    }
    Result<void> finish(DiskOp op, const std::string& path, Label label) {
        disk_.done(op, path, label, 0, 0, 0);
        disk_.pause_for(disk_.operations_, disk_.options_.meta_latency);
        return {};
    }
    bool has_dir(const std::string& path) const {
        if (path.empty() || path == "." || path == "/") return true;
        const auto it = disk_.names_.find(path);
        return it != disk_.names_.end() && it->second->is_dir;
    }
    bool has_children(const std::string& path) const {
        const auto it = disk_.names_.lower_bound(path + "/");
        return it != disk_.names_.end() && it->first.starts_with(path + "/");
    }
    SimDisk& disk_;
    std::shared_ptr<Incarnation> incarnation_;
};

std::unique_ptr<Disk> SimDisk::mount(std::shared_ptr<Incarnation> incarnation) {
    return std::make_unique<MountedDisk>(*this, std::move(incarnation));
}
}  // namespace faultline::sim
